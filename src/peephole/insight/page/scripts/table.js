// All numbers, word by word: to be read aloud, searched and copied.

function numberColumns(state) {
  const { push, tracks } = state.data;
  const columns = [];
  if (push) columns.push([`towards ${push.target}`, (word) => (word.score === null ? "" : signed(word.score))]);
  for (const track of tracks) {
    const short = tracks.length > 1 ? ` ${track.name.replace("layer", "").replace(".forward", " →").replace(".reverse", " ←")}` : "";
    const mean = (numbers, word) => numbers.slice(word.first, word.end).reduce((sum, number) => sum + (number || 0), 0) / Math.max(word.end - word.first, 1);
    for (const gate of track.gates) columns.push([gate.role + short, (word) => mean(gate.mean, word).toFixed(3)]);
    if (track.belt) {
      columns.push([`put on${short}`, (word) => mean(track.belt.put_size, word).toFixed(2)]);
      columns.push([`left${short}`, (word) => mean(track.belt.left_size, word).toFixed(2)]);
    }
    if (track.gradient) columns.push([`gradient${short}`, (word) => mean(track.gradient.total, word).toPrecision(3)]);
  }
  return columns;
}

function drawTable(state) {
  const { words } = state.data;
  if (!words.length) return null;
  const columns = numberColumns(state);
  const rows = () =>
    words.map((word, index) => {
      const row = el("tr", {}, el("th", { scope: "row", class: "first", dir: "auto" }, word.text), columns.map(([, read]) => el("td", {}, read(word))));
      state.on("word", () => row.classList.toggle("lit", state.word === index));
      return row;
    });
  const holder = el("div", { class: "table", tabindex: "0", role: "group", "aria-label": "All numbers, word by word" });
  const details = el("details", { class: "numbers" }, el("summary", {}, "All numbers, word by word"), holder);
  details.addEventListener("toggle", () => {
    if (!details.open || holder.childElementCount) return;
    const head = el("tr", {}, el("th", { scope: "col", class: "first" }, "word"), columns.map(([name]) => el("th", { scope: "col" }, name)));
    holder.append(el("table", {}, el("thead", {}, head), el("tbody", {}, rows())));
  });
  return details;
}
