// What is chosen: a word that is lit in every figure, and in each track a unit that is followed.

// options: prefix, of the ids of its elements, where several documents stand in one page, and whose, the id of what names this one;
// bare: without the verdict, the title and the foot, which the page around has; follow: the units to begin with, by track; word,
// track: the word that is held and the track that was touched to begin with; onword: told of the lit word; tools: elements beside
// the numbers of a word that is held.
function makeState(data, options = {}) {
  const listeners = { word: [], unit: [] };
  const wanted = (track) => track.drawn.indexOf((options.follow || {})[track.name]);
  const state = {
    data,
    options,
    id: (name) => (options.prefix || "") + name,
    word: (options.word ?? null) === null || !data.words.length ? null : clamp(options.word, 0, data.words.length - 1),
    held: false, // by a click or the keyboard: hovering elsewhere does not put it out
    units: data.tracks.map((track) => (wanted(track) >= 0 ? wanted(track) : track.follow)),
    track: options.track ?? null, // whose figure was touched last: the readout has the numbers of its unit
    columnWord: new Int32Array(data.tokens.length).fill(-1),
    on: (what, listener) => listeners[what].push(listener),
    reset() {
      listeners.word.length = listeners.unit.length = 0;
    },
  };
  data.words.forEach((word, index) => {
    for (let column = word.first; column < word.end; column++) state.columnWord[column] = index;
  });
  const tell = (what) => listeners[what].forEach((listener) => listener());
  state.light = (word, how) => {
    const index = word === undefined || word === null || word < 0 || word >= data.words.length ? null : word;
    if (how === "hover" && state.held) return;
    const held = how === "hold" && index !== null;
    if (index === state.word && held === state.held) return;
    state.held = held;
    state.word = index;
    tell("word");
    if (options.onword) options.onword(state);
  };
  state.step = (by) => {
    const last = data.words.length - 1;
    if (last >= 0) state.light(state.word === null ? (by > 0 ? 0 : last) : clamp(state.word + by, 0, last), "hold");
  };
  state.touch = (track) => {
    if (track === undefined || track === state.track) return;
    state.track = track;
    tell("word");
  };
  state.follow = (track, unit) => {
    const last = data.tracks[track].drawn.length - 1;
    if (last < 0) return;
    state.units[track] = clamp(unit, 0, last);
    tell("unit");
  };
  return state;
}

// Keys that every figure understands. Returns whether the key was one of them.
function handleKey(state, event, track) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const moves = {
    ArrowRight: () => state.step(1),
    ArrowLeft: () => state.step(-1),
    Home: () => state.light(0, "hold"),
    End: () => state.light(state.data.words.length - 1, "hold"),
    Escape: () => state.light(null, "clear"),
  };
  if (track !== undefined) {
    moves.ArrowUp = () => state.follow(track, state.units[track] - 1);
    moves.ArrowDown = () => state.follow(track, state.units[track] + 1);
    moves.PageUp = () => state.follow(track, state.units[track] - 10);
    moves.PageDown = () => state.follow(track, state.units[track] + 10);
  }
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  move();
}
