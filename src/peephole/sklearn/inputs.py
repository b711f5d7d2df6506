"""What `fit` and its kin are given: texts, labels and weights, checked in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

from peephole.classifier.texts import TextTypeError, checked
from peephole.errors import DataError, OptionError
from peephole.reading.labels import canonical_label

_SMALLEST_WEIGHT = 1e-9  # of the mean; what is below counts for nothing
_LONGEST_LABEL = 256


def checked_texts(texts: Any, where: str) -> list[str]:
    """Return texts as a list of `str`.

    Args:
        texts: a list, an array, a pandas Series or any other iterable of `str`.
        where: what a message calls the caller, such as ``"TextClassifier.fit"``.

    Raises:
        TextTypeError: `texts` is one text, a table, or holds something else; the message says which.

    Example:
        >>> checked_texts(np.array(["A fine day.", ""]), "fit")
        ['A fine day.', '']
        >>> checked_texts(np.array([["A fine day."]]), "fit")
        Traceback (most recent call last):
            ...
        peephole.errors.TextTypeError: fit: X must be one column of texts [N]; got shape (1, 1)
        hint: pass the column: table["text"], not table[["text"]], or array[:, 0]
    """
    if isinstance(texts, (str, bytes)):
        raise TextTypeError(
            f"{where}: X must be a list or an array of texts; got one {type(texts).__name__}",
            hint="pass a list: [text]",
        )
    shape = getattr(texts, "shape", None)
    if shape is not None and len(shape) != 1:
        raise TextTypeError(
            f"{where}: X must be one column of texts [N]; got shape {tuple(shape)}",
            hint='pass the column: table["text"], not table[["text"]], or array[:, 0]',
        )
    try:
        items = texts.tolist() if isinstance(texts, np.ndarray) else list(texts)
    except TypeError:
        raise TextTypeError(
            f"{where}: X must be a list or an array of texts; got {type(texts).__name__}"
        ) from None
    return [checked(item, f"{where}: X[{n}]") for n, item in enumerate(items)]


def checked_labels(labels: Any, count: int, where: str) -> NDArray[Any]:
    """Return labels `[N]` as an array of one kind: strings, whole numbers or bools.

    Raises:
        ValueError: they are not one column of N, not of one kind, missing, or numbers that are no classes.
    """
    if labels is None:
        raise DataError(
            f"{where}: requires y to be passed, but the target y is None; give the label of each text"
        )
    found: NDArray[Any] = np.asarray(labels)
    if found.ndim != 1:
        raise DataError(
            f"{where}: y should be a 1d array, one label for each text; got an array of shape {found.shape}",
            hint='pass the column: table["label"], not table[["label"]], or y.ravel()',
        )
    if len(found) != count:
        raise DataError(f"{where}: X and y must have as many entries; got {count:,} and {len(found):,}")
    if found.dtype.kind == "O":
        kinds = {_kind(label) for label in found.tolist()}
        if len(kinds) > 1 or "other" in kinds:
            odd = next((label for label in found.tolist() if _kind(label) == "other"), None)
            rule = "all strings, all numbers or all bools"
            got = f"{odd!r:.40}" if "other" in kinds else " and ".join(sorted(kinds))
            raise DataError(f"{where}: y must be {rule}, with none missing; got {got}")
        if kinds == {"a number"}:
            found = np.array(found.tolist())
        elif kinds == {"a bool"}:
            found = found.astype(np.bool_)
    if found.dtype.kind == "T":  # NumPy's strings of any length
        found = found.astype(object)
    if found.dtype.kind not in "OUS":
        assert_all_finite(found, input_name="y")
    check_classification_targets(found)
    return found


def checked_weights(weights: Any, count: int, where: str) -> NDArray[np.float64]:
    """Return the weight of each text `[N]`, finite and at least 0; 1 for None, and a number stands for all texts.

    Raises:
        DataError: they are no such numbers, not one for each text, or all 0.
    """
    if weights is None:
        return np.ones(count)
    try:
        found = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: sample_weight must be numbers; got {type(weights).__name__}") from None
    if found.ndim == 0:
        found = np.full(count, float(found))
    if found.ndim != 1:
        raise DataError(f"{where}: Sample weights must be 1D array or scalar; got shape {found.shape}")
    if found.shape != (count,):
        raise DataError(f"{where}: sample_weight must have shape ({count},); got {found.shape}")
    if not np.isfinite(found).all() or (found < 0).any():
        odd = found[~(np.isfinite(found) & (found >= 0))][0]
        raise DataError(f"{where}: sample_weight must be finite and at least 0; got {odd}")
    if not found.any():
        raise DataError(f"{where}: sample_weight must be above 0 for some texts; all are zero")
    return np.where(found < _SMALLEST_WEIGHT * found[found > 0].mean(), 0.0, found)


def weights_by_class(
    rule: Any, classes: Sequence[Any], codes: NDArray[np.int64], weights: NDArray[np.float64], where: str
) -> NDArray[np.float64]:
    """Return the weights of texts `[N]` times those of their classes.

    Args:
        rule: None, ``"balanced"`` (each class weighs the same in total) or a mapping from classes to weights above 0.
        classes: the classes, by index.
        codes: index of the class of each text `[N]`.
        weights: of the texts `[N]`.
        where: what a message calls the caller.

    Raises:
        OptionError: the rule is no such thing.

    Example:
        >>> weights_by_class("balanced", ["a", "b"], np.array([0, 0, 0, 1]), np.ones(4), "fit").round(2).tolist()
        [0.67, 0.67, 0.67, 2.0]
    """
    if rule is None:
        return weights
    if isinstance(rule, str) and rule == "balanced":
        totals = np.bincount(codes, weights=weights, minlength=len(classes))
        return weights * (totals.sum() / (len(classes) * totals))[codes]
    if not isinstance(rule, Mapping):
        raise OptionError(f"{where}: class_weight must be None, 'balanced' or a dict; got {rule!r}")
    given = cast("Mapping[Any, Any]", rule)
    without = [label for label in classes if label not in given]
    if without and len(classes) - len(without) != len(given):
        raise OptionError(f"{where}: The classes, {without}, are not in class_weight; got {dict(given)!r}")
    each = [given.get(label, 1.0) for label in classes]
    for label, weight in zip(classes, each, strict=True):
        number = isinstance(weight, (int, float, np.number))
        if not number or not math.isfinite(float(weight)) or float(weight) <= 0:
            raise OptionError(
                f"{where}: class_weight must be finite and above 0; got {weight!r} for {label!r}"
            )
    return weights * np.array(each, np.float64)[codes]


def label_names(classes: Sequence[Any]) -> list[str]:
    """Return the name of each class in the model folder: as it is written, or its index where a folder could not hold that.

    Example:
        >>> label_names([False, True]), label_names([1.0, 2.0]), label_names(["Good", "good"])
        (['false', 'true'], ['1', '2'], ['0', '1'])
    """
    names = [
        str(label).lower()
        if isinstance(label, bool)
        else label
        if isinstance(label, str)
        else canonical_label(str(label))
        for label in classes
    ]
    fine = all(
        canonical_label(name) == name and 0 < len(name) <= _LONGEST_LABEL and name.isprintable()
        for name in names
    )
    if fine and len({name.casefold() for name in names}) == len(names):
        return names
    return [str(index) for index in range(len(names))]


def _kind(label: Any) -> str:
    if isinstance(label, str):
        return "a string"
    if isinstance(label, (bool, np.bool_)):
        return "a bool"
    if isinstance(label, (int, float, np.number)):
        return "a number" if label == label else "other"
    return "other"
