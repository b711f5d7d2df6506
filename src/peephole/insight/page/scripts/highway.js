// The gradient highway: how strongly the verdict reacts to the memory at each word, along the belt and through the gates.

function logScale(series, top, tall) {
  const known = series.flat().filter((value) => value > 0);
  const most = Math.max(...known);
  const least = Math.max(Math.min(...known), most / 1e4);
  const high = Math.log10(most * 1.15);
  const low = Math.log10(least * 0.85);
  return {
    y: (value) => top + tall - ((Math.log10(Math.max(value, least * 0.85)) - low) / (high - low)) * tall,
    ticks: [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 3].map((first) => first * 10 ** power)).filter((value) => value >= 10 ** low && value <= 10 ** high),
    least,
  };
}

// Lines through the columns; where a value is zero, the line is broken.
function brokenPath(values, x, y) {
  let path = "";
  let open = false;
  values.forEach((value, column) => {
    if (!(value > 0)) return void (open = false);
    path += `${open ? "L" : "M"}${x(column).toFixed(1)} ${y(value).toFixed(1)}`;
    open = true;
  });
  return path;
}

function drawRoad(state, index, room) {
  const { gradient, reverse, title, belt } = state.data.tracks[index];
  const lines = belt ? [["gates", gradient.gates], ["direct", gradient.direct], ["", gradient.total]] : [["", gradient.total]];
  const series = lines.map(([, values]) => values);
  if (!series.flat().some((value) => value > 0)) return null;
  const wide = fitColumns(state.data.tokens.length, room - GUTTER, 64);
  const tall = 150;
  const frame = makePlot(state, {
    wide, left: GUTTER, top: 6, height: tall, labels: labelRoom(state, wide), track: index,
    name: `How strongly the verdict reacts to the memory at each word, ${title}`,
  });
  const { drawing, width, x } = frame;
  const { y, ticks } = logScale(series, 6, tall);
  let above = Infinity;
  for (const tick of ticks) {
    if (above - y(tick) < 16) continue;
    above = y(tick);
    drawing.append(svg("line", { class: "tick", x1: GUTTER, x2: GUTTER + width, y1: above, y2: above }));
    drawing.append(svg("text", { class: "tiny", x: GUTTER - 6, y: above + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(1)))));
  }
  const dots = lines.map(([kind, values]) => {
    drawing.append(svg("path", { class: `line ${kind}`, d: brokenPath(values, x, y) }));
    if (values.length === 1 && values[0] > 0) drawing.append(svg("circle", { class: "only", cx: x(0), cy: y(values[0]), r: 3.5 }));
    const dot = svg("circle", { class: "dot", r: 4 });
    drawing.append(dot);
    return { dot, values };
  });
  state.on("word", () => {
    const word = state.data.words[state.word];
    const column = word ? (reverse ? word.first : word.end - 1) : -1;
    for (const { dot, values } of dots) {
      dot.style.display = word && values[column] > 0 ? "block" : "none";
      if (!word) continue;
      dot.setAttribute("cx", x(column));
      dot.setAttribute("cy", y(values[column] || 1));
    }
  });
  return el("div", { class: "scroll" }, frame.plot);
}

function drawHighway(state, room) {
  const tracks = state.data.tracks.map((_, index) => index).filter((index) => state.data.tracks[index].gradient && state.data.tokens.length);
  if (!tracks.length) return null;
  const hasBelt = tracks.some((index) => state.data.tracks[index].belt);
  const entry = (kind, words) =>
    el("span", { class: "entry" }, svg("svg", { viewBox: "0 0 30 12" }, svg("line", { class: `line ${kind}`, x1: 1, x2: 29, y1: 6, y2: 6 })), words);
  return section(
    state,
    "highway",
    "How strongly the verdict reacts to the memory at each word",
    "A small change to the memory after a word would change the verdict: by how much, is its gradient. " +
      (hasBelt
        ? "It reaches back along the belt, where every step multiplies it by keep, and through the gates. Both ways can fade, and both can grow."
        : "It reaches back through every step, which multiplies it by a matrix: it can fade, and it can grow."),
    el("div", { class: "legend" }, entry("", "all of it"), hasBelt ? entry("direct", "along the belt alone") : null, hasBelt ? entry("gates", "through gates") : null, el("span", {}, "· size of the gradient, in powers of ten")),
    tracks.map((index) => {
      const track = state.data.tracks[index];
      return trackBox(state, index, says(state, track.notes.gradient), drawRoad(state, index, room));
    }),
  );
}
