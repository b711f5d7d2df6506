// Gates × words: a colour for each unit and step, units with the longest memory on top.

const GUTTER = 46;
const MARGIN = 12; // right of the columns: the mark of the row that is followed
const MEAN = 26; // pixels of the bars above, the mean of all units
const TICKS = [100, 50, 20, 10, 5, 2, 1, 0.5, 0.2];

// Rows at which the half-life falls below round numbers of steps.
function halfLifeTicks(halfLife, height) {
  const per = height / Math.max(halfLife.length, 1);
  const ticks = [];
  for (const bound of TICKS) {
    const row = halfLife.findIndex((steps) => steps !== null && steps < bound);
    const known = row > 0 && (ticks.length === 0 || row * per - ticks[ticks.length - 1].y >= 13);
    if (known && row * per < height - 5) ticks.push({ y: row * per, name: String(bound) });
  }
  return ticks;
}

function drawHeat(state, index, { title, letter, meaning, values, mean, wide, height, labels }) {
  const track = state.data.tracks[index];
  const table = rampOf(values.kind);
  const top = mean ? MEAN + 4 : 0;
  const frame = makePlot(state, { wide, left: GUTTER, right: MARGIN, top, height, labels, name: `${title}: ${meaning}`, track: index });
  const { plot, drawing, width } = frame;
  const box = { left: px(GUTTER), top: px(top), width: px(width), height: px(height) };
  const canvas = heatCanvas(values, table);
  for (const [name, value] of Object.entries(box)) canvas.style.setProperty(name, value);
  canvas.classList.toggle("crisp", height >= values.columns && wide >= 1);
  plot.prepend(canvas);
  plot.append(el("div", { class: "frame", style: box }));
  if (mean) {
    mean.forEach((share, place) => {
      const tall = (share || 0) * MEAN;
      const bar = { x: GUTTER + place * wide, y: MEAN - tall, width: Math.max(wide - (wide > 5 ? 1 : 0), 0.5), height: tall };
      drawing.append(svg("rect", { ...bar, style: { fill: gateColour(0.25 + 0.6 * share, table) } }));
    });
    drawing.append(svg("line", { class: "tick", x1: GUTTER, x2: GUTTER + width, y1: MEAN, y2: MEAN }));
    drawing.append(svg("text", { class: "tiny", x: GUTTER - 6, y: MEAN - 2, "text-anchor": "end" }, "mean"));
  }
  for (const tick of halfLifeTicks(track.half_life, height)) {
    drawing.append(svg("line", { class: "zero", x1: GUTTER - 4, x2: GUTTER, y1: top + tick.y, y2: top + tick.y }));
    drawing.append(svg("text", { class: "tiny", x: GUTTER - 7, y: top + tick.y + 4, "text-anchor": "end" }, tick.name));
  }
  followRow(state, index, frame, values.columns);
  return el(
    "div",
    { class: "panel", style: { width: px(Math.max(GUTTER + width + MARGIN, 230)) } },
    el("div", { class: "panel-head" }, el("b", {}, title), letter ? el("i", {}, letter) : null, el("small", {}, meaning)),
    el("div", { class: "scroll" }, plot),
  );
}

// The row of the unit that is followed; a click on the figure follows another.
function followRow(state, index, { plot, left, top, width, height }, units) {
  const row = el("div", { class: "row", style: { left: px(left), width: px(width) } });
  plot.append(row);
  const place = () => {
    const per = height / Math.max(units, 1);
    row.style.display = units && state.units[index] !== null ? "block" : "none";
    row.style.top = px(top + state.units[index] * per);
    row.style.height = px(Math.max(per, 1));
  };
  plot.addEventListener("click", (event) => {
    const y = event.clientY - plot.getBoundingClientRect().top - top;
    if (y >= 0 && y < height) state.follow(index, Math.floor((y / height) * units));
  });
  state.on("unit", place);
  place();
}
