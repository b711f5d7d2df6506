"""What is pickled of an estimator: its parameters and the bytes of a model folder, and nothing that runs code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from peephole.classifier import Classifier
from peephole.classifier.held import from_files, to_files
from peephole.errors import ModelError
from peephole.sklearn.inputs import label_names

_FORMAT = 1
_KINDS = "OUbiuf"  # of labels


class Learnt(NamedTuple):
    """What was learnt beside the classifier: the classes `[C]`, and what training warned of."""

    classes: NDArray[Any]
    warnings: tuple[str, ...]


def state_of(
    parameters: Mapping[str, Any], classifier: Classifier | None, learnt: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the state of an estimator.

    Args:
        parameters: what its constructor was given.
        classifier: the trained one, or None before `fit`.
        learnt: what else was learnt, of plain values; None where there is nothing.
    """
    files = None if classifier is None else to_files(classifier)
    state: dict[str, Any] = {
        "format": _FORMAT,
        "parameters": dict(parameters),
        "files": files,
        "learnt": learnt,
    }
    return {**state, "sha256": _digest(files, learnt)}


def restored(state: Any, where: str, *, classes: bool) -> tuple[dict[str, Any], Classifier | None, Learnt]:
    """Return what `state_of` was given, after all checks of a model folder.

    Args:
        state: anything; it may be hostile.
        where: what a message calls it.
        classes: whether classes were learnt beside a classifier.

    Raises:
        ModelError: the state is of another format or was changed.
    """
    fields = cast("dict[str, Any]", state) if isinstance(state, dict) else {}
    if set(fields) != {"format", "parameters", "files", "learnt", "sha256"} or fields["format"] != _FORMAT:
        raise ModelError(
            f"{where}: must be of format {_FORMAT}; got {fields.get('format')!r} with {sorted(map(str, fields))}",
            hint="load it with the version of Peephole that wrote it, or fit again",
        )
    parameters, files, learnt = fields["parameters"], fields["files"], fields["learnt"]
    if not isinstance(parameters, dict):
        raise ModelError(f"{where}: the parameters must be a dict; got {type(parameters).__name__}")
    nothing = Learnt(np.zeros(0), ())
    if files is None:
        return cast("dict[str, Any]", parameters), None, nothing
    if not isinstance(files, dict):
        raise ModelError(f"{where}: the files must be a dict; got {type(files).__name__}")
    held = cast("dict[str, bytes]", files)
    classifier = from_files(held, where)
    if fields["sha256"] != _digest(held, learnt):
        raise ModelError(f"{where}: was changed since it was written; its SHA-256 is another one")
    found = _learnt(learnt, classifier, where) if classes else nothing
    return cast("dict[str, Any]", parameters), classifier, found


def _learnt(given: Any, classifier: Classifier, where: str) -> Learnt:
    try:
        kind = np.dtype(given["dtype"])
        classes = np.array(given["classes"], dtype=kind)
        warnings = tuple(str(text) for text in given["warnings"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: the classes cannot be read; {error}") from None
    names = label_names(classes.tolist()) if kind.kind in _KINDS and classes.ndim == 1 else []
    if sorted(names) != sorted(classifier.labels):
        raise ModelError(
            f"{where}: the classes must be those of the model, {list(classifier.labels)}; got {given['classes']!r}"
        )
    return Learnt(classes, warnings)


def _digest(files: Mapping[str, bytes] | None, learnt: Any) -> str:
    digest = hashlib.sha256(json.dumps(learnt, ensure_ascii=True, default=repr).encode())
    for name, data in sorted((files or {}).items()):
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()
