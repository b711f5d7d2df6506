"""`Classifier`: texts in, labels and probabilities out, on NumPy alone."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peephole.classifier.config import ModelConfig
from peephole.classifier.folder import check_parts, save_model_folder
from peephole.classifier.forward import Forward
from peephole.classifier.gradients import (
    Gradient,
    Target,
    TextGradient,
    gradients_of,
    text_gradients,
    weights_of,
)
from peephole.classifier.hub.methods import HubMethods
from peephole.classifier.prediction import Prediction, Probabilities, check_neutral, predictions, softmax
from peephole.classifier.storage import Array, Int8Rows, Storage, Tensor, dense, taken
from peephole.classifier.stream import StreamState, advance
from peephole.classifier.texts import blocks
from peephole.classifier.tokenizer import Ids, Tokenizer
from peephole.classifier.weights import check_finite, store_weights
from peephole.errors import OptionError, check_choice
from peephole.ops.call import PRECISIONS
from peephole.ops.dispatch import NAMES

BLOCK = 1024
GRADIENT_BLOCK = 32


class Classifier(HubMethods):
    """A trained classifier: a config, a tokenizer and weights. Immutable; may be used by several threads at once.

    Args:
        config: the stages and the labels.
        tokenizer: cuts texts into the tokens that the first stage knows.
        weights: tensors by name, as `config.parameter_shapes` gives them; read as float32, not copied where they are. Those of
            another classifier's `tensors` stay as they are stored.
        backend: as `peephole.ops.run` takes it.
        precision: ``"high"``, or ``"highest"`` to multiply in float32 throughout: see `peephole.ops.run`. Where it makes a
            difference, a probability of the model in the package changes by less than 1e-4.

    Raises:
        ModelError: the parts do not fit together, or a weight is NaN or infinite.
        OptionError: no backend or precision has that name.

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
        weights: Mapping[str, np.ndarray[Any, Any] | Int8Rows],
        *,
        backend: str = "auto",
        precision: str = "high",
    ) -> None:
        check_choice("Classifier", "backend", backend, ("auto", *NAMES))
        check_choice("Classifier", "precision", precision, PRECISIONS)
        check_parts(config, tokenizer, weights, "Classifier")
        check_finite(weights, "Classifier")
        self.config = config
        self.tokenizer = tokenizer
        self.backend, self.precision = backend, precision
        self.tensors: dict[str, Tensor] = {name: taken(weights[name]) for name in config.parameter_shapes()}
        self.forward = Forward(config, self.tensors, backend, precision=precision)

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each class, by index."""
        return self.config.labels

    @functools.cached_property
    def weights(self) -> dict[str, Array]:
        """The tensors by name, as float32; `tensors` has them as they are stored. Not to be written."""
        return {name: dense(tensor) for name, tensor in self.tensors.items()}

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
        self, texts: Iterable[str], *, top_k: int | None = None, neutral: float = 0.0, block: int = BLOCK
    ) -> Iterator[Prediction]:
        """Yield a prediction for each text, in order.

        Texts are taken from any iterable, a generator too, a block at a time; memory does not grow with their number.

        Args:
            texts: any texts, empty ones included; or a `datasets.Dataset`, whose column of texts is found by its usual names.
            top_k: how many labels each prediction lists, at least 1. All by default; ``peephole predict`` shows one unless it is
                told otherwise.
            neutral: for a model with two labels: the answer is ``"neutral"`` where their probabilities lie less than this apart,
                in [0, 1]. 0.1 means: where the larger one is below 0.55. 0, the default, means never.
            block: the most texts to read before the first answer, at least 1. Within a block, texts of like length run
                together. A block also ends after four million characters.

        Raises:
            OptionError: an option is out of range, or `neutral` is for another model.
            TextTypeError: something is no `str`; the message says which. The texts of the blocks before it are answered.
        """
        for name, value in (("top_k", top_k), ("block", block)):
            if value is not None and value < 1:
                raise OptionError(f"predict: {name} must be at least 1; got {value}")
        check_neutral(neutral, self.labels)
        groups = blocks(texts, "predict", block)
        return (
            prediction
            for group in groups
            for prediction in predictions(group, self._probabilities(group), self.labels, top_k, neutral)
        )

    def gradients(self, texts: Iterable[str], *, target: Target = None) -> Iterator[TextGradient]:
        """Yield, for each text in order, how a number made of its logits changes with the vectors of its tokens.

        Runs on the compiled kernels' backward pass, without torch. Texts are taken a few at a time, and read whole; a text takes
        memory of some kilobytes for each token.

        Args:
            texts: any texts, empty ones included.
            target: what the gradient is of. None: the margin, the logit of the most probable label less the largest of the
                others; a label: its logit; C numbers: the sum of the logits times these.

        Raises:
            OptionError: there is no such label, or there are not C finite numbers.
            TextTypeError: something is no `str`; the message says which.
            BackendUnavailable: there are no compiled kernels here, or the classifier was made with another backend.

        Example:
            >>> tokenizer = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
            >>> config = ModelConfig.default(vocabulary=tokenizer.vocabulary_size, labels=["bad", "good"], embedding=8)
            >>> weights = {name: np.zeros(shape) for name, shape in config.parameter_shapes().items()}
            >>> found = next(Classifier(config, tokenizer, weights).gradients(["a good film"], target="good"))
            >>> found.gradient.shape == (len(found.tokens), 8), found.value
            (True, 0.0)
        """
        weigh = weights_of("gradients", target, self.labels)
        groups = blocks(texts, "gradients", GRADIENT_BLOCK)
        return (
            found
            for group in groups
            for found in text_gradients(self.forward, group, self.tokenizer.encode_batch(group), weigh)
        )

    def gradients_at(self, embedded: Sequence[Array], *, target: Target = None) -> list[Gradient]:
        """Return the same for texts given as vectors, which need not be those of any tokens.

        Args:
            embedded: `[T, E]` of each text, read as float32.
            target: as `gradients` takes it.

        Raises:
            ShapeError: vectors have another width than the embedding.
            OptionError, BackendUnavailable: as `gradients`.
        """
        weigh = weights_of("gradients_at", target, self.labels)
        rows = [np.ascontiguousarray(own, np.float32) for own in embedded]
        return gradients_of(self.forward, rows, weigh, "gradients_at")

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
        return StreamState(carry, carry, "", self.forward, self.labels, self.config.temperature)

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
        return advance(state, piece, self.tokenizer.encode)

    def with_storage(self, storage: Storage) -> Classifier:
        """Return the classifier that a folder in this storage will hold, with the answers that it will give.

        Args:
            storage: ``"float32"``, ``"float16"`` or ``"int8"``. What is stored so already stays as it is, to the bit.

        Raises:
            OptionError: there is no such storage.
            ModelError: a number is too large for it.

        Example:
            >>> tokenizer = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
            >>> config = ModelConfig.default(vocabulary=tokenizer.vocabulary_size, labels=["bad", "good"])
            >>> weights = {name: np.full(shape, 0.3) for name, shape in config.parameter_shapes().items()}
            >>> small = Classifier(config, tokenizer, weights).with_storage("int8")
            >>> small.config.storage, float(small.weights["output.weight"][0, 0])
            ('int8', 0.30000001192092896)
        """
        config = self.config.replace(storage=storage)
        tensors = store_weights(self.tensors, storage, "with_storage")
        return Classifier(config, self.tokenizer, tensors, backend=self.backend, precision=self.precision)

    def save(self, folder: str | os.PathLike[str], *, storage: Storage | None = None) -> Path:
        """Write the model folder, never half of it; see `save_model_folder`.

        Args:
            folder: a new path, an empty folder, or a model folder to replace.
            storage: ``"float32"``, ``"float16"`` or ``"int8"``; None: as `config.storage` says.
        """
        return save_model_folder(folder, self.config, self.tokenizer, self.tensors, storage=storage)

    def _probabilities(self, texts: Sequence[str]) -> Probabilities:
        return softmax(self.logits(self.tokenizer.encode_batch(texts)), self.config.temperature)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Classifier, backend=self.backend, precision=self.precision), (
            self.config,
            self.tokenizer,
            self.tensors,
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: what the model is made of, its scores, and what runs it."""
        from peephole.classifier.display import classifier_html  # which is made of classifiers

        return classifier_html(self)

    def __repr__(self) -> str:
        cells = ", ".join(
            f"{stage.cell} {stage.hidden_size}" for stage in self.config.stages if stage.kind == "recurrent"
        )
        return f"Classifier({cells or 'no recurrent stage'}, labels={list(self.labels)})"
