// One model's answer to the text: its verdict at once, its words and figures a moment later.

class Side {
  constructor(page, place) {
    this.verdict = el("div", { class: "answer" });
    this.brief = el("span"); // the verdict in a word, where the window is small
    this.figures = el("div", { class: "figures" });
    this.problem = el("div", { class: "problem", role: "alert", hidden: true });
    this.more = el("button", { type: "button", class: "more", hidden: true, onclick: () => this.#deeper() }, DEEPER);
    this.box = el("article", { class: "side", "aria-label": place ? "The second model" : "The model" }, this.verdict, this.problem, this.figures, this.more);
    Object.assign(this, { page, place, data: null, words: null, state: null, choice: null, model: null, said: 0, problems: new Map() });
    this.quick = new Newest();
    this.slow = new Newest();
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  // The newest choice: asked for its verdict now, for its figures when that is quiet. turn: grows with each.
  ask(choice, turn, model, clamp) {
    const body = { inputs: choice.text, model: model.name };
    const isHeld = Object.keys(clamp).length > 0;
    const asked = { choice, turn, model, body: { ...body, parameters: isHeld ? { clamp } : {} } };
    this.asked = asked;
    this.figures.classList.add("old");
    if (isHeld) this.quick.drop(), this.complain("/predict", null);
    else this.quick.run((signal) => this.#verdict({ ...asked, body }, signal));
    this.slow.run((signal) => this.#explanation(asked, signal));
  }

  // What takes seconds, on request: words deleted in the order of their scores, and the tree of phrases.
  #deeper() {
    if (this.more.ariaDisabled === "true") return;
    const { body } = this.asked;
    const parameters = { ...body.parameters, faithfulness: true, phrases: !body.parameters.clamp };
    this.more.ariaDisabled = "true";
    this.more.textContent = "Testing …";
    this.slow.run((signal) => this.#explanation({ ...this.asked, body: { ...body, parameters } }, signal).finally(() => this.#ready()));
  }

  #ready() {
    const hadFocus = document.activeElement === this.more;
    this.more.ariaDisabled = "false";
    this.more.textContent = DEEPER;
    this.more.hidden = !this.data || this.data.trust !== null || this.data.words.length < 2;
    if (hadFocus && this.more.hidden) this.figures.querySelector(".text")?.focus({ preventScroll: true });
  }

  async #verdict({ choice, turn, model, body }, signal) {
    const scores = await this.#answer("/predict", body, turn, signal);
    if (!scores || !this.page.isNow(choice) || this.choice === choice) return;
    const probabilities = scores.map(({ label, score }) => [label, score]);
    this.#say(choice, turn, model, { label: probabilities[0][0], probabilities });
  }

  async #explanation({ choice, turn, model, body }, signal) {
    await pause(60, signal);
    const found = await this.#answer("/explain", body, turn, signal);
    if (!found) return;
    if (this.page.isNow(choice)) this.quick.drop(), this.complain("/predict", null); // its verdict is in here
    const before = this.text;
    this.words = found.explanation.words;
    this.text = choice.text;
    this.data = found.page;
    this.choice = choice;
    this.model = model;
    this.#draw(found.page, before);
    this.#say(choice, turn, model, found.page.verdict);
    this.page.drawn(this, choice);
  }

  async #answer(path, body, turn, signal) {
    const onwait = (error) => this.complain(path, error);
    try {
      const found = await askOn(path, body, { signal, onwait });
      this.complain(path, null);
      return found;
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.page.refused(this, error, path)) this.complain(path, error);
      this.#refused(path, body, turn);
      return null;
    }
  }

  // Where there is no answer to this text, that to an earlier one is not left in its place.
  #refused(path, { parameters }, turn) {
    if (turn < this.said) return;
    if (path === "/explain") this.figures.hidden = this.more.hidden = true;
    if (path === "/predict" || parameters.clamp) this.verdict.replaceChildren(), this.brief.replaceChildren();
  }

  // Say why there is no answer to a path; null: there is one.
  complain(path, error) {
    this.problems.set(path, error);
    const [shown = null] = Array.from(this.problems.values()).filter(Boolean);
    if (this.shown === shown?.message) return; // it is read aloud when it changes
    this.shown = shown?.message;
    this.problem.hidden = shown === null;
    this.problem.replaceChildren(...(shown ? [el("p", {}, shown.message), shown.hint ? el("p", { class: "note" }, shown.hint) : ""] : []));
  }

  // A verdict, unless one of a later choice has been said.
  #say(choice, turn, model, verdict) {
    if (turn < this.said) return;
    this.said = turn;
    const facts = { model: null, steps: 0, words_total: 0, push: null, ...(this.data && sameLabels(this.data, verdict) ? { push: this.data.push } : {}) };
    const many = this.page.isComparing();
    const drawn = drawVerdict({ data: { ...facts, verdict } }, "h2");
    const [layer] = model.layers;
    const kind = layer ? `${layer.cell.replace(/lstm|gru|rnn/, (name) => name.toUpperCase())}, ${plural(layer.units, "unit")}${layer.directions > 1 ? ", reading both ways" : ""}` : "";
    drawn[0].replaceChildren(el("b", { id: `side${this.place}-name` }, many ? this.page.nameOf(this.place) : model.name), kind && ` · ${kind}`);
    this.verdict.replaceChildren(...drawn);
    const [label, share] = verdict.probabilities[0];
    const found = { label, share, side: sideOfLabel({ ...facts, verdict }, label) };
    this.brief.replaceChildren(came(found));
    this.page.settled(this, choice, found);
  }

  // before: the text whose figures these take the place of.
  #draw(data, before) {
    const { figures, state } = this;
    const follow = {};
    if (state) state.data.tracks.forEach((track, place) => (follow[track.name] = track.drawn[state.units[place]]));
    const isSame = state !== null && before === this.text && state.data.words.length === data.words.length;
    const by = isSame ? figures.querySelector(".by")?.value : "";
    figures.hidden = false;
    this.page.quietly(() => {
      this.state = show(data, figures, {
        bare: true,
        prefix: `side${this.place}-`,
        whose: `side${this.place}-name`,
        follow,
        track: state && state.track < data.tracks.length ? state.track : null,
        word: this.page.wordAfterEdit(this.text) ?? (isSame && state.held ? state.word : null),
        onword: () => this.page.lit(this),
        tools: () => this.page.tools(this),
      });
    });
    if (by) figures.querySelector(".by").value = by;
    figures.classList.remove("old");
    requestAnimationFrame(() => figures.classList.toggle("old", !this.page.isNow(this.choice)));
    this.#ready();
  }

  // The held word, as the explanation has it; null where a long text's middle stands for many.
  get word() {
    const { state, words } = this;
    if (!state || !state.held || state.word === null || state.data.words[state.word].gap) return null;
    const gap = state.data.words.findIndex((word) => word.gap);
    return words[gap < 0 || state.word < gap ? state.word : words.length - state.data.words.length + state.word];
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const isText = event.target.classList.contains("text");
    const acts = {
      Delete: isText && (() => this.page.remove(this)),
      Backspace: isText && (() => this.page.remove(this)),
      Enter: isText && (() => this.figures.querySelector(".by")?.focus()),
      Escape: event.target.closest(".tools") && (() => this.figures.querySelector(".text")?.focus()),
    };
    if (acts[event.key]) acts[event.key](), event.preventDefault();
  }

  forget() {
    this.quick.drop();
    this.slow.drop();
  }
}

const DEEPER = "Test these words, and join them to phrases";
const labelsOf = (verdict) => JSON.stringify(verdict.probabilities.map(([label]) => label).sort());
const sameLabels = (data, verdict) => data.verdict && labelsOf(data.verdict) === labelsOf(verdict);
