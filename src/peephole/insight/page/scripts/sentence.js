// The verdict, and the text with each word in the colour of the side it pushes towards.

const sideOf = (push, score) => (score >= 0 ? push.up : push.up === "a" ? "b" : "a");

function sideOfLabel(data, label) {
  const { push, verdict } = data;
  if (push && label === push.target) return push.up;
  if (push && label === push.against) return push.up === "a" ? "b" : "a";
  if (!push && verdict && verdict.probabilities.length === 2) return label === verdict.label ? "a" : "b";
  return null;
}

// The colour of a word's push, from none at 0 to full at the largest score; and the colour as CSS.
function strength(data, score) {
  const largest = Math.max(1e-9, ...data.words.filter((word) => !word.gap).map((word) => Math.abs(word.score || 0)));
  return Math.min(1, Math.abs(score || 0) / largest);
}

function wordColour(data, word) {
  if (!data.push || word.gap) return "var(--faint)";
  const size = strength(data, word.score);
  const side = sideOf(data.push, word.score);
  return `color-mix(in srgb, var(--${side}) ${(100 * size).toFixed(0)}%, var(--band))`;
}

// level: of its heading.
function drawVerdict(state, level = "h1") {
  const { verdict, model, steps, words_total } = state.data;
  const facts = model ? `${model.cell}, ${plural(model.units, "unit")}${model.directions > 1 ? ", reading both ways" : ""}` : "The model";
  if (!verdict) {
    const heading = el(level, {}, "Inside a recurrent layer");
    return [el("p", { class: "kicker" }, `${facts} · ${plural(steps, "step")}`), el("div", { class: "verdict" }, heading)];
  }
  const shown = verdict.probabilities.slice(0, 6);
  const bars = shown.map(([label, share]) =>
    el("i", { class: sideOfLabel(state.data, label) || "", style: { "flex-grow": share.toFixed(4) } }),
  );
  return [
    el("p", { class: "kicker" }, `${facts}${model ? "," : ""} read ${plural(words_total, "word")} and says`),
    el(
      "div",
      { class: "verdict" },
      el(level, { class: sideOfLabel(state.data, verdict.label) || "" }, verdict.label),
      el("span", { class: "sure" }, percent(shown[0][1])),
    ),
    el("div", { class: "chances", "aria-hidden": "true" }, bars),
    el(
      "div",
      { class: "chance-names" },
      shown.map(([label, share]) => el("span", {}, el("bdi", {}, label), ` ${percent(share)}`)),
    ),
  ];
}

function drawText(state) {
  const { words, push } = state.data;
  const nodes = [];
  const box = el("div", {
    class: words.length > 150 ? "text long" : "text",
    dir: "auto",
    tabindex: "0",
    role: "listbox",
    "aria-orientation": "horizontal",
    "aria-label": "The text, word by word. The arrow keys go through it.",
  });
  words.forEach((word, index) => {
    const size = strength(state.data, word.score);
    const side = push && size > 0 && !word.gap ? sideOf(push, word.score) : "";
    const meaning = push ? `${word.text}: ${signed(word.score || 0)}` : word.text;
    const node = el(
      "span",
      {
        class: `word ${side} ${word.gap ? "gap" : ""}`.trim(),
        id: state.id(`word-${index}`),
        role: "option",
        "aria-selected": "false",
        "aria-label": meaning,
        style: { "--size": size.toFixed(3), "--edge": (size > 0.12 ? 0.35 + 0.65 * size : 0).toFixed(3) },
        onpointerenter: () => state.light(index, "hover"),
        onpointerleave: () => state.light(null, "hover"),
        onclick: () => state.light(index, state.held && state.word === index ? "clear" : "hold"),
      },
      word.text,
    );
    nodes.push(node);
    box.append(word.before, node);
  });
  box.addEventListener("keydown", (event) => handleKey(state, event));
  box.addEventListener("focus", () => {
    if (state.word === null && box.matches(":focus-visible")) state.step(1);
  });
  let lit = null;
  state.on("word", () => {
    if (lit !== null) nodes[lit].classList.remove("lit"), nodes[lit].setAttribute("aria-selected", "false");
    lit = state.word;
    if (lit === null) return box.removeAttribute("aria-activedescendant");
    nodes[lit].classList.add("lit");
    nodes[lit].setAttribute("aria-selected", "true");
    box.setAttribute("aria-activedescendant", state.id(`word-${lit}`));
    if (document.activeElement === box) nodes[lit].scrollIntoView({ block: "nearest" });
  });
  return box;
}

function drawSentence(state) {
  const { push, captions, words } = state.data;
  const sample = (side, sign, label) =>
    el("span", {}, el("span", { class: `word ${side}`, style: { "--size": 0.8, "--edge": 0.9 } }, sign), "pushes towards ", el("bdi", {}, label));
  const other = push && (push.up === "a" ? "b" : "a");
  return el(
    "header",
    {},
    state.options.bare ? null : drawVerdict(state),
    words.length ? drawText(state) : el("p", { class: "says" }, "There is no text: what is seen is what the model says of nothing."),
    push && words.length ? el("p", { class: "key" }, sample(push.up, "+", push.target), sample(other, "−", push.against)) : null,
    says(state, captions.sentence),
  );
}
