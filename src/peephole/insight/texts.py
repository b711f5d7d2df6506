"""Texts as a classifier reads them, and what it answers."""

from __future__ import annotations

import dataclasses

import numpy as np

from peephole.classifier import Classifier
from peephole.classifier.pieces import Word
from peephole.classifier.prediction import softmax
from peephole.classifier.tokenizer import Ids
from peephole.insight.network import Array
from peephole.ops.sequences import Integers


@dataclasses.dataclass(frozen=True)
class TracedText:
    """The text of a trace.

    Attributes:
        text: as it was given, lone surrogates replaced by U+FFFD.
        words: its words, each with the range of its tokens.
        tokens: `[T]` what each step reads, as text.
        labels: the classes.
        probabilities: `[C]` of them.
        logits: `[C]`, before the temperature.
    """

    text: str
    words: tuple[Word, ...]
    tokens: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: Array
    logits: Array

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.labels[int(self.probabilities.argmax())]


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """A text cut into tokens.

    Attributes:
        text: the text.
        ids: `[T]` of its tokens.
        words: its words.
        tokens: `[T]` what each token covers.
    """

    text: str
    ids: Ids
    words: tuple[Word, ...]
    tokens: tuple[str, ...]

    @staticmethod
    def of(classifier: Classifier, text: str) -> Reading:
        """Cut a text as a classifier does."""
        pieces, words = classifier.tokenizer.cut(text)
        ids = np.array([piece.id for piece in pieces], np.int32)
        return Reading(text, ids, tuple(words), tuple(piece.text for piece in pieces))

    @property
    def spans(self) -> Integers:
        """`[W, 2]` first token of each word and the one after its last."""
        return np.array([[word.first, word.end] for word in self.words], np.int64).reshape(-1, 2)

    def answered(self, classifier: Classifier, logits: Array) -> TracedText:
        """Return it with the logits `[C]` that the classifier gave it."""
        probabilities = softmax(logits[None], classifier.config.temperature)[0]
        return TracedText(self.text, self.words, self.tokens, classifier.labels, probabilities, logits)
