// Texts to begin with, and what to try on each. They say what to look for, not what will be seen: that is the model's to answer.

const EXAMPLES = [
  {
    name: "Negation",
    text: "The food was not good.",
    hint: "Click “not”, remove it, and see which way the verdict and the colour of “good” go. Then undo.",
  },
  {
    name: "Not bad",
    text: "Not bad at all, I have to say.",
    hint: "“bad” stands between two words that turn it. Remove “Not”, undo, then remove “at all”.",
  },
  {
    name: "But",
    text: "The acting is wonderful and the music is lovely, but the story is a boring mess.",
    hint: "Which half weighs more? Replace “but” by “and”; then hold keep low, so that only the last words are remembered.",
  },
  {
    name: "An early verdict",
    text:
      "An awful film. We had booked for eight and were seated in the fifth row. The cinema is on the second floor, above a shop, " +
      "and it has two hundred seats. The screening lasted two hours, and after it we took the tram to the station.",
    hint: "The verdict comes at once, and a long neutral stretch follows. In the figure of the belt, see how much of “awful” is left at the end. Then hold keep at 0.",
  },
  {
    name: "A turn at the end",
    text: "I expected nothing, the trailer was dreadful and my friends had warned me. I loved every minute of it.",
    hint: "Three bad omens, then the verdict. Remove the last sentence word by word, and watch.",
  },
];
