// What was tried, with what came of it: each change with its verdict, to go back to and forth.

const MOST_KEPT = 200;
const TOGETHER = 2500; // milliseconds between changes of one kind that count as one

class Past {
  constructor() {
    Object.assign(this, { entries: [], at: -1, listeners: [] });
  }

  on(listener) {
    this.listeners.push(listener);
  }

  #tell() {
    this.listeners.forEach((listener) => listener());
  }

  get now() {
    return this.entries[this.at] || null;
  }

  // what: in words; kind: changes of one kind in a row are one; choice: what was chosen.
  add(what, kind, choice) {
    const { now } = this;
    if (now && same(now.choice, choice)) return;
    const moment = Date.now();
    const entry = { what, kind, choice, verdicts: [], moment };
    this.entries.length = this.at + 1;
    if (now && kind && now.kind === kind && moment - now.moment < TOGETHER) this.entries[this.at] = entry;
    else this.entries.push(entry);
    if (this.entries.length > MOST_KEPT) this.entries.shift();
    this.at = this.entries.length - 1;
    this.#tell();
  }

  // Keep the verdict that a choice came to, if it is still the present one.
  settle(choice, side, verdict) {
    const { now } = this;
    if (!now || !same(now.choice, choice)) return;
    now.verdicts[side] = verdict;
    this.#tell();
  }

  go(place) {
    if (place < 0 || place >= this.entries.length) return null;
    this.at = place;
    this.#tell();
    return this.now.choice;
  }
}

const came = ({ label, share, side }) => el("span", { class: `came ${side || ""}` }, el("bdi", {}, label), ` ${percent(share)}`);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function drawPast(past, restore) {
  const back = el("button", { type: "button", onclick: () => restore(past.go(past.at - 1)) }, "Undo");
  const forth = el("button", { type: "button", onclick: () => restore(past.go(past.at + 1)) }, "Redo");
  const list = el("ol", {});
  const box = el("section", { class: "past", "aria-label": "What you tried" }, el("div", { class: "bar" }, el("h2", {}, "What you tried"), back, forth), list);
  past.on(() => {
    back.disabled = past.at <= 0;
    forth.disabled = past.at >= past.entries.length - 1;
    box.hidden = past.entries.length < 2;
    const shown = past.entries.map((entry, place) => [entry, place]).slice(-8).reverse();
    list.replaceChildren(
      ...shown.map(([{ what, verdicts }, place]) =>
        el(
          "li",
          {},
          el(
            "button",
            { type: "button", "aria-current": place === past.at ? "true" : null, onclick: () => restore(past.go(place)) },
            el("span", { class: "what" }, what),
            el("span", {}, verdicts.filter(Boolean).flatMap((one, n) => [n ? " · " : "", came(one)])),
          ),
        ),
      ),
    );
  });
  return box;
}
