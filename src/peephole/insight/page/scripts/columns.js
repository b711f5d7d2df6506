// A plot whose columns are the steps of the text: where they stand, their words below, and the lit one.

const LABEL = 12.5; // pixels between two labels

function fitColumns(count, room, most) {
  return clamp(room / Math.max(count, 1), 3, most);
}

// box: left, top, height of the part with columns; wide: pixels of a column; labels: pixels for words below, 0: none.
function makePlot(state, { wide, left, right = 0, top, height, labels = 0, name, track }) {
  const count = state.data.tokens.length;
  const width = wide * count;
  const all = { width: left + width + right, height: top + height + labels };
  const drawing = svg("svg", { width: all.width, height: all.height, "aria-hidden": "true" });
  const column = el("div", { class: "column", style: { top: px(top), height: px(height) } });
  const plot = el(
    "div",
    {
      class: "plot",
      style: { width: px(all.width), height: px(all.height) },
      tabindex: "0",
      role: "group",
      "aria-roledescription": "figure",
      "aria-label": name,
    },
    drawing,
    column,
  );
  const columnAt = (event) => {
    const box = plot.getBoundingClientRect();
    return Math.floor((event.clientX - box.left - left) / wide);
  };
  const wordAt = (event) => {
    const place = columnAt(event);
    return place >= 0 && place < count ? state.columnWord[place] : null;
  };
  plot.addEventListener("pointermove", (event) => state.light(wordAt(event), "hover"));
  for (const event of ["pointerenter", "focus"]) plot.addEventListener(event, () => state.touch(track));
  plot.addEventListener("pointerleave", () => state.light(null, "hover"));
  plot.addEventListener("click", (event) => {
    const word = wordAt(event);
    state.light(word, word !== null && !(state.held && word === state.word) ? "hold" : "clear");
  });
  plot.addEventListener("keydown", (event) => handleKey(state, event, track));
  state.on("word", () => {
    const word = state.data.words[state.word];
    column.style.display = word ? "block" : "none";
    if (!word) return;
    column.style.left = px(left + word.first * wide);
    column.style.width = px((word.end - word.first) * wide);
    if (state.held) bringIntoView(plot.parentElement, left + word.first * wide, left + word.end * wide);
  });
  if (labels) labelWords(state, drawing, { wide, left, y: top + height + 6, labels });
  return { plot, drawing, width, left, wide, top, height, x: (place) => left + (place + 0.5) * wide };
}

// Scroll a box that is narrower than its figure to where the lit word is.
function bringIntoView(box, from, to) {
  if (!box || box.scrollWidth <= box.clientWidth) return;
  if (from < box.scrollLeft || to > box.scrollLeft + box.clientWidth) box.scrollLeft = (from + to - box.clientWidth) / 2;
}

// Words below their columns: all of them where there is room, otherwise those that push most; the lit one always.
function labelWords(state, drawing, { wide, left, y, labels }) {
  const words = state.data.words;
  const middle = (word) => left + ((word.first + word.end) / 2) * wide;
  const flat = words.every((word) => Array.from(word.text).length * 6.6 < (word.end - word.first) * wide);
  const order = words.map((_, index) => index);
  order.sort((one, other) => Math.abs(words[other].score || 0) - Math.abs(words[one].score || 0));
  const taken = [];
  const nodes = new Map();
  const make = (index) => {
    const word = words[index];
    const text = flat ? word.text : cut(word.text, Math.max(3, Math.floor(labels / 6.2)));
    const node = flat
      ? svg("text", { x: middle(word), y: y + 10, "text-anchor": "middle" }, text)
      : svg("text", { transform: `translate(${middle(word) + 4} ${y}) rotate(-90)`, "text-anchor": "end" }, text);
    nodes.set(index, node);
    drawing.append(node);
    return node;
  };
  const isFree = (place) => taken.every((other) => Math.abs(other - place) >= LABEL);
  for (const index of order) {
    const place = middle(words[index]);
    if (flat || isFree(place)) {
      taken.push(place);
      make(index);
    }
  }
  let extra = null;
  let lit = null;
  state.on("word", () => {
    if (extra !== null) nodes.get(extra).remove(), nodes.delete(extra), (extra = null);
    for (const [index, node] of nodes) node.style.opacity = "";
    if (lit !== null && nodes.has(lit)) nodes.get(lit).classList.remove("lit");
    lit = state.word;
    if (lit === null) return;
    if (!nodes.has(lit)) {
      make(lit);
      extra = lit;
      const place = middle(words[lit]);
      for (const [index, node] of nodes) {
        if (index !== lit && Math.abs(middle(words[index]) - place) < LABEL) node.style.opacity = "0";
      }
    }
    nodes.get(lit).classList.add("lit");
  });
}

// Pixels that words below columns need.
function labelRoom(state, wide) {
  const sizes = state.data.words.map((word) => [Array.from(word.text).length * 6.6, (word.end - word.first) * wide]);
  if (sizes.every(([size, room]) => size < room)) return 22;
  return clamp(Math.max(0, ...sizes.map(([size]) => size)) + 12, 30, 92);
}
