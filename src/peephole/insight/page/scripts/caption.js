// Sentences in which words of the text are named: they light up like the word itself.

// A mark by itself is hard to see in a sentence.
const quoted = (text) => (/[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(text) ? text : `“${text}”`);

function captionNodes(state, caption) {
  return caption.map((part) => {
    if (typeof part === "string") return part;
    const node = el(
      "span",
      {
        class: "named",
        onpointerenter: () => state.light(part, "hover"),
        onpointerleave: () => state.light(null, "hover"),
      },
      quoted(state.data.words[part].text),
    );
    state.on("word", () => node.classList.toggle("lit", state.word === part));
    return node;
  });
}

const says = (state, caption) => (caption && caption.length ? el("p", { class: "says" }, captionNodes(state, caption)) : null);
