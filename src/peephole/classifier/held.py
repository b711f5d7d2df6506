"""A model folder held in memory: the bytes of its files, and a classifier that needs no folder any more."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from peephole.classifier.folder import FILES, model_files
from peephole.classifier.loading import load
from peephole.classifier.model import Classifier
from peephole.classifier.storage import Int8Rows, Tensor
from peephole.errors import ModelError


def to_files(classifier: Classifier) -> dict[str, bytes]:
    """Return the bytes of the model folder's files, by their names; the same for the same classifier."""
    return model_files(classifier.config, classifier.tokenizer, classifier.tensors)


def from_files(files: Mapping[str, bytes], where: str) -> Classifier:
    """Return the classifier of `to_files`, after all checks of a model folder: the bytes may be hostile.

    Args:
        files: bytes by name.
        where: what a message calls their source.

    Raises:
        ModelError: a file is missing, strange, damaged, of another format or disagrees with the others.
    """
    if set(files) != set(FILES) or {type(data) for data in files.values()} != {bytes}:
        raise ModelError(f"{where}: must hold the bytes of {', '.join(FILES)}; got {sorted(map(str, files))}")
    with tempfile.TemporaryDirectory(prefix="peephole-") as folder:
        for name in FILES:
            Path(folder, name).write_bytes(files[name])
        try:
            return in_memory(load(folder))
        except ModelError as error:
            raise ModelError(error.message.replace(folder, where), hint=error.hint) from None


def in_memory(classifier: Classifier) -> Classifier:
    """Return a classifier whose numbers are not read from its folder any more, which may then be removed."""

    def copied(tensor: Tensor) -> Tensor:
        if isinstance(tensor, Int8Rows):
            return Int8Rows(tensor.codes.copy(), tensor.scale.copy())
        return tensor.copy()

    tensors = {name: copied(tensor) for name, tensor in classifier.tensors.items()}
    return Classifier(
        classifier.config,
        classifier.tokenizer,
        tensors,
        backend=classifier.backend,
        precision=classifier.precision,
    )
