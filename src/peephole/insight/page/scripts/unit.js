// One unit, followed through the text: its memory, its gates, what it put on the belt and what is left of that.

const STRIP = 13;

function linePath(points) {
  return points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function unitWords(state, index) {
  const track = state.data.tracks[index];
  const unit = state.units[index];
  const { states } = state.values[index];
  const half = track.half_life[unit];
  const caption = [`Unit ${track.drawn[unit]}`];
  if (state.data.tracks[index].belt) {
    caption[0] += half === null ? " never forgets" : `: half of what it holds is gone after ${half < 10 ? half.toFixed(1) : half.toFixed(0)} steps`;
  }
  let [jump, place] = [0, -1];
  for (let column = 1; column < states.rows; column++) {
    const [now, before] = [states.at(column, unit), states.at(column - 1, unit)];
    if (Math.abs(now - before) > Math.abs(jump)) [jump, place] = [now - before, track.reverse ? column - 1 : column];
  }
  if (place >= 0 && state.columnWord[place] >= 0) {
    caption[0] += ". Its memory changes most at ";
    caption.push(state.columnWord[place], ".");
  } else {
    caption[0] += ".";
  }
  return caption;
}

function unitPlot(state, index, room) {
  const track = state.data.tracks[index];
  const unit = state.units[index];
  const { states, gates, put, left } = state.values[index];
  const wide = fitColumns(states.rows, room - GUTTER - 8, 64);
  const [tall, bars] = [96, put ? 64 : 0];
  const strips = track.gates.length * (STRIP + 3);
  const frame = makePlot(state, {
    wide, left: GUTTER + 8, top: 4, height: tall + strips + bars + 18, labels: labelRoom(state, wide),
    name: `Unit ${track.drawn[unit]}, followed through the text`, track: index,
  });
  const { drawing, width, x } = frame;
  const from = frame.left;
  const say = (text, y) => drawing.append(svg("text", { class: "tiny", x: from - 7, y, "text-anchor": "end" }, text));
  const numbers = Array.from({ length: states.rows }, (_, column) => states.at(column, unit));
  const largest = Math.max(1e-9, ...numbers.map(Math.abs));
  const y = (value) => 4 + tall / 2 - (value / largest) * (tall / 2 - 15);
  drawing.append(svg("line", { class: "zero", x1: from, x2: from + width, y1: y(0), y2: y(0) }));
  const points = numbers.map((value, column) => [x(column), y(value)]);
  drawing.append(svg("path", { class: "area", d: `${linePath(points)}L${x(states.rows - 1)} ${y(0)}L${x(0)} ${y(0)}Z` }));
  drawing.append(svg("path", { class: "line", d: linePath(points) }));
  say("memory", y(0) + 4);
  const extreme = numbers.reduce((found, value, column) => (Math.abs(value) > Math.abs(numbers[found]) ? column : found), 0);
  const over = numbers[extreme] > 0;
  drawing.append(svg("circle", { class: "only", cx: x(extreme), cy: y(numbers[extreme]), r: 3 }));
  const side = extreme > states.rows / 2 ? ["end", -7] : ["start", 7];
  drawing.append(svg("text", { class: "tiny", x: x(extreme) + side[1], y: y(numbers[extreme]) + (over ? -5 : 13), "text-anchor": side[0] }, signed(numbers[extreme])));
  const table = rampOf("unit");
  track.gates.forEach((gate, place) => {
    const at = tall + 10 + place * (STRIP + 3);
    say(gate.role, at + STRIP - 3);
    const values = gates[gate.name];
    for (let column = 0; column < values.rows; column++) {
      drawing.append(
        svg("rect", { "shape-rendering": "crispEdges", x: from + column * wide, y: at, width: wide, height: STRIP, style: { fill: gateColour(values.at(column, unit), table) } }),
      );
    }
    drawing.append(svg("rect", { class: "outline", x: from, y: at, width, height: STRIP }));
  });
  if (put) {
    const middle = tall + strips + 14 + bars / 2;
    const size = Math.max(1e-9, ...Array.from({ length: put.rows }, (_, column) => Math.abs(put.at(column, unit))));
    const bar = (value, column, kind) => {
      const high = (Math.abs(value) / size) * (bars / 2 - 2);
      const thin = Math.min(wide * 0.7, 18);
      drawing.append(svg("rect", { class: kind, x: x(column) - thin / 2, y: value < 0 ? middle : middle - high, width: thin, height: high }));
    };
    for (let column = 0; column < put.rows; column++) bar(put.at(column, unit), column, "put"), bar(left.at(column, unit), column, "left");
    drawing.append(svg("line", { class: "zero", x1: from, x2: from + width, y1: middle, y2: middle }));
    say("put on,", middle - 2);
    say("left", middle + 10);
  }
  return frame.plot;
}

function drawUnit(state, index, room) {
  const track = state.data.tracks[index];
  if (!track.drawn.length || state.units[index] === null || !state.data.tokens.length) return null;
  const slider = el("input", {
    type: "range", min: "0", max: String(track.drawn.length - 1), value: String(state.units[index]),
    "aria-label": `Unit to follow in ${track.title}${track.belt ? ", longest memory first" : ""}`,
    oninput: () => state.follow(index, Number(slider.value)),
  });
  const caption = el("p", { class: "says" });
  const holder = el("div", { class: "scroll" });
  // The plot is made anew for another unit; its listeners are held apart, so that they go with it.
  const inner = innerState(state);
  const draw = () => {
    inner.reset();
    slider.value = String(state.units[index]);
    slider.setAttribute("aria-valuetext", `unit ${track.drawn[state.units[index]]}`);
    caption.replaceChildren(...captionNodes(inner, unitWords(state, index)));
    const focused = holder.contains(document.activeElement);
    holder.replaceChildren(unitPlot(inner, index, room));
    if (focused) holder.firstElementChild.focus();
    inner.tellWord();
  };
  state.on("unit", draw);
  draw();
  return el("div", { class: "unit" }, caption, el("div", { class: "pick" }, slider, track.belt ? "longest memory ← any unit can be followed: slide, or click a row above → shortest" : "any unit can be followed: slide, or click a row above"), holder);
}

// The same choice, with listeners of its own.
function innerState(state) {
  let listeners = [];
  const inner = Object.create(state);
  inner.on = (what, listener) => what === "word" && listeners.push(listener);
  inner.reset = () => (listeners = []);
  inner.tellWord = () => listeners.forEach((listener) => listener());
  state.on("word", inner.tellWord);
  return inner;
}
