"""Checkpoints: a folder of two files, written whole, renamed once, and checked when it is read.

    OUTPUT.checkpoint/
      teacher-1f0c….safetensors  what a teacher answers (`peephole.training.teachers`)
      checkpoint-00000012/       the newest; the one before it is removed when this one is in place
        state.json               where the run is, its recipe, the digest of its data, its history
        tensors.safetensors      weights, their average, the best so far, the optimiser's moments and step counts
        tokenizer.json           made from the training part before the first step

A folder without the suffix `.partial` is complete: it got its name after its files had reached the disk. So a run
that is killed at any moment leaves the newest complete checkpoint behind. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from peephole.classifier.strict_json import read_json
from peephole.errors import ModelError
from peephole.files import sync_folder, write_synced

FORMAT = "peephole training checkpoint"
VERSION = 1
STATE, TENSORS, TOKENIZER = "state.json", "tensors.safetensors", "tokenizer.json"
ANSWERS = "teacher-{}.safetensors"
_NAME = re.compile(r"checkpoint-(\d{8})")
_PARTIAL = re.compile(r"checkpoint-\d{8}\.partial")
_START_AGAIN = "to start again from the beginning, remove the checkpoint's folder"


class RunState(Protocol):
    """Where a run is: what a checkpoint keeps beside tensors."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        ...

    @classmethod
    def from_json(cls: type[S], values: Any, *, where: str) -> S:
        """Rebuild a state."""
        ...


S = TypeVar("S", bound=RunState)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint(Generic[S]):
    """What a checkpoint holds.

    Args:
        state: where the run is.
        run: what the run is made of, plain JSON: its recipe, the digest of its data, its labels, its machine.
        tokenizer: the tokenizer as JSON text.
        tensors: ``weights/NAME``, ``average/NAME``, ``best/NAME``, ``moment1/NAME``, ``moment2/NAME`` and
            ``steps/NAME`` for each parameter of the network.
        path: the folder that it was read from.
    """

    state: S
    run: Mapping[str, Any]
    tokenizer: str
    tensors: Mapping[str, Tensor]
    path: Path


def checkpoint_folder(output: Path) -> Path:
    """Return where the checkpoints of a run stand: beside its output.

    Example:
        >>> checkpoint_folder(Path("models/reviews")).as_posix()
        'models/reviews.checkpoint'
    """
    return output.with_name(output.name + ".checkpoint")


def save_checkpoint(
    folder: Path, state: RunState, run: Mapping[str, Any], tokenizer: str, tensors: Mapping[str, Tensor]
) -> Path:
    """Write a checkpoint into `folder` and remove the one before it; return the path of the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    older = _complete(folder)
    _remove_partial(folder)
    number = int(older[-1].name[-8:]) + 1 if older else 1
    final = folder / f"checkpoint-{number:08d}"
    partial = folder / f"{final.name}.partial"
    partial.mkdir()
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = safetensors.torch.save(contiguous)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "tensors_sha256": hashlib.sha256(content).hexdigest(),
        "tokenizer_sha256": hashlib.sha256(tokenizer.encode()).hexdigest(),
        "run": dict(run),
        "state": state.to_json(),
    }
    write_synced(partial / TENSORS, content)
    write_synced(partial / TOKENIZER, tokenizer.encode())
    write_synced(partial / STATE, json.dumps(header, indent=1, allow_nan=False).encode())
    sync_folder(partial)
    partial.rename(final)
    sync_folder(folder)
    for path in older:
        _remove(path)
    return final


def load_checkpoint(folder: Path, kind: type[S]) -> Checkpoint[S] | None:
    """Read the newest checkpoint in `folder`, or return None where there is none.

    Args:
        folder: where the checkpoints stand.
        kind: class of the state that it holds.

    Raises:
        ModelError: a file is missing, damaged or of another format; the message names the file and the field.
    """
    complete = _complete(folder)
    if not complete:
        return None
    path = complete[-1]
    header = _read_header(path / STATE)
    content = _read(path / TENSORS)
    tokenizer = _read(path / TOKENIZER)
    _check_digest(path / TENSORS, content, header["tensors_sha256"])
    _check_digest(path / TOKENIZER, tokenizer, header["tokenizer_sha256"])
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise ModelError(f"{path / TENSORS}: not a safetensors file; {error}", hint=_START_AGAIN) from error
    state = kind.from_json(header["state"], where=f"{path / STATE}: state")
    return Checkpoint(state, header["run"], tokenizer.decode(), tensors, path)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints and teachers' answers in `folder`, and the folder if nothing else is in it."""
    if not folder.is_dir():
        return
    for path in reversed(_complete(folder)):
        _remove(path)
    _remove_partial(folder)
    for path in folder.glob(ANSWERS.format("*") + "*"):
        path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def has_checkpoint(folder: Path) -> bool:
    """Tell whether there is a complete checkpoint in `folder`."""
    return bool(_complete(folder))


def _complete(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))


def _remove(path: Path) -> None:
    """Remove a checkpoint; its new name says that it is no longer whole, should this be cut short."""
    partial = path.with_name(path.name + ".partial")
    path.rename(partial)
    shutil.rmtree(partial)


def _remove_partial(folder: Path) -> None:
    for path in folder.iterdir():
        if _PARTIAL.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read; {error.strerror}", hint=_START_AGAIN) from error


def _read_header(path: Path) -> dict[str, Any]:
    header = read_json(_read(path), str(path))
    if not isinstance(header, dict) or cast("dict[str, Any]", header).get("format") != FORMAT:
        raise ModelError(f"{path}: must have format {FORMAT!r}", hint=_START_AGAIN)
    fields = cast("dict[str, Any]", header)
    if fields.get("version") != VERSION:
        raise ModelError(
            f"{path}: version must be {VERSION}; got {fields.get('version')!r}",
            hint="finish the run with the version of peephole that began it, or start again",
        )
    kinds = {"tensors_sha256": str, "tokenizer_sha256": str, "run": dict, "state": dict}
    for name, kind in kinds.items():
        if not isinstance(fields.get(name), kind):
            raise ModelError(
                f"{path}: {name} must be of type {kind.__name__}; got {fields.get(name)!r}", hint=_START_AGAIN
            )
    return fields


def _check_digest(path: Path, content: bytes, expected: str) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise ModelError(
            f"{path}: is not the file that was written; its SHA-256 must be {expected[:12]}…, got {actual[:12]}… "
            f"({len(content):,} bytes)",
            hint=_START_AGAIN,
        )
