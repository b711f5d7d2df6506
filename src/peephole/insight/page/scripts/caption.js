// Sentences in which words of the text are named: they light up like the word itself.

// A mark by itself is hard to see in a sentence.
const quoted = (text) => (/[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(text) ? text : `“${text}”`);

function captionNodes(state, caption) {
  return caption.map((part, place) => {
    if (typeof part === "string") return part;
    const before = place ? caption[place - 1] : "";
    const isPhrase = typeof before === "number" || before === " " || before.endsWith("“");
    const text = state.data.words[part].text;
    const node = el(
      "span",
      {
        class: "named",
        onpointerenter: () => state.light(part, "hover"),
        onpointerleave: () => state.light(null, "hover"),
      },
      isPhrase ? text : quoted(text),
    );
    state.on("word", () => node.classList.toggle("lit", state.word === part));
    return node;
  });
}

const says = (state, caption) => (caption && caption.length ? el("p", { class: "says" }, captionNodes(state, caption)) : null);
