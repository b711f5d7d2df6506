// The tree of phrases: words at the bottom, and above them what they say together.

function drawPhrases(state, room) {
  const { phrases, words, push, captions } = state.data;
  if (!phrases.length || !push) return null;
  const wide = fitColumns(state.data.tokens.length, room - 10, 64);
  const levels = Math.max(...phrases.map((phrase) => phrase.level));
  const tall = clamp(300 / (levels + 1), 13, 24);
  const height = (levels + 1) * tall;
  const frame = makePlot(state, { wide, left: 4, right: 6, top: 2, height, labels: labelRoom(state, wide), name: "The tree of phrases" });
  const { drawing } = frame;
  const largest = Math.max(1e-9, ...phrases.map((phrase) => Math.abs(phrase.score)));
  const boxes = phrases.map((phrase, index) => {
    const from = 4 + words[phrase.first].first * wide;
    const width = (words[phrase.end - 1].end - words[phrase.first].first) * wide;
    const top = 2 + height - (phrase.level + 1) * tall;
    // A box reaches up to the phrase that joins it, so that the tree has no holes.
    const above = phrases.find((other) => other.parts.includes(index));
    const high = above ? (above.level - phrase.level) * tall : tall;
    const size = Math.abs(phrase.score) / largest;
    const side = sideOf(push, phrase.score);
    const box = svg("rect", {
      class: "phrase", x: from + 0.5, y: top + tall - high + 0.5, width: Math.max(width - 1, 0.5), height: high - 1, rx: 2,
      style: { fill: `color-mix(in srgb, var(--${side}) ${(6 + 74 * size).toFixed(0)}%, var(--panel))` },
    });
    box.append(svg("title", {}, `${words.slice(phrase.first, phrase.end).map((word) => word.before + word.text).join("").trim()}: ${signed(phrase.score)}`));
    drawing.append(box);
    if (width > 34) {
      const strong = size > 0.55 ? "on" : "";
      drawing.append(svg("text", { class: `tiny ${strong}`, x: from + width / 2, y: top + tall - high / 2 + 4, "text-anchor": "middle" }, signed(phrase.score)));
    }
    return { box, phrase };
  });
  state.on("word", () => {
    for (const { box, phrase } of boxes) {
      box.classList.toggle("lit", state.word !== null && phrase.first <= state.word && state.word < phrase.end);
    }
  });
  const sample = (side, sign, label) =>
    el("span", { class: "entry" }, swatch({ background: `var(--${side})`, opacity: "0.75" }), `${sign} pushes towards `, el("bdi", {}, label));
  return section(
    state,
    "phrases",
    "What words say together",
    "At the bottom each word by itself; above it the phrases it is joined to, up to the whole text. Neighbours that change each other most are joined first.",
    says(state, captions.phrases),
    el("div", { class: "legend" }, sample(push.up, "+", push.target), sample(push.up === "a" ? "b" : "a", "−", push.against), el("span", {}, "· in logits")),
    el("div", { class: "track" }, el("div", { class: "scroll" }, frame.plot)),
  );
}
