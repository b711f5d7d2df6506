"""`Classifier`: texts in, labels and probabilities out, on NumPy alone."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peephole.classifier.config import ModelConfig
from peephole.classifier.folder import check_parts, read_model_folder, save_model_folder
from peephole.classifier.forward import Carry, Forward
from peephole.classifier.prediction import Prediction, Probabilities, predictions, softmax
from peephole.classifier.stream import StreamState
from peephole.classifier.texts import blocks, open_break
from peephole.classifier.tokenizer import Ids, Tokenizer
from peephole.classifier.weights import Array, check_finite
from peephole.errors import OptionError, check_choice
from peephole.ops.dispatch import NAMES

BLOCK = 1024


class Classifier:
    """A trained classifier: a config, a tokenizer and weights. Immutable; may be used by several threads at once.

    Args:
        config: the stages and the labels.
        tokenizer: cuts texts into the tokens that the first stage knows.
        weights: tensors by name, as `config.parameter_shapes` gives them; read as float32, not copied where they are.
        backend: as `peephole.ops.run` takes it.

    Raises:
        ModelError: the parts do not fit together, or a weight is NaN or infinite.
        OptionError: no backend has that name.

    Example:
        >>> tokenizer = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
        >>> config = ModelConfig.default(vocabulary=tokenizer.vocabulary_size, labels=["bad", "good"], hidden_size=4)
        >>> weights = {name: np.zeros(shape) for name, shape in config.parameter_shapes().items()}
        >>> classifier = Classifier(config, tokenizer, weights)
        >>> [prediction.probability for prediction in classifier.predict(["good", ""])]
        [0.5, 0.5]
    """

    def __init__(
        self,
        config: ModelConfig,
        tokenizer: Tokenizer,
        weights: Mapping[str, np.ndarray[Any, Any]],
        *,
        backend: str = "auto",
    ) -> None:
        check_choice("Classifier", "backend", backend, ("auto", *NAMES))
        check_parts(config, tokenizer, weights, "Classifier")
        check_finite(weights, "Classifier")
        self.config = config
        self.tokenizer = tokenizer
        self.backend = backend
        self.weights: dict[str, Array] = {
            name: np.ascontiguousarray(weights[name], np.float32) for name in config.parameter_shapes()
        }
        self.forward = Forward(config, self.weights, backend)

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each class, by index."""
        return self.config.labels

    def logits(self, ids: Sequence[Ids]) -> Array:
        """Return the logits `[N, C]` float32, before the temperature, of texts given as ids `[T_n]`, in their order.

        Raises:
            OptionError: an id is not in [0, V).
            ModelError: a logit is not finite: the weights are far too large.
        """
        return self.forward.logits(ids)

    def predict_proba(self, texts: Iterable[str]) -> Probabilities:
        """Return the probabilities `[N, C]` float64 of texts, in their order; columns in the order of `labels`.

        Raises:
            TextTypeError: something is no `str`; the message says which.
        """
        rows = [self._probabilities(block) for block in blocks(texts, "predict_proba", BLOCK)]
        return np.concatenate(rows) if rows else np.zeros((0, len(self.labels)))

    def predict(
        self, texts: Iterable[str], *, top_k: int | None = None, block: int = BLOCK
    ) -> Iterator[Prediction]:
        """Yield a prediction for each text, in order.

        Texts are taken from any iterable, a generator too, a block at a time; memory does not grow with their number.

        Args:
            texts: any texts, empty ones included.
            top_k: how many labels each prediction lists, at least 1. All by default; ``peephole predict`` shows one unless it is
                told otherwise.
            block: the most texts to read before the first answer, at least 1. Within a block, texts of like length run
                together. A block also ends after four million characters.

        Raises:
            OptionError: an option is out of range.
            TextTypeError: something is no `str`; the message says which. The texts of the blocks before it are answered.
        """
        for name, value in (("top_k", top_k), ("block", block)):
            if value is not None and value < 1:
                raise OptionError(f"predict: {name} must be at least 1; got {value}")
        groups = blocks(texts, "predict", block)
        return (
            prediction
            for group in groups
            for prediction in predictions(group, self._probabilities(group), self.labels, top_k)
        )

    def start(self) -> StreamState:
        """Return the state before the first token of a text that arrives piece by piece.

        Raises:
            OptionError: the model reads texts from both ends.

        Example:
            >>> tokenizer = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
            >>> config = ModelConfig.default(vocabulary=tokenizer.vocabulary_size, labels=["bad", "good"], bidirectional=False)
            >>> weights = {name: np.zeros(shape) for name, shape in config.parameter_shapes().items()}
            >>> classifier = Classifier(config, tokenizer, weights)
            >>> state = classifier.start()
            >>> for word in "a good film".split():
            ...     state = classifier.step(state, word)
            >>> state.probabilities
            {'bad': 0.5, 'good': 0.5}
        """
        if not self.config.unidirectional:
            raise OptionError(
                "start: needs a model that reads in one direction; got a bidirectional one, which begins at a text's end too",
                hint="train with bidirectional=False, or use predict on the whole text",
            )
        carry = self.forward.start()
        return self._state(carry, carry, "")

    def step(self, state: StreamState, piece: int | Sequence[int] | Ids | str) -> StreamState:
        """Return the state after one more piece of the text; `state` stays as it was.

        Args:
            state: from `start` or `step`.
            piece: an id, several ids, or a str. A str is read as if white space stood before it: pass whole words with their
                punctuation, as `text.split()` gives them, and the tokens are those of the whole text. That holds for a line
                break's tag in several pieces (``"<br"``, ``"/>"``) too: until the tag ends it counts as the words it may yet
                turn out to be, so `StreamState.tokens` can become smaller. (`split` also cuts at the controls U+001C to U+001F
                and U+0085, which are no white space to the tokenizer.)

        Raises:
            OptionError: an id is not in [0, V).
        """
        if isinstance(piece, str):
            text = f"{state.pending} {piece}" if state.pending else piece
            cut = open_break(text)
            settled = self._read(state.settled, text[:cut])
            return self._state(self._read(settled, text[cut:]), settled, text[cut:])
        ids = np.atleast_1d(np.asarray(piece))
        if ids.size == 0:
            ids = ids.astype(np.int32)  # an empty list is an array of float64 to NumPy
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise OptionError(f"step: piece must be an id, a list of ids or a str; got {piece!r:.60}")
        carry = self.forward.advance(state.carry, ids)
        return self._state(carry, carry, "")

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model folder, never half of it; see `save_model_folder`."""
        return save_model_folder(folder, self.config, self.tokenizer, self.weights)

    def _probabilities(self, texts: Sequence[str]) -> Probabilities:
        return softmax(self.logits(self.tokenizer.encode_batch(texts)), self.config.temperature)

    def _read(self, carry: Carry, text: str) -> Carry:
        return self.forward.advance(carry, self.tokenizer.encode(text)) if text else carry

    def _state(self, carry: Carry, settled: Carry, pending: str) -> StreamState:
        return StreamState(carry, settled, pending, self.forward, self.labels, self.config.temperature)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Classifier, backend=self.backend), (
            self.config,
            self.tokenizer,
            self.weights,
        )

    def __repr__(self) -> str:
        cells = ", ".join(
            f"{stage.cell} {stage.hidden_size}" for stage in self.config.stages if stage.kind == "recurrent"
        )
        return f"Classifier({cells or 'no recurrent stage'}, labels={list(self.labels)})"


def load(folder: str | os.PathLike[str], *, backend: str = "auto") -> Classifier:
    """Load a model folder; nothing in it is trusted or run.

    Args:
        folder: as `Classifier.save` writes it. The weights stay on disk until they are used (memory-mapped).
        backend: as `peephole.ops.run` takes it.

    Raises:
        ModelError: a file is missing, damaged, of another format or hostile; the message names the file and the field.
        OptionError: no backend has that name.
    """
    check_choice("load", "backend", backend, ("auto", *NAMES))
    return Classifier(*read_model_folder(folder), backend=backend)
