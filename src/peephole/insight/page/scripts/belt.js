// The conveyor: what each word put on the belt, how it thins while later words are read, and what is left at the end.

const END = 104; // pixels for the names of what is left

// Bands in the order of reading: for each parcel, its size at every parcel's column.
function bandsOf(parcels, share, reverse) {
  const count = parcels.put.length;
  const order = Array.from({ length: count }, (_, k) => (reverse ? count - 1 - k : k));
  return { order, size: (parcel, place) => parcels.put[parcel] * share.at(parcel, place) };
}

// Words that a parcel holds, the one that pushes most first.
function wordsOfParcel(state, parcels, parcel) {
  const words = new Set();
  for (let column = parcels.edges[parcel]; column < parcels.edges[parcel + 1]; column++) {
    if (state.columnWord[column] >= 0) words.add(state.columnWord[column]);
  }
  const weight = (word) => Math.abs(state.data.words[word].score || 0);
  return [...words].sort((one, other) => weight(other) - weight(one));
}

function drawStream(state, index, room) {
  const track = state.data.tracks[index];
  const { parcels } = track.belt;
  const share = state.values[index].share;
  const { order, size } = bandsOf(parcels, share, track.reverse);
  const narrow = room < 560;
  const end = narrow ? 78 : END;
  const [left, right] = track.reverse ? [end, 8] : [narrow ? 8 : GUTTER, end];
  const wide = fitColumns(state.data.tokens.length, room - left - right, 64);
  const tall = narrow ? 150 : 190;
  const bars = 56;
  const frame = makePlot(state, {
    wide, left, right, top: 4, height: tall + bars + 22, labels: labelRoom(state, wide), track: index,
    name: `The belt: what each word put on it and what is left, ${track.title}`,
  });
  const { drawing, width } = frame;
  const middle = (parcel) => left + ((parcels.edges[parcel] + parcels.edges[parcel + 1]) / 2) * wide;
  const totals = order.map((place) => order.reduce((sum, parcel) => sum + size(parcel, place), 0));
  const per = (tall - 4) / Math.max(1e-9, ...totals);
  const last = order[order.length - 1];
  const out = track.reverse ? left - 6 : left + width + 6;
  const base = 4 + tall;
  // At the end every band runs on a little, to where its name stands.
  const places = [...order.map((place) => ({ x: middle(place), place })), { x: out, place: last }];
  const floor = places.map(() => 0);
  const bands = [];
  const labels = [];
  for (const parcel of order) {
    const since = order.indexOf(parcel);
    const lower = [];
    const upper = [];
    for (let k = Math.max(since - 1, 0); k < places.length; k++) {
      const high = k < since ? 0 : size(parcel, places[k].place);
      lower.push([places[k].x, base - floor[k] * per]);
      upper.push([places[k].x, base - (floor[k] + high) * per]);
      if (k >= since) floor[k] += high;
    }
    const words = wordsOfParcel(state, parcels, parcel);
    const colour = words.length ? wordColour(state.data, state.data.words[words[0]]) : "var(--faint)";
    const band = svg("path", { class: "band", d: `${linePath(upper)}L${linePath(lower.reverse()).slice(1)}Z`, style: { fill: colour } });
    drawing.append(band);
    const isNamed = bands.some((other) => other.label && other.first === words[0]);
    labels.push(isNamed ? null : bandLabel(state, words[0], upper[Math.min(1, since)], lower.at(-1 - Math.min(1, since)), wide));
    const label = labels[labels.length - 1];
    bands.push({ parcel, band, label, words: new Set(words), first: words[0], top: upper[upper.length - 1][1], bottom: lower[0][1] });
  }
  drawing.append(...labels.filter(Boolean));
  drawing.append(svg("line", { class: "zero", x1: Math.min(left, out), x2: Math.max(left + width, out), y1: base, y2: base }));
  nameBands(state, drawing, bands, out, track.reverse, totals[totals.length - 1], per);
  drawBars(frame, track, { base: base + bars + 14, tall: bars, wide, left });
  state.on("word", () => {
    for (const { band, label, words } of bands) {
      if (label) label.style.opacity = state.word !== null && !words.has(state.word) ? "0.3" : "";
      band.classList.toggle("lit", state.word !== null && words.has(state.word));
      band.classList.toggle("dim", state.word !== null && !words.has(state.word));
    }
  });
  return el("div", { class: "scroll" }, frame.plot);
}

// The name of a word in its band, where the band is thickest, if there is room.
function bandLabel(state, word, [x, upper], [, lower], wide) {
  if (word === undefined || lower - upper < 26) return null;
  const text = state.data.words[word].text;
  if (wide < 20 || Array.from(text).length * 7 > wide * 1.25) return null;
  const strong = strength(state.data, state.data.words[word].score) > 0.55 && state.data.push;
  return svg("text", { class: strong ? "tiny on" : "tiny", x, y: upper + (lower - upper) * 0.62, "text-anchor": "middle" }, text);
}

// The names of the thickest bands at the end of the belt; the lit one always.
function nameBands(state, drawing, bands, x, reverse, total, per) {
  const anchor = reverse ? "end" : "start";
  const at = x + (reverse ? -6 : 6);
  const make = (band, kind) =>
    svg("text", { class: kind, x: at, y: (band.top + band.bottom) / 2 + 4, "text-anchor": anchor },
      `${cut(state.data.words[band.first].text, 9)} ${percent((band.bottom - band.top) / per / total)}`);
  const placed = [];
  const usable = bands.filter((band) => band.first !== undefined && total > 0);
  for (const band of [...usable].sort((one, other) => other.bottom - other.top - (one.bottom - one.top))) {
    const y = (band.top + band.bottom) / 2;
    if (band.bottom - band.top < 5 || placed.some((other) => Math.abs(other.y - y) < 13)) continue;
    const node = make(band, "");
    placed.push({ y, node, band });
    drawing.append(node);
  }
  let extra = null;
  state.on("word", () => {
    if (extra) extra.remove();
    extra = null;
    const lit = state.word === null ? null : usable.find((band) => band.words.has(state.word));
    for (const { node, band } of placed) {
      node.classList.toggle("strong", band === lit);
      node.style.opacity = lit && band !== lit ? "0.25" : "";
    }
    if (lit && !placed.some(({ band }) => band === lit)) drawing.append((extra = make(lit, "strong")));
  });
}

// For each column, what it put on and, in front, what is left.
function drawBars({ drawing, x }, track, { base, tall, wide, left }) {
  const { put_size: put, left_size: rest } = track.belt;
  const per = (tall - 2) / Math.max(1e-9, ...put);
  const thin = clamp(wide * 0.72, 1, 22);
  put.forEach((size, column) => {
    for (const [kind, value] of [["put", size], ["left", rest[column]]]) {
      drawing.append(svg("rect", { class: kind, x: x(column) - thin / 2, y: base - value * per, width: thin, height: Math.max(value * per, 0) }));
    }
  });
  drawing.append(svg("line", { class: "zero", x1: left, x2: left + wide * put.length, y1: base, y2: base }));
}

// A model may look at the memory all along, and not at its end alone.
function alsoReads({ model }) {
  const names = { mean: "the mean", max: "the maximum" };
  const others = ((model && model.reads) || []).filter((name) => names[name]).map((name) => names[name]);
  return others.length ? ` (This model reads more than the end: also ${others.join(" and ")} over all steps.)` : "";
}

function drawBelt(state, room) {
  const tracks = state.data.tracks.map((_, index) => index).filter((index) => state.data.tracks[index].belt && state.data.tokens.length);
  if (!tracks.length) return null;
  const entry = (kind, words) => el("span", { class: "entry" }, swatch(kind === "put" ? { background: "var(--faint)", opacity: "0.38" } : { background: "var(--ink)" }), words);
  return section(
    state,
    "belt",
    "What each word put on the belt, and what is left of it",
    "Each word loads a parcel onto the memory; every later word lets some of it fall off. How thick a band is, is how much of its word the " +
      `memory holds at that moment. Where the reading ends, you see what the memory is made of.${alsoReads(state.data)}`,
    el("div", { class: "legend" }, el("span", {}, "Bars:"), entry("put", "put on by the word"), entry("left", "of that, left at the end"), el("span", {}, "· summed over all units, signs left out")),
    tracks.map((index) => {
      const track = state.data.tracks[index];
      return trackBox(state, index, says(state, track.notes.belt), drawStream(state, index, room));
    }),
  );
}
