"""A text that is being read piece by piece."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from peephole.classifier.forward import Carry, Forward
from peephole.classifier.prediction import Prediction, predictions, softmax
from peephole.classifier.texts import open_break
from peephole.classifier.tokenizer import Ids
from peephole.errors import OptionError


@dataclasses.dataclass(frozen=True, eq=False)
class StreamState:
    """A text that is being read, as `Classifier.start` and `Classifier.step` return it.

    Immutable; of constant size, but for `pending`.

    Args:
        carry: what the model remembers of all that was read.
        settled: what it remembers of what stands before `pending`; `carry` itself when nothing is pending.
        pending: the end of the text from a word with an open ``<br`` on, which the next piece may make a tag: at most a word and
            some fifty characters.
        forward: the model's stages.
        labels: the name of each class.
        temperature: of the softmax.
    """

    carry: Carry = dataclasses.field(repr=False)
    settled: Carry = dataclasses.field(repr=False)
    pending: str = dataclasses.field(repr=False)
    forward: Forward = dataclasses.field(repr=False)
    labels: Sequence[str] = dataclasses.field(repr=False)
    temperature: float = dataclasses.field(repr=False)

    @property
    def tokens(self) -> int:
        """How many tokens were read."""
        return self.carry.tokens

    @property
    def probabilities(self) -> dict[str, float]:
        """Label → probability for the text so far, the most probable first: what `predict` says of a text that ends here."""
        return dict(self._prediction.probabilities)

    @property
    def label(self) -> str:
        """The most probable label for the text so far."""
        return self._prediction.label

    @property
    def probability(self) -> float:
        """Its probability, in [0, 1]."""
        return self._prediction.probability

    @functools.cached_property
    def _prediction(self) -> Prediction:
        logits = self.forward.finish(self.forward.pooled(self.carry))
        return predictions([""], softmax(logits, self.temperature), self.labels)[0]


def advance(
    state: StreamState, piece: int | Sequence[int] | Ids | str, encode: Callable[[str], Ids]
) -> StreamState:
    """Return the state after one more piece of the text; see `Classifier.step`."""
    forward = state.forward
    if not isinstance(piece, str):
        ids = np.atleast_1d(np.asarray(piece))
        if ids.size == 0:
            ids = ids.astype(np.int32)  # an empty list is an array of float64 to NumPy
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise OptionError(f"step: piece must be an id, a list of ids or a str; got {piece!r:.60}")
        carry = forward.advance(state.carry, ids)
        return dataclasses.replace(state, carry=carry, settled=carry, pending="")

    def read(carry: Carry, text: str) -> Carry:
        return forward.advance(carry, encode(text)) if text else carry

    text = f"{state.pending} {piece}" if state.pending else piece
    cut = open_break(text)
    settled = read(state.settled, text[:cut])
    return dataclasses.replace(state, carry=read(settled, text[cut:]), settled=settled, pending=text[cut:])
