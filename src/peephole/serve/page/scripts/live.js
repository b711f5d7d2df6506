// The page: what is chosen, who is asked, and what is shown of it.

const TYPING = 90; // milliseconds without a key after which the server is asked
const TALE = "Type or paste a text. You see what the model says of it, and what every gate did, while you type.";

class Page {
  constructor(models, start) {
    this.models = new Map(models.models.map((model) => [model.name, model]));
    this.choice = { text: start.text, model: this.models.has(start.model) ? start.model : models.default, other: this.#other(start.other), scope: start.scope, held: start.held };
    this.past = new Past();
    this.holds = drawHolds(this);
    this.sides = [new Side(this, 0), new Side(this, 1)];
    this.waiting = 0;
    this.mirroring = false;
    this.#make();
    this.past.add("at first", "", this.choice);
    this.#refresh();
  }

  #other(other) {
    const [kind, name] = [other.slice(0, other.indexOf(":")), other.slice(other.indexOf(":") + 1)];
    return kind === "free" || (kind === "model" && this.models.has(name)) ? other : "";
  }

  #make() {
    const area = el("textarea", {
      id: "text", rows: "3", spellcheck: "false", autocomplete: "off", dir: "auto", placeholder: "Not bad at all.", "aria-describedby": "tale",
      oninput: () => {
        this.#grow();
        clearTimeout(this.waiting);
        this.waiting = setTimeout(() => this.change({ text: area.value }, "typed", "typed"), TYPING);
      },
    });
    const hint = el("p", { class: "note hint", "aria-live": "polite" });
    const example = ({ name, text, hint: words }) =>
      el("button", { type: "button", class: "chip", onclick: () => this.change({ text, held: {}, scope: "all" }, `example: ${name}`, "") || (hint.textContent = words) }, name);
    const names = Array.from(this.models.keys());
    const first = el("select", { id: "model", onchange: () => this.change({ model: first.value }, `model ${first.value}`, "") }, names.map((name) => el("option", { value: name }, name)));
    const other = el(
      "select",
      { id: "other", onchange: () => this.change({ other: other.value }, other.value ? `beside ${this.#named(other.value)}` : "one model", "") },
      el("option", { value: "" }, "nothing"),
      names.length > 1 ? names.map((name) => el("option", { value: `model:${name}` }, name)) : null,
      el("option", { value: "free:" }, "the same, nothing held"),
    );
    const said = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
    const save = el("button", { type: "button", onclick: () => this.#download(save) }, "Download");
    const copy = el("button", { type: "button", onclick: () => this.#copy(copy) }, "Copy link");
    const link = el("input", { class: "link", readonly: true, hidden: true, "aria-label": "The link" });
    const secret = el("input", { type: "password", id: "token", autocomplete: "off", required: true });
    const token = el(
      "form",
      { class: "token", hidden: true, onsubmit: (event) => (event.preventDefault(), sessionStorage.setItem(TOKEN, secret.value.trim()), (token.hidden = true), this.#refresh()) },
      el("label", { for: "token" }, "This server wants a token"), secret, el("button", {}, "Use it"),
    );
    Object.assign(this, { area, first, other, said, link, token, hint });
    const pane = el(
      "div",
      { class: "pane" },
      (this.brief = el("div", { class: "brief", "aria-hidden": "true" })),
      el("label", { class: "unseen", for: "text" }, "The text"),
      area,
      el("div", { class: "chips", role: "group", "aria-label": "Examples" }, EXAMPLES.map(example)),
      hint,
      token,
      el("div", { class: "models" }, el("label", { for: "model" }, "Model"), first, el("label", { for: "other" }, "Beside it"), other),
      this.holds.box,
      drawPast(this.past, (choice) => choice && this.#restore(choice)),
    );
    const watch = new IntersectionObserver(([{ isIntersecting }]) => this.brief.classList.toggle("shown", !isIntersecting));
    watch.observe(this.sides[0].verdict);
    document.body.replaceChildren(
      el("header", { class: "top" }, el("div", {}, el("h1", {}, "Peephole"), el("p", { id: "tale" }, TALE)), el("div", { class: "acts" }, copy, save, link)),
      el("main", { class: "desk" }, pane, (this.holder = el("div", { class: "sides" })), said),
      el("footer", { class: "end" }, "The text goes to this server and nowhere else. ", el("a", { href: "/openapi.json" }, "The API")),
    );
  }

  #grow() {
    this.area.style.height = "auto";
    this.area.style.height = px(this.area.scrollHeight + 2);
  }

  #named(other) {
    return other.startsWith("free:") ? `${this.choice.model}, nothing held` : other.slice("model:".length);
  }

  nameOf(place) {
    return place ? this.#named(this.choice.other) : this.choice.model;
  }

  isComparing() {
    return this.choice.other !== "";
  }

  isNow(choice) {
    return this.choice === choice;
  }

  change(part, what, kind) {
    clearTimeout(this.waiting);
    const next = { ...this.choice, ...part };
    if (same(next, this.choice)) return;
    this.choice = next;
    this.past.add(what, kind, next);
    this.#refresh();
  }

  #restore(choice) {
    clearTimeout(this.waiting);
    this.choice = choice;
    this.#refresh();
  }

  // Ask again, and show what is chosen.
  #refresh() {
    const { text, model, other, held, scope } = this.choice;
    if (this.area.value !== text) this.area.value = text;
    this.#grow();
    this.first.value = model;
    this.other.value = other;
    this.hint.hidden = !EXAMPLES.some((one) => one.text === text) && !this.past.entries.some(({ choice }) => EXAMPLES.some((one) => one.text === choice.text));
    this.holder.classList.toggle("two", this.isComparing());
    const shown = this.isComparing() ? this.sides : [this.sides[0]];
    this.holder.replaceChildren(...shown.map((side) => side.box));
    this.brief.replaceChildren(...shown.map((side) => side.brief));
    if (!this.isComparing()) this.sides[1].forget();
    shown.forEach((side, place) => {
      const name = place && other.startsWith("model:") ? other.slice("model:".length) : model;
      const free = place === 1 && other.startsWith("free:");
      side.ask(this.choice, this.models.get(name), free ? {} : clampOf(held, scope, this.models.get(name).values));
    });
    if (this.sides[0].data) this.holds.tell(this.sides[0].data, this.sides[0].state.units);
  }

  settled(side, choice) {
    const { data } = side;
    if (!this.isNow(choice) || !data.verdict) return;
    const [label, share] = data.verdict.probabilities[0];
    this.past.settle(choice, side.place, { label, share, side: sideOfLabel(data, label) });
    if (side.place === 0) {
      this.holds.tell(data, side.state.units);
      side.state.on("unit", () => this.holds.tell(data, side.state.units));
      this.said.textContent = `${label}, ${percent(share)}`;
      document.title = `${label}, ${percent(share)} · Peephole`;
    }
  }

  refused(side, error, path) {
    if (error.status === 401) return void ((this.token.hidden = false), side.complain(error));
    if (error.status === 503) return void setTimeout(() => this.#refresh(), 1000 * Number(error.wait || 1));
    if (path === "/predict" && error.status === 422) return; // the explanation's own refusal says it
    side.complain(error);
  }

  // A word lit in one text is lit in the other, where both have the same words.
  lit(side) {
    if (this.mirroring) return;
    const other = this.sides[1 - side.place];
    this.sides.forEach((one) => one.box.classList.toggle("touched", one === side));
    if (!this.isComparing() || !other.state || other.state.data.words.length !== side.state.data.words.length) return;
    this.mirroring = true;
    other.state.light(side.state.word, side.state.word === null ? "clear" : side.state.held ? "hold" : "hover");
    this.mirroring = false;
  }

  tools(side) {
    const by = el("input", { class: "by", placeholder: "another word", "aria-label": "Another word in its place", autocomplete: "off" });
    const replace = (event) => {
      event.preventDefault();
      const { word } = side;
      if (word && by.value.trim()) this.edit(replaced(side.text, word, by.value.trim()), `${word.text.trim()} → ${by.value.trim()}`);
    };
    return [
      el("button", { type: "button", onclick: () => this.remove(side) }, "Remove"),
      el("form", { onsubmit: replace }, by, el("button", {}, "Replace")),
    ];
  }

  remove(side) {
    const { word } = side;
    if (word) this.edit(without(side.text, word), `− ${word.text.trim()}`);
  }

  edit(text, what) {
    if (text.length >= 0) this.change({ text }, what, "");
  }

  async #download(button) {
    const { text, model, held, scope } = this.choice;
    const clamp = clampOf(held, scope, this.models.get(model).values);
    const isHeld = Object.keys(clamp).length > 0;
    const parameters = isHeld ? { clamp, faithfulness: true } : { phrases: true, faithfulness: true };
    button.disabled = true;
    try {
      const file = await ask("/explain", { inputs: text, model, parameters }, { accept: "text/html" });
      const address = URL.createObjectURL(file);
      el("a", { href: address, download: "peephole.html" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      this.refused(this.sides[0], error, "/explain");
    } finally {
      button.disabled = false;
    }
  }

  async #copy(button) {
    const address = linkOf(this.choice);
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy link"), 1500);
    } catch {
      this.link.hidden = false; // without a secure connection a page may not write to the clipboard
      this.link.value = address;
      this.link.select();
    }
  }
}

async function begin() {
  const start = stateOfLink(location.hash);
  if (!start.given) start.text = EXAMPLES[2].text;
  try {
    globalThis.peephole.page = new Page(await ask("/models"), start);
  } catch (error) {
    if (error.status !== 401) return void document.body.replaceChildren(el("p", { class: "alone", role: "alert" }, error.message));
    const secret = el("input", { type: "password", id: "token", required: true });
    const use = (event) => (event.preventDefault(), sessionStorage.setItem(TOKEN, secret.value.trim()), begin());
    document.body.replaceChildren(
      el("main", { class: "alone" }, el("h1", {}, "Peephole"), el("form", { class: "token", onsubmit: use }, el("label", { for: "token" }, "This server wants a token"), secret, el("button", {}, "Use it"))),
    );
  }
}

addEventListener("hashchange", () => location.reload());
begin();
