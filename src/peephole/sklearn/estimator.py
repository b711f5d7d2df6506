"""`TextClassifier`: the classifier of `peephole train` as an estimator of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from peephole.classifier import Classifier
from peephole.classifier.model import BLOCK
from peephole.classifier.prediction import softmax
from peephole.classifier.texts import blocks
from peephole.sklearn.fitting import LabelledTexts, fit_classifier, recipe_of, seed_of
from peephole.sklearn.inputs import (
    checked_labels,
    checked_texts,
    checked_weights,
    label_names,
    weights_by_class,
)
from peephole.sklearn.state import restored, state_of
from peephole.training.recipe import Recipe


class TextClassifier(ClassifierMixin, BaseEstimator):
    """A recurrent network that reads texts, as an estimator of scikit-learn.

    The parameters from `cell` to `patience` are settings of `peephole.training.Recipe`, with its defaults and its rules;
    the other settings of the recipe go into `recipe`. Nothing is looked at before `fit`. A part of the texts,
    `development_share`, is kept out of training: its score chooses the pass whose weights are kept, and its texts the
    temperature of the probabilities.

    Args:
        cell: cell of the recurrent layers: ``"lstm"``, ``"peephole-lstm"``, ``"gru"``, ``"rnn"`` …
        embedding: width of a token's vector.
        hidden_size: width of a layer and direction.
        layers: recurrent layers on top of each other.
        bidirectional: also read each text from its end.
        pooling: how steps become one vector: of ``"max"``, ``"mean"``, ``"last"``.
        head: width between pooling and output; 0: none.
        tokenizer: ``"bpe"`` or ``"word"``.
        vocabulary: tokens known; None: by the size of the corpus.
        lowercase: fold capital letters.
        max_length: longest text in training, tokens; a longer one is cut. Prediction reads whole texts.
        head_tokens: of a cut text, tokens kept of its start.
        development_share: share of the texts held out, above 0 and at most 0.5.
        word_dropout: share of tokens whose whole vector is zeroed.
        embedding_dropout: share of features zeroed for a whole text.
        pool_dropout: share of features zeroed after pooling.
        head_dropout: share of features zeroed before the output.
        label_smoothing: share of the target spread over all classes.
        adversarial: length of adversarial steps, standard deviations of the vectors; 0: none.
        weight_decay: pull towards zero.
        learning_rate: peak of the one-cycle schedule.
        epochs: passes over the texts; None: three to thirty, by the size of the corpus.
        batch_rows: texts in a batch at most; None: 16 to 64, by the size of the corpus.
        patience: passes without a better score before stopping; None makes all passes.
        recipe: other settings of the recipe, by name.
        language_model: folder of `peephole pretrain` that the network starts from, or None.
        word_vectors: file of word vectors to start from, or None.
        class_weight: None; ``"balanced"``: each class weighs the same in total; or a dict from classes to weights above 0.
        random_state: an int gives the same model, bit for bit, on the same machine with the same number of threads; a
            `RandomState` draws a seed; None draws one from NumPy's global generator.
        cpu: do not use a GPU.
        verbose: show the progress of training on standard error.

    Attributes:
        classes_: the classes `[C]`, sorted; the order of the columns of `predict_proba`.
        classifier_: the trained `peephole.Classifier`: it can be explained, traced and saved as a model folder.
        recipe_: the recipe with every number filled in, the seed too.
        n_iter_: passes made.
        warnings_: what training warned of.

    Example:
        >>> texts = [f"a {word} day {n}" for n in range(20) for word in ("fine", "dull")]
        >>> model = TextClassifier(embedding=8, hidden_size=8, head=0, epochs=1, random_state=0)
        >>> model.fit(texts, ["good", "bad"] * 20).classes_.tolist()
        ['bad', 'good']
        >>> model.predict_proba(["a fine day", ""]).shape
        (2, 2)
    """

    def __init__(
        self,
        *,
        cell: str = "lstm",
        embedding: int = 128,
        hidden_size: int = 128,
        layers: int = 1,
        bidirectional: bool = True,
        pooling: tuple[str, ...] = ("max", "mean"),
        head: int = 64,
        tokenizer: str = "bpe",
        vocabulary: int | None = None,
        lowercase: bool = True,
        max_length: int = 400,
        head_tokens: int = 100,
        development_share: float = 0.1,
        word_dropout: float = 0.2,
        embedding_dropout: float = 0.3,
        pool_dropout: float = 0.3,
        head_dropout: float = 0.3,
        label_smoothing: float = 0.05,
        adversarial: float = 3.0,
        weight_decay: float = 0.01,
        learning_rate: float = 3e-3,
        epochs: int | None = None,
        batch_rows: int | None = None,
        patience: int | None = None,
        recipe: Mapping[str, Any] | None = None,
        language_model: str | os.PathLike[str] | None = None,
        word_vectors: str | os.PathLike[str] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
        cpu: bool = False,
        verbose: bool = False,
    ) -> None:
        self.cell = cell
        self.embedding = embedding
        self.hidden_size = hidden_size
        self.layers = layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.head = head
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self.max_length = max_length
        self.head_tokens = head_tokens
        self.development_share = development_share
        self.word_dropout = word_dropout
        self.embedding_dropout = embedding_dropout
        self.pool_dropout = pool_dropout
        self.head_dropout = head_dropout
        self.label_smoothing = label_smoothing
        self.adversarial = adversarial
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.patience = patience
        self.recipe = recipe
        self.language_model = language_model
        self.word_vectors = word_vectors
        self.class_weight = class_weight
        self.random_state = random_state
        self.cpu = cpu
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TextClassifier:  # noqa: N803
        """Train on texts with labels; whatever was learnt before is forgotten.

        Texts that are blank or weigh nothing are left out. Files are written in a temporary folder only. One fit runs at a time
        in a process; processes do not wait for one another.

        Args:
            X: texts `[N]`: a list, an array or a column of `str`.
            y: the label of each `[N]`: strings, whole numbers or bools.
            sample_weight: how much each text counts in the loss `[N]`: 2 as if it stood there twice, 0 as if it were not there.
                The texts held out count alike.

        Raises:
            DataError: texts, labels or weights cannot be used, or there are too few.
            OptionError: a parameter cannot be used; all of them are listed.
            TrainingDiverged: the loss or a gradient became infinite or undefined.
            MissingExtra: torch is not installed.
        """
        where = f"{type(self).__name__}.fit"
        recipe = recipe_of(self.get_params(deep=False), seed_of(self.random_state), where)
        texts = self._texts(X, where)
        labels = checked_labels(y, len(texts), where)
        weights = checked_weights(sample_weight, len(texts), where)
        counting = weights > 0
        classes, codes = np.unique(labels[counting], return_inverse=True)
        names = label_names(classes.tolist())
        each = weights_by_class(
            self.class_weight, classes.tolist(), codes.astype(np.int64), weights[counting], where
        )
        kept = [text for text, counts in zip(texts, counting.tolist(), strict=True) if counts]
        fitted = fit_classifier(
            LabelledTexts(kept, [names[code] for code in codes.tolist()], each.tolist()),
            recipe,
            where,
            language_model=self.language_model,
            word_vectors=self.word_vectors,
            cpu=bool(self.cpu),
            verbose=bool(self.verbose),
        )
        self.classes_: NDArray[Any] = classes
        self._take(fitted.classifier, fitted.warnings)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return how much speaks for the classes, in nats: before the softmax, after the temperature.

        Args:
            X: texts `[N]`.

        Returns:
            For two classes the log-odds of the second `[N]`; for more a score for each `[N, C]`.
        """
        scores = self._scores(X, "decision_function")
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return the probabilities of the classes `[N, C]` of texts, in the order of `classes_`."""
        return softmax(self._scores(X, "predict_proba"), 1.0)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class `[N]` of texts."""
        best = self._scores(X, "predict").argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self) -> Any:
        tags: Any = cast("Any", super()).__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array = True, True
        tags.input_tags.two_d_array = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        learnt: dict[str, Any] | None = None
        if hasattr(self, "classes_"):
            learnt = {"classes": self.classes_.tolist(), "dtype": self.classes_.dtype.str}
            learnt["warnings"] = list(self.warnings_)
        return state_of(self.get_params(deep=False), getattr(self, "classifier_", None), learnt)

    def __setstate__(self, state: dict[str, Any]) -> None:
        where = f"{type(self).__name__}: the pickled state"
        parameters, classifier, learnt = restored(state, where, classes=True)
        self.__dict__.update(parameters)
        if classifier is not None:
            self.classes_ = learnt.classes
            self._take(classifier, learnt.warnings)

    def _take(self, classifier: Classifier, warnings: tuple[str, ...]) -> None:
        self.classifier_ = classifier
        config = cast("dict[str, Any]", {**classifier.config.data, **classifier.config.metrics})
        self.recipe_ = Recipe.from_json(config["recipe"])
        self.n_iter_ = len(config["learning_curve"]["epoch"])
        self.warnings_ = warnings

    def _texts(self, texts: Any, where: str) -> list[str]:
        return checked_texts(texts, where)

    def _scores(self, texts: Any, method: str) -> NDArray[np.float64]:
        """Return the logits over the temperature `[N, C]`, columns in the order of `classes_`."""
        check_is_fitted(self, "classifier_")
        given = self._texts(texts, f"{type(self).__name__}.{method}")
        classifier = self.classifier_
        found = [np.zeros((0, len(classifier.labels)), np.float32)]
        found += [
            classifier.logits(classifier.tokenizer.encode_batch(block))
            for block in blocks(given, method, BLOCK)
        ]
        columns = [classifier.labels.index(name) for name in label_names(self.classes_.tolist())]
        return np.concatenate(found)[:, columns].astype(np.float64) / classifier.config.temperature
