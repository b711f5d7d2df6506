// One model's answer to the text: its verdict at once, its words and figures a moment later.

class Side {
  constructor(page, place) {
    this.verdict = el("div", { class: "answer" });
    this.brief = el("span"); // the verdict in a word, where the window is small
    this.figures = el("div", { class: "figures" });
    this.problem = el("div", { class: "problem", role: "alert", hidden: true });
    this.more = el("button", { type: "button", class: "more", hidden: true, onclick: () => this.#deeper() }, "Test these words, and join them to phrases");
    this.box = el("article", { class: "side", "aria-label": place ? "The second model" : "The model" }, this.verdict, this.problem, this.figures, this.more);
    Object.assign(this, { page, place, data: null, words: null, state: null, choice: null });
    this.quick = new Newest();
    this.slow = new Newest();
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  // The newest choice: asked for its verdict now, for its figures when that is quiet.
  ask(choice, model, clamp) {
    const body = { inputs: choice.text, model: model.name };
    const isHeld = Object.keys(clamp).length > 0;
    this.figures.classList.add("old");
    if (!isHeld) this.quick.run((signal) => this.#verdict(choice, model, body, signal));
    const parameters = isHeld ? { clamp } : {};
    this.asked = [choice, model, { ...body, parameters }];
    this.more.hidden = true;
    this.slow.run((signal) => this.#explanation(...this.asked, signal));
  }

  // What takes seconds, on request: words deleted in the order of their scores, and the tree of phrases.
  #deeper() {
    const [choice, model, body] = this.asked;
    const parameters = { ...body.parameters, faithfulness: true, phrases: !body.parameters.clamp };
    this.more.disabled = true;
    this.slow.run((signal) => this.#explanation(choice, model, { ...body, parameters }, signal).finally(() => (this.more.disabled = false)));
  }

  async #verdict(choice, model, body, signal) {
    const scores = await this.#asked("/predict", body, signal);
    if (!scores || !this.page.isNow(choice)) return;
    const probabilities = scores.map(({ label, score }) => [label, score]);
    if (this.choice !== choice) this.#say(model, { label: probabilities[0][0], probabilities });
  }

  async #explanation(choice, model, body, signal) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (signal.aborted) return;
    const found = await this.#asked("/explain", body, signal);
    if (!found) return;
    this.words = found.explanation.words;
    this.text = choice.text;
    this.data = found.page;
    this.choice = choice;
    this.#say(model, found.page.verdict);
    this.#draw(found.page);
    this.page.settled(this, choice);
  }

  async #asked(path, body, signal) {
    try {
      const found = await ask(path, body, { signal });
      this.problem.hidden = true;
      return found;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      this.page.refused(this, error, path);
      return null;
    }
  }

  complain(error) {
    this.problem.hidden = false;
    this.problem.replaceChildren(el("p", {}, error.message), error.hint ? el("p", { class: "note" }, error.hint) : null);
    this.figures.replaceChildren();
  }

  #say(model, verdict) {
    const facts = { model: null, steps: 0, words_total: 0, push: null, ...(this.data && sameLabels(this.data, verdict) ? { push: this.data.push } : {}) };
    const many = this.page.isComparing();
    const drawn = drawVerdict({ data: { ...facts, verdict } }, "h2");
    const [layer] = model.layers;
    const kind = layer ? `${layer.cell.replace(/lstm|gru|rnn/, (name) => name.toUpperCase())}, ${plural(layer.units, "unit")}${layer.directions > 1 ? ", reading both ways" : ""}` : "";
    drawn[0].replaceChildren(el("b", {}, many ? this.page.nameOf(this.place) : model.name), kind && ` · ${kind}`);
    this.verdict.replaceChildren(...drawn);
    const [label, share] = verdict.probabilities[0];
    this.brief.replaceChildren(came({ label, share, side: sideOfLabel({ ...facts, verdict }, label) }));
  }

  #draw(data) {
    const { figures, state } = this;
    const hadFocus = figures.contains(document.activeElement) && document.activeElement.classList.contains("text");
    const open = Array.from(figures.querySelectorAll("details"), (node) => node.open);
    const follow = {};
    if (state) state.data.tracks.forEach((track, place) => (follow[track.name] = track.drawn[state.units[place]]));
    this.state = show(data, figures, {
      bare: true,
      prefix: `side${this.place}-`,
      follow,
      onword: () => this.page.lit(this),
      tools: () => this.page.tools(this),
    });
    figures.classList.remove("old");
    this.more.hidden = data.trust !== null || data.words.length < 2;
    figures.querySelectorAll("details").forEach((node, place) => (node.open = Boolean(open[place])));
    if (hadFocus) figures.querySelector(".text")?.focus({ preventScroll: true });
  }

  // The held word, as the explanation has it; null where a long text's middle stands for many.
  get word() {
    const { state, words } = this;
    if (!state || !state.held || state.word === null || state.data.words.length !== words.length) return null;
    return words[state.word];
  }

  key(event) {
    if (!event.target.classList.contains("text")) return;
    if (event.key === "Delete" || event.key === "Backspace") this.page.remove(this), event.preventDefault();
    if (event.key === "Enter") this.box.querySelector(".readout .by")?.focus(), event.preventDefault();
  }

  forget() {
    this.quick.drop();
    this.slow.drop();
  }
}

const sameLabels = (data, verdict) => data.verdict && data.verdict.probabilities.length === verdict.probabilities.length;
