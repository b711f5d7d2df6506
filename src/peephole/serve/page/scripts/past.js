// What was tried, with what came of it: each change with its verdict, to go back to and forth.

const MOST_KEPT = 200;
const MOST_SHOWN = 8;
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
    this.now.kind = ""; // what is changed from here on is something new
    this.#tell();
    return this.now.choice;
  }
}

const came = ({ label, share, side }) => el("span", { class: `came ${side || ""}` }, el("bdi", {}, label), ` ${percent(share)}`);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// The end of a text, where it is being written.
function endOf(text, most = 30) {
  const letters = Array.from(text.trim().replace(/\s+/g, " "));
  if (!letters.length) return "no text";
  return letters.length <= most ? `“${letters.join("")}”` : `“…${letters.slice(1 - most).join("").trim()}”`;
}

// go: to the so-maniest entry.
function drawPast(past, go) {
  // A button that cannot be pressed stays in the order of tabs: the focus must not be lost by the last step back.
  const step = (words, by) => el("button", { type: "button", onclick: () => go((at) => at + by) }, words);
  const [back, forth] = [step("Undo", -1), step("Redo", 1)];
  const list = el("ol", {});
  const box = el("section", { class: "past", "aria-label": "What you tried" }, el("div", { class: "bar" }, el("h2", {}, "What you tried"), back, forth), list);
  const line = ({ what, verdicts }, place) =>
    el(
      "li",
      {},
      el(
        "button",
        { type: "button", "aria-current": place === past.at ? "true" : null, "data-place": place, onclick: () => go(() => place) },
        el("span", { class: "what" }, el("bdi", {}, what)),
        el("span", {}, verdicts.filter(Boolean).flatMap((one, n) => [n ? " · " : "", came(one)])),
      ),
    );
  past.on(() => {
    back.setAttribute("aria-disabled", String(past.at <= 0));
    forth.setAttribute("aria-disabled", String(past.at >= past.entries.length - 1));
    box.hidden = past.entries.length < 2;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    const first = Math.max(0, Math.min(past.entries.length - MOST_SHOWN, past.at - 1));
    list.replaceChildren(...past.entries.map(line).slice(first, first + MOST_SHOWN).reverse());
    if (focused !== null) (list.querySelector(`[data-place="${focused}"]`) || back).focus({ preventScroll: true });
  });
  return box;
}
