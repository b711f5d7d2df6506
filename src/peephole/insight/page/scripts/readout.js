// The bar at the foot of the window: the numbers of the lit word. It is also what a screen reader hears.

function wordFacts(state, index) {
  const { words, push, tracks } = state.data;
  const word = words[index];
  const mean = (numbers) => {
    const own = numbers.slice(word.first, word.end);
    return own.reduce((sum, number) => sum + (number || 0), 0) / Math.max(own.length, 1);
  };
  const facts = [];
  if (push && word.score !== null) {
    facts.push([signed(word.score), ` towards ${word.score >= 0 ? push.target : push.against}`]);
    facts[0][0] = Math.abs(word.score).toFixed(Math.abs(word.score) >= 100 ? 0 : 2);
    if (word.score === 0) facts[0] = ["0.00", " either way"];
  }
  tracks.forEach((track, place) => {
    const arrow = tracks.length > 1 ? `${tracks.length > 2 ? `layer ${Number(/\d+/.exec(track.name)[0]) + 1} ` : ""}${track.reverse ? "←" : "→"} ` : "";
    const parts = track.gates.filter((gate) => gate.role === "keep" || gate.role === "write").map((gate) => `${gate.role} ${percent(mean(gate.mean))}`);
    if (track.belt) {
      const [put, left] = [mean(track.belt.put_size), mean(track.belt.left_size)];
      parts.push(`${percent(put > 0 ? left / put : 0)} of its parcel is left`);
    }
    if (place < 4 && parts.length) facts.push([arrow, parts.join(", ")]);
  });
  if (state.track !== null && state.units[state.track] !== null) facts.push(unitFacts(state, word));
  return facts;
}

// The numbers of the unit that is followed in the figure that was touched last.
function unitFacts(state, word) {
  const track = state.data.tracks[state.track];
  const unit = state.units[state.track];
  const { gates, states, put, left } = state.values[state.track];
  const column = track.reverse ? word.first : word.end - 1;
  const parts = track.gates.map((gate) => `${gate.role} ${gates[gate.name].at(column, unit).toFixed(2)}`);
  parts.push(`memory ${signed(states.at(column, unit))}`);
  if (put) parts.push(`put on ${signed(put.at(column, unit))}, left ${signed(left.at(column, unit))}`);
  return [`unit ${track.drawn[unit]} `, parts.join(", ")];
}

function makeReadout(state) {
  const what = el("span", { class: "what", dir: "auto" });
  const how = el("span", { class: "how" });
  const told = el("div", { class: "told", role: "status", "aria-live": "polite" }, what, how);
  const tools = state.options.tools ? el("div", { class: "tools" }, state.options.tools(state)) : null;
  const bar = el("div", { class: "readout" }, el("div", {}, told, tools));
  const tell = () => {
    bar.classList.toggle("shown", state.word !== null);
    bar.classList.toggle("held", state.held);
    if (state.word === null) return;
    what.textContent = state.data.words[state.word].text;
    const parts = wordFacts(state, state.word).flatMap(([number, words], place) => [place ? "  ·  " : "", el("b", {}, number), words]);
    how.replaceChildren(...parts);
  };
  state.on("word", tell);
  state.on("unit", tell);
  return bar;
}
