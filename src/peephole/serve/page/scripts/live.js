// The page: what is chosen, who is asked, and what is shown of it.

const TYPING = 90; // milliseconds without a key after which the server is asked
const QUIET = 700; // milliseconds without a verdict after which the last one is read aloud
const TALE = "Type or paste a text. You see what the model says of it, and what every gate did, while you type.";

class Page {
  constructor(models, start) {
    this.models = new Map(models.models.map((model) => [model.name, model]));
    this.choice = { text: start.text, model: this.models.has(start.model) ? start.model : models.default, other: this.#other(start.other), scope: start.scope, held: start.held };
    this.past = new Past();
    this.holds = drawHolds(this);
    this.sides = [new Side(this, 0), new Side(this, 1)];
    Object.assign(this, { waiting: 0, telling: 0, turn: 0, mirroring: false, edited: null });
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
        this.waiting = setTimeout(() => this.#taken(), TYPING);
      },
      onchange: () => this.#taken(),
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
    const use = (event) => {
      event.preventDefault();
      sessionStorage.setItem(TOKEN, secret.value.trim());
      secret.value = "";
      token.hidden = true;
      this.#refresh();
    };
    const token = el("form", { class: "token", hidden: true, onsubmit: use }, el("label", { for: "token" }, "This server wants a token"), secret, el("button", {}, "Use it"));
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
    );
    const past = drawPast(this.past, (place) => this.go(place));
    const watch = new IntersectionObserver(([{ isIntersecting }]) => this.brief.classList.toggle("shown", !isIntersecting));
    watch.observe(this.sides[0].verdict);
    document.body.replaceChildren(
      el("header", { class: "top" }, el("div", {}, el("h1", {}, "Peephole"), el("p", { id: "tale" }, TALE)), el("div", { class: "acts" }, copy, save, link)),
      el("main", { class: "desk" }, pane, (this.holder = el("div", { class: "sides" })), said),
      el("footer", { class: "end" }, "The text goes to this server and nowhere else. ", el("a", { href: "/openapi.json" }, "The API")),
    );
    // Beside the verdict where there is room, else below it: the verdict must not be pushed out of the window.
    const settle = () => (wide.matches ? pane : this.holder.parentElement).append(past);
    wide.addEventListener("change", settle);
    settle();
    addEventListener("keydown", (event) => this.#key(event));
  }

  // As tall as its text. Growing needs no look at it from nothing, which would make what is below jump.
  #grow() {
    const { area } = this;
    if (area.value.length < this.length) area.style.height = "auto";
    this.length = area.value.length;
    if (area.scrollHeight > area.clientHeight || !area.style.height || area.style.height === "auto") area.style.height = px(area.scrollHeight + 2);
  }

  // What stands in the field is chosen, even if the hand has just left the keys.
  #taken() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    const text = this.area.value;
    if (text !== this.choice.text) this.#choose({ text }, endOf(text), "typed");
  }

  // Control and Z, where no field has its own.
  #key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return;
    if (event.target.matches("textarea, input:not([type=range])")) return;
    event.preventDefault();
    this.go((at) => at + (event.shiftKey ? 1 : -1));
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
    if (this.waiting) this.#taken();
    this.#choose(part, what, kind);
  }

  #choose(part, what, kind) {
    const next = { ...this.choice, ...part };
    if (same(next, this.choice)) return;
    this.choice = next;
    this.edited = null;
    this.past.add(what, kind, next);
    this.#refresh();
  }

  // Go to a place of what was tried, given the present one.
  go(place) {
    if (this.waiting) this.#taken();
    const choice = this.past.go(place(this.past.at));
    if (!choice) return;
    this.choice = choice;
    this.edited = null;
    this.#refresh();
  }

  // Ask again, and show what is chosen.
  #refresh() {
    const { text, model, other, held, scope } = this.choice;
    if (this.area.value !== text) (this.area.value = text), (this.length = Infinity);
    this.#grow();
    this.first.value = model;
    this.other.value = other;
    this.hint.hidden = !EXAMPLES.some((one) => one.text === text) && !this.past.entries.some(({ choice }) => EXAMPLES.some((one) => one.text === choice.text));
    this.holder.classList.toggle("two", this.isComparing());
    const shown = this.isComparing() ? this.sides : [this.sides[0]];
    if (this.holder.childElementCount !== shown.length) {
      this.holder.replaceChildren(...shown.map((side) => side.box)); // only then: what is taken out loses the focus
      this.brief.replaceChildren(...shown.map((side) => side.brief));
    }
    if (!this.isComparing()) this.sides[1].forget();
    this.turn++;
    shown.forEach((side, place) => {
      const name = place && other.startsWith("model:") ? other.slice("model:".length) : model;
      const free = place === 1 && other.startsWith("free:");
      side.ask(this.choice, this.turn, this.models.get(name), free ? {} : clampOf(held, scope, this.models.get(name)));
    });
    this.#tellHolds();
  }

  #tellHolds() {
    const { data, state, model } = this.sides[0];
    if (data) this.holds.tell(data, state.units, model.values);
  }

  // A verdict was shown.
  settled(side, choice, came) {
    if (!this.isNow(choice)) return;
    this.past.settle(choice, side.place, came);
    if (side.place !== 0) return;
    const words = `${came.label}, ${percent(came.share)}`;
    document.title = `${words} · Peephole`;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => (this.said.textContent = words), QUIET); // not at every key
  }

  // Figures were drawn.
  drawn(side) {
    if (side.place !== 0) return;
    this.#tellHolds();
    side.state.on("unit", () => this.#tellHolds());
  }

  // Returns whether the side has to say it.
  refused(side, error, path) {
    if (error.status === 401) this.token.hidden = false;
    return !(path === "/predict" && error.status === 422); // the explanation's own refusal says it
  }

  // Draw without passing on which word is lit.
  quietly(draw) {
    const { mirroring } = this;
    this.mirroring = true;
    draw();
    this.mirroring = mirroring;
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
      const other = by.value.trim();
      if (!word || !other) return;
      by.value = "";
      this.edit(side, replaced(side.text, word, other), `${word.text.trim()} → ${other}`);
    };
    return [
      el("button", { type: "button", onclick: () => this.remove(side) }, "Remove"),
      el("form", { onsubmit: replace }, by, el("button", {}, "Replace")),
    ];
  }

  remove(side) {
    const { word } = side;
    if (word) this.edit(side, without(side.text, word), `− ${word.text.trim()}`);
  }

  // A side's text, unless another has been written since; the word that comes to stand there is held.
  edit(side, text, what) {
    if (this.waiting) this.#taken();
    if (side.text !== this.choice.text) return;
    this.change({ text }, what, "");
    this.edited = { text, word: side.state.word };
  }

  wordAfterEdit(text) {
    return this.edited && this.edited.text === text ? this.edited.word : null;
  }

  async #download(button) {
    const { text, model, held, scope } = this.choice;
    const clamp = clampOf(held, scope, this.models.get(model));
    const isHeld = Object.keys(clamp).length > 0;
    const parameters = isHeld ? { clamp, faithfulness: true } : { phrases: true, faithfulness: true };
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    button.textContent = "Preparing …";
    const [side] = this.sides;
    const onwait = (error) => side.complain("download", error);
    try {
      const file = await askOn("/explain", { inputs: text, model, parameters }, { accept: "text/html", onwait });
      side.complain("download", null);
      const address = URL.createObjectURL(file);
      el("a", { href: address, download: "peephole.html" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      this.refused(side, error, "download");
      side.complain("download", error);
    } finally {
      button.ariaDisabled = "false";
      button.textContent = "Download";
    }
  }

  async #copy(button) {
    const address = linkOf(this.choice);
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = this.said.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy link"), 1500);
    } catch {
      this.link.hidden = false; // without a secure connection a page may not write to the clipboard
      this.link.value = address;
      this.link.focus();
      this.link.select();
    }
  }
}

async function begin() {
  const start = stateOfLink(location.hash);
  if (!start.given) start.text = EXAMPLES[2].text;
  const alone = (...nodes) => document.body.replaceChildren(el("main", { class: "alone" }, el("h1", {}, "Peephole"), ...nodes));
  try {
    const models = await askOn("/models", undefined, { onwait: ({ message, hint }) => alone(el("p", { role: "alert" }, `${message} ${hint}`)) });
    globalThis.peephole.page = new Page(models, start);
  } catch (error) {
    if (error.status !== 401) return void alone(el("p", { role: "alert" }, error.message));
    const secret = el("input", { type: "password", id: "token", autocomplete: "off", required: true });
    const use = (event) => (event.preventDefault(), sessionStorage.setItem(TOKEN, secret.value.trim()), begin());
    alone(
      sessionStorage.getItem(TOKEN) ? el("p", { role: "alert" }, "That is not this server's token.") : null,
      el("form", { class: "token", onsubmit: use }, el("label", { for: "token" }, "This server wants a token"), secret, el("button", {}, "Use it")),
    );
    secret.focus();
  }
}

addEventListener("hashchange", () => location.reload());
begin();
