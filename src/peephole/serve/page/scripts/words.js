// Where words stand in the text, and the text without one of them, or with another in its place.

// Positions of the server are of code points, those of a string here of its halves.
function unitsAt(text, points) {
  let at = 0;
  for (let left = points; left > 0 && at < text.length; left--) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}

// The server reads half characters as U+FFFD, which is as long.
function spanOf(text, { start, stop }) {
  let [from, to] = [unitsAt(text, start), unitsAt(text, stop)];
  while (from < to && /\s/.test(text[from])) from++; // a word of several tokens may begin with a space
  while (to > from && /\s/.test(text[to - 1])) to--;
  return [from, to];
}

function without(text, word) {
  const [from, to] = spanOf(text, word);
  const [before, after] = [text.slice(0, from), text.slice(to)];
  if (/\s$/.test(before) && (/^\s/.test(after) || after === "")) return before.replace(/\s$/, "") + after;
  if (before === "") return after.replace(/^\s+/, "");
  if (/^[.,;:!?…)\]}]/.test(after)) return before.replace(/[^\S\n]+$/, "") + after; // a mark does not stand alone
  return before + after;
}

function replaced(text, word, by) {
  const [from, to] = spanOf(text, word);
  return text.slice(0, from) + by + text.slice(to);
}
