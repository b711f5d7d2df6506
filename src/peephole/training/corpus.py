"""Encoded texts in two flat arrays: small, and quick to gather a batch from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Texts as token ids, one after the other, with the label of each.

    Args:
        ids: token ids of all texts `[tokens]`, int32.
        starts: where each text begins in `ids`, and the end of the last `[texts + 1]`, int64.
        labels: class of each text `[texts]`, int64, each in [0, C), or −1 for a text without a label.
        targets: probabilities that teachers give the classes of each text `[texts, C]`, float32, or None.
        weights: how much each text counts `[texts]`, float32, each above 0; None where all count alike.

    Example:
        >>> corpus = Corpus.from_texts([np.array([5, 6, 7]), np.array([8])], [0, 1])
        >>> corpus.lengths.tolist(), corpus.text(1).tolist()
        ([3, 1], [8])
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    labels: NDArray[np.int64]
    targets: NDArray[np.float32] | None = None
    weights: NDArray[np.float32] | None = None

    @classmethod
    def from_texts(cls, texts: Sequence[NDArray[np.int32]], labels: Sequence[int]) -> Corpus:
        """Join the ids of each text."""
        starts = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in texts], out=starts[1:])
        ids = np.concatenate(texts).astype(np.int32) if texts else np.zeros(0, dtype=np.int32)
        return cls(ids, starts, np.asarray(labels, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text `[texts]`."""
        return np.diff(self.starts)

    @property
    def known_labels(self) -> NDArray[np.int64]:
        """Class of each text that has a label `[labelled texts]`."""
        return self.labels[self.labels >= 0]

    @property
    def known_weights(self) -> NDArray[np.float32] | None:
        """How much each text that has a label counts `[labelled texts]`; None where all count alike."""
        return None if self.weights is None else self.weights[self.labels >= 0]

    def text(self, index: int) -> NDArray[np.int32]:
        """Return the ids of one text `[its length]`, a view."""
        return self.ids[self.starts[index] : self.starts[index + 1]]

    def cropped(self, longest: int, head: int) -> Corpus:
        """Return the corpus with each text of more than `longest` tokens cut in its middle.

        Args:
            longest: most tokens that a text keeps.
            head: tokens kept from its start, at most `longest`; the others are kept from its end, where
                reviews give their verdict.

        Example:
            >>> Corpus.from_texts([np.arange(10)], [0]).cropped(5, 2).text(0).tolist()
            [0, 1, 7, 8, 9]
        """
        tail = longest - head

        def cut(text: NDArray[np.int32]) -> NDArray[np.int32]:
            if len(text) <= longest:
                return text
            return np.concatenate([text[:head], text[len(text) - tail :]])

        cut_texts = [cut(self.text(index)) for index in range(len(self))]
        cropped = Corpus.from_texts(cut_texts, self.labels.tolist())
        return dataclasses.replace(cropped, targets=self.targets, weights=self.weights)
