"""`predicted`: a data set of the library `datasets` with the answers of a classifier beside its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from peephole.classifier.texts import checked
from peephole.errors import OptionError, require
from peephole.reading.dataset_rows import columns_of, is_dataset, text_column_of

if TYPE_CHECKING:
    from peephole.classifier.model import Classifier

WHERE = "predict_dataset"
PREDICTION, PROBABILITY, PROBABILITIES = "prediction", "probability", "probabilities"


def predicted(
    classifier: Classifier, dataset: Any, *, text_column: str | None, all_probabilities: bool, batch_size: int
) -> Any:
    """Return the data set with more columns; arguments as `Classifier.predict_dataset` explains them."""
    library = require("datasets", extra="hub", purpose="predicting a data set")
    if batch_size < 1:
        raise OptionError(f"{WHERE}: batch_size must be at least 1; got {batch_size}")
    if isinstance(dataset, (library.DatasetDict, library.IterableDatasetDict)):
        parts = {
            name: predicted(
                classifier,
                part,
                text_column=text_column,
                all_probabilities=all_probabilities,
                batch_size=batch_size,
            )
            for name, part in dataset.items()
        }
        return type(dataset)(parts)
    if not is_dataset(dataset):
        raise OptionError(
            f"{WHERE}: must be given a Dataset, an IterableDataset or a dictionary of them; got {type(dataset).__name__}",
            hint="predict takes any texts",
        )
    column = text_column_of(dataset, WHERE, text_column)
    added = {
        PREDICTION: library.ClassLabel(names=list(classifier.labels)),
        PROBABILITY: library.Value("float64"),
    }
    if all_probabilities:
        added[PROBABILITIES] = {label: library.Value("float64") for label in classifier.labels}
    taken = [name for name in added if name in columns_of(dataset)]
    if taken:
        raise OptionError(
            f"{WHERE}: the data set must not have the columns that are added; got {', '.join(taken)}",
            hint=f"dataset.rename_column({taken[0]!r}, {'old_' + taken[0]!r})",
        )
    features = library.Features({**_features(library, dataset), **added})
    if isinstance(dataset, library.Dataset) and not len(dataset):  # `map` adds no column to none
        return library.Dataset.from_dict({name: [] for name in features}, features=features)
    answers = _Answers(classifier, column, all_probabilities)
    return dataset.map(answers, batched=True, with_indices=True, batch_size=batch_size, features=features)


class _Answers:
    """What `map` calls: a batch of rows and their numbers in, the new columns out."""

    def __init__(self, classifier: Classifier, column: str, all_probabilities: bool) -> None:
        self._classifier, self._column, self._all = classifier, column, all_probabilities

    def __call__(self, batch: Any, rows: Sequence[int]) -> dict[str, list[Any]]:
        texts = [
            checked(text, f"{WHERE}: column {self._column!r}, row {row + 1}")
            for text, row in zip(batch[self._column], rows, strict=True)
        ]
        found = self._classifier.predict_proba(texts)
        columns: dict[str, list[Any]] = {
            PREDICTION: found.argmax(axis=1).tolist(),
            PROBABILITY: found.max(axis=1, initial=0.0).tolist(),
        }
        if self._all:
            columns[PROBABILITIES] = [
                dict(zip(self._classifier.labels, row, strict=True)) for row in found.tolist()
            ]
        return columns


def _features(library: Any, dataset: Any) -> dict[str, Any]:
    """Return the types of the columns; of a stream that does not say, those that its first row has."""
    known = dataset.features
    return dict(library.Dataset.from_list(list(dataset.take(1))).features if known is None else known)
