// The page: figures in their order, made anew when the window or the colours change.

function unpacked(data) {
  return data.tracks.map((track) => ({
    states: unpack(track.states),
    gates: Object.fromEntries(track.gates.map((gate) => [gate.name, unpack(gate.values)])),
    put: track.belt && unpack(track.belt.put),
    left: track.belt && unpack(track.belt.left),
    share: track.belt && unpack(track.belt.parcels.share),
  }));
}

function foot(data) {
  return el("footer", {}, `${data.made_by}. This page is one file; it needs no network and sends nothing.`);
}

// What takes the focus, kind by kind.
const STOPS = [".text", ".plot[tabindex]", ".pick input", "summary", ".tools input", ".tools button", ".table"];

// What a reader has chosen of figures by other means than the state: the focus, what is unfolded, and how far a box is scrolled.
function stanceOf(main) {
  const all = (selector) => Array.from(main.querySelectorAll(selector));
  const kind = main.contains(document.activeElement) ? STOPS.find((one) => document.activeElement.matches(one)) : undefined;
  const place = kind ? all(kind).indexOf(document.activeElement) : 0;
  const open = all("details").map((node) => node.open);
  const left = all(".scroll").map((node) => node.scrollLeft);
  return () => {
    const [folds, boxes] = [all("details"), all(".scroll")];
    if (folds.length === open.length) folds.forEach((node, n) => (node.open = open[n]));
    if (boxes.length === left.length) boxes.forEach((node, n) => left[n] && (node.scrollLeft = left[n]));
    if (kind) focusOn(all(kind)[place], main.querySelector(".text"));
  };
}

// The first of some elements that can take the focus.
function focusOn(...nodes) {
  const node = nodes.find((one) => one && one.getClientRects().length);
  if (node) node.focus({ preventScroll: true });
}

function draw(state, main) {
  const began = performance.now();
  const restore = stanceOf(main);
  state.reset();
  const style = getComputedStyle(main);
  const room = Math.max(240, main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
  const { notes } = state.data;
  main.replaceChildren(
    drawSentence(state),
    ...[
      notes.length ? el("ul", { class: "notes" }, notes.map((note) => el("li", {}, note))) : null,
      state.data.tokens.length && state.data.tracks.length ? drawGates(state, room) : null,
      drawBelt(state, room),
      drawHighway(state, room),
      drawPhrases(state, room),
      drawTrust(state, room),
      drawTable(state),
      state.options.bare ? null : foot(state.data),
      makeReadout(state),
    ].filter(Boolean),
  );
  const { word } = state;
  if (word !== null) (state.word = null), state.light(word, "hold"); // as before the window changed
  restore();
  main.dataset.drawn = (performance.now() - began).toFixed(1);
}

const ends = new WeakMap();

// Draw a document into an element; a later call takes the place of an earlier one. `makeState` has the options.
function show(data, main, options = {}) {
  const began = performance.now();
  if (ends.has(main)) ends.get(main)();
  const state = makeState(data, options);
  state.values = unpacked(data);
  if (!options.bare) document.title = data.title;
  draw(state, main);
  main.dataset.ready = (performance.now() - began).toFixed(1);
  let width = main.clientWidth;
  let waiting = 0;
  const again = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => draw(state, main), 80);
  };
  const watch = new ResizeObserver(() => {
    if (main.clientWidth && main.clientWidth !== width) (width = main.clientWidth), again();
  });
  watch.observe(main);
  const stop = new AbortController();
  const { signal } = stop;
  dark.addEventListener("change", again, { signal });
  addEventListener("beforeprint", () => draw(state, main), { signal });
  addEventListener("afterprint", again, { signal });
  ends.set(main, () => (watch.disconnect(), stop.abort(), clearTimeout(waiting)));
  return state;
}

globalThis.peephole = { show };
const holder = document.getElementById("data");
if (holder) globalThis.peephole.state = show(JSON.parse(holder.textContent), document.getElementById("page"));
