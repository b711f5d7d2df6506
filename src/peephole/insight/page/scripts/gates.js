// The figure of gates: for each track its heat maps, and the unit that is followed.

// How wide a column is, and whether the panels of a track stand side by side.
function panelFit(state, count, room) {
  const columns = state.data.tokens.length;
  const beside = (room - count * (GUTTER + MARGIN) - (count - 1) * 28 - 2) / count / Math.max(columns, 1);
  if (count > 1 && beside >= 8.5) return Math.min(beside, 40);
  return fitColumns(columns, room - GUTTER - MARGIN, 40);
}

function drawGatesOf(state, index, room) {
  const track = state.data.tracks[index];
  const maps = track.gates.map((gate) => ({
    title: gate.role,
    letter: gate.name === gate.role ? "" : gate.name,
    meaning: gate.meaning,
    values: state.values[index].gates[gate.name],
    mean: gate.mean,
  }));
  if (!maps.length) {
    maps.push({ title: "state", letter: track.state, meaning: "what a unit holds after each step", values: state.values[index].states, mean: null });
  }
  const wide = panelFit(state, maps.length, room);
  const units = track.drawn.length;
  const height = units >= 96 ? Math.min(units, 200) : Math.max(Math.min(units * Math.max(2, Math.floor(96 / Math.max(units, 1))), 200), 12);
  const labels = labelRoom(state, wide);
  return trackBox(
    state,
    index,
    says(state, track.notes.gates),
    el("div", { class: "panels" }, maps.map((map) => drawHeat(state, index, { ...map, wide, height, labels }))),
    drawUnit(state, index, room),
  );
}

// What a figure has of a track; of a deep network, layers below the last are folded away.
function trackBox({ data }, index, ...children) {
  const track = data.tracks[index];
  const head = el("h3", {}, el("span", { class: "arrow", "aria-hidden": "true" }, track.reverse ? "←" : "→"), track.title);
  const layer = (one) => one.name.split(".")[0];
  const folded = data.tracks.length > 2 && layer(track) !== layer(data.tracks[data.tracks.length - 1]);
  return folded ? el("details", { class: "track" }, el("summary", {}, head), children) : el("div", { class: "track" }, head, children);
}

function drawGates(state, room) {
  const hasGates = state.data.tracks.some((track) => track.gates.length);
  const legend = el(
    "div",
    { class: "legend" },
    hasGates ? ["shut 0", rampCanvas("unit"), "1 open"] : ["negative", rampCanvas("signed"), "positive"],
    el("span", {}, hasGates ? "· rows are units, those that remember longest on top · numbers beside them: half-life in steps" : "· rows are units"),
  );
  const names = state.data.tracks[0].gates.map((gate) => gate.role);
  return section(
    state,
    "gates",
    hasGates ? "What the gates did at each word" : "What the units held at each word",
    "Every recurrent unit carries one number of memory from word to word. " +
      (names.includes("write") ? "At each word its gates decide how much of that it keeps, and how much of what is new it lets in." : "") +
      (hasGates ? "" : "This network has no gates: at each word, all of it is made anew."),
    legend,
    state.data.tracks.map((_, index) => drawGatesOf(state, index, room)),
  );
}

function section(state, name, title, lead, ...children) {
  const title_id = state.id(`${name}-title`);
  const named = [title_id, state.options.whose].filter(Boolean).join(" ");
  return el("section", { id: state.id(name), class: name, "aria-labelledby": named }, el("h2", { id: title_id }, title), lead ? el("p", { class: "lead" }, lead) : null, ...children);
}
