"""The model folder on disk: never half a model, and read without trusting any of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from peephole.classifier.card import model_card
from peephole.classifier.config import MAX_CONFIG_BYTES, ModelConfig
from peephole.classifier.file_names import CARD as CARD
from peephole.classifier.file_names import CONFIG as CONFIG
from peephole.classifier.file_names import FILES as FILES
from peephole.classifier.file_names import TOKENIZER as TOKENIZER
from peephole.classifier.file_names import WEIGHTS as WEIGHTS
from peephole.classifier.hub.cache import cached_blob
from peephole.classifier.rules import refuse
from peephole.classifier.storage import Storage, Tensor
from peephole.classifier.tokenizer import Tokenizer
from peephole.classifier.tokenizer_file import byte_limit
from peephole.classifier.weights import (
    check_finite,
    check_shapes,
    read_weights,
    store_weights,
    weight_bytes,
)
from peephole.errors import ModelError
from peephole.files import nearest_path, publish

NEEDED = (CONFIG, WEIGHTS, TOKENIZER)

MAX_WEIGHT_BYTES = (1 << 30) + (1 << 21)  # the most parameters a config may have, in float32, and a header


def save_model_folder(
    folder: str | os.PathLike[str],
    config: ModelConfig,
    tokenizer: Tokenizer,
    weights: Mapping[str, Tensor],
    *,
    storage: Storage | None = None,
) -> Path:
    """Write a model folder; at no moment, whatever happens, is half a model there.

    The files are written and synced in a folder beside it, which is then renamed; a folder that stands there is renamed first, to
    ``.<name>.old-<number>``. Whoever loads sees the old model, the new one or, between the two renames, none. A program that dies
    just there leaves the old model, whole, under that other name, which the error of `load` then gives. What an existing model
    folder holds beside the model's own four files is moved into the new one at the end.

    Args:
        folder: a new path, an empty folder, or a model folder to replace; parents are made.
        config: the model.
        tokenizer: its tokenizer.
        weights: its tensors, as `config.parameter_shapes` names them.
        storage: ``"float32"``, ``"float16"`` or ``"int8"``: how to hold the matrices; None: as `config.storage` says. Tensors
            that are stored so already are written as they are, to the bit.

    Returns:
        The folder, links resolved.

    Raises:
        ModelError: the parts do not fit together, a number is NaN, infinite or too large for the storage, or `folder` holds
            something else.
        OptionError: there is no such storage.
    """
    config = config if storage is None else config.replace(storage=storage)
    target = Path(os.path.realpath(folder))
    content = model_files(config, tokenizer, weights, name=target.name)
    _check_target(target)
    publish(target, content)
    return target


def model_files(
    config: ModelConfig, tokenizer: Tokenizer, weights: Mapping[str, Tensor], *, name: str = "model"
) -> dict[str, bytes]:
    """Return the bytes of a model folder's files, by their names; the same for the same model.

    Args:
        config: the model, with the storage of its matrices.
        tokenizer: its tokenizer.
        weights: its tensors, as `config.parameter_shapes` names them.
        name: what the card calls the model.

    Raises:
        ModelError: the parts do not fit together, or a number is NaN, infinite or too large for the storage.
    """
    check_parts(config, tokenizer, weights, "save_model_folder")
    check_finite(weights, "save_model_folder")
    return {
        CONFIG: config.dumps(),
        WEIGHTS: weight_bytes(store_weights(weights, config.storage, "save_model_folder")),
        TOKENIZER: tokenizer.to_json().encode(),
        CARD: model_card(config, name=name).encode(),
    }


def read_model_folder(folder: str | os.PathLike[str]) -> tuple[ModelConfig, Tokenizer, dict[str, Tensor]]:
    """Read a model folder: every file is taken for hostile until it is checked.

    No link is followed but those that the cache of the Hugging Face Hub consists of, and these only within the cache. Sizes
    are bounded before anything is read, the weights are memory-mapped. Refusing takes less than 100 MB of memory.

    Raises:
        ModelError: the folder or one of its files is missing, no regular file, of another format, damaged, or disagrees with
            the others; the message names the file and the field.
    """
    path = Path(folder)
    _check_present(path)
    config = ModelConfig.loads(_read(path, CONFIG, MAX_CONFIG_BYTES), f"{path / CONFIG}")
    descriptor = _open(path, WEIGHTS, MAX_WEIGHT_BYTES)
    try:
        weights = read_weights(descriptor, config.parameter_shapes(), config.storage, f"{path / WEIGHTS}")
    finally:
        os.close(descriptor)
    content = _read(path, TOKENIZER, byte_limit(config.vocabulary))
    tokenizer = Tokenizer.from_json(content, where=f"{path / TOKENIZER}", vocabulary=config.vocabulary)
    check_parts(config, tokenizer, weights, str(path))
    return config, tokenizer, weights


def check_parts(config: ModelConfig, tokenizer: Tokenizer, weights: Mapping[str, Tensor], where: str) -> None:
    """Raise `ModelError` unless config, tokenizer and weights belong together."""
    done = config.preprocessing
    pairs = (
        ("vocabulary", config.vocabulary, tokenizer.vocabulary_size),
        ("preprocessing.tokenizer", done.tokenizer, tokenizer.kind),
        ("preprocessing.lowercase", done.lowercase, tokenizer.lowercase),
    )
    refuse(
        ModelError,
        where,
        [(name, f"config says {said!r}, the tokenizer {had!r}") for name, said, had in pairs if said != had],
    )
    check_shapes(weights, config.parameter_shapes(), where)


def _check_present(path: Path) -> None:
    if not path.is_dir():
        if path.exists():
            raise ModelError(f"{path}: must be a model folder; got a file")
        left = sorted(str(old) for old in path.parent.glob(f".{path.name}.old-*") if old.is_dir())
        hint = f"saving was interrupted; the model it would have replaced is {left[-1]}" if left else None
        raise ModelError(f"{path}: no such model folder{nearest_path(path, folders=True)}", hint=hint)
    missing = [name for name in NEEDED if not os.path.lexists(path / name)]
    if missing:
        raise ModelError(f"{path}: must hold {', '.join(NEEDED)}; got no {', no '.join(missing)}")


def _open(folder: Path, name: str, limit: int) -> int:
    """Open a file of the folder for reading: a regular file, no link but one of the Hub's cache, at most `limit` bytes."""
    path = opened = folder / name
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode) and (blob := cached_blob(path)) is not None and os.path.lexists(blob):
        opened, mode = blob, blob.lstat().st_mode
    flags = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    if not stat.S_ISREG(mode):
        what = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise ModelError(
            f"{path}: must be a file of the folder itself; got {what}", hint="copy the file into the folder"
        )
    descriptor = os.open(opened, os.O_RDONLY | flags)
    size = os.fstat(descriptor).st_size
    if size > limit:
        os.close(descriptor)
        raise ModelError(f"{path}: must be at most {limit:,} bytes; got {size:,}")
    return descriptor


def _read(folder: Path, name: str, limit: int) -> bytes:
    with os.fdopen(_open(folder, name, limit), "rb") as file:
        return file.read(limit + 1)


def _check_target(target: Path) -> None:
    if not os.path.lexists(target):
        return
    hint = "give another path, or move what is there"
    if not target.is_dir():
        raise ModelError(f"{target}: must be a new path or a model folder; got a file", hint=hint)
    found = sorted(entry.name for entry in target.iterdir())
    if found and not all((target / name).is_file() for name in NEEDED):
        listed = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise ModelError(
            f"{target}: must be a new path, an empty folder or a model folder; got a folder of {listed}",
            hint=hint,
        )
