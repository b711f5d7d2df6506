"""The header of a `model.safetensors` that may be hostile: checked against what config.json promises.

The header is a JSON object of tensor name → dtype, shape and the first and last byte of its numbers. One that passes holds
exactly the promised tensors, one right after the other, to the end of the file.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier.rules import Problem, refuse, shown, whole
from peephole.classifier.storage import Storage
from peephole.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]

SCALE = ".scale"  # behind the name of a matrix in int8: the name of its scales `[r]`
DTYPES: dict[str, npt.DTypeLike] = {"F32": "<f4", "F16": "<f2", "I8": "i1"}

_LISTED = 10
_OFFSET = whole(0, 1 << 48)
_MATRIX = {"float32": "F32", "float16": "F16", "int8": "I8"}


@dataclasses.dataclass(frozen=True)
class Promise:
    """A tensor that a file must hold.

    Attributes:
        dtype: its name in the format: ``"F32"``, ``"F16"`` or ``"I8"``.
        shape: its shape.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * np.dtype(DTYPES[self.dtype]).itemsize


def promises(shapes: Shapes, storage: Storage) -> dict[str, Promise]:
    """Return what a file must hold, by name, for tensors of these shapes in this storage.

    Example:
        >>> list(promises({"output.weight": (2, 4), "output.bias": (2,)}, "int8"))
        ['output.weight', 'output.weight.scale', 'output.bias']
    """
    found: dict[str, Promise] = {}
    for name, shape in shapes.items():
        found[name] = Promise(_MATRIX[storage] if len(shape) == 2 else "F32", shape)
        if found[name].dtype == "I8":
            found[name + SCALE] = Promise("F32", shape[:1])
    return found


def checked_header(
    header: Any, expected: Mapping[str, Promise], storage: Storage, data_bytes: int, where: str
) -> dict[str, int]:
    """Return where the numbers of each tensor begin, in bytes after the header, in the order of `expected`.

    Args:
        header: what the header holds.
        expected: what it must hold.
        storage: why, for messages.
        data_bytes: size of the file without its header.
        where: the file, for messages.

    Raises:
        ModelError: tensors are missing, unexpected, of another shape or dtype, or do not lie one after the other; all that is
            found is listed.
    """
    if not isinstance(header, dict):
        raise ModelError(f"{where}, header: must be a JSON object; got {shown(header)}")
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    problems = name_problems(entries, expected)
    found: dict[str, tuple[int, ...]] = {}
    offsets: dict[str, tuple[int, int]] = {}
    for name in (name for name in expected if name in entries):
        problem = _entry_problem(entries[name], expected[name].dtype, storage)
        if problem:
            problems.append((name, problem))
        else:
            found[name] = tuple(entries[name]["shape"])
            offsets[name] = tuple(entries[name]["data_offsets"])
    problems += shape_problems(found, {name: promise.shape for name, promise in expected.items()})
    refuse(ModelError, where, problems)

    total = sum(promise.size for promise in expected.values())
    if total != data_bytes:
        hint = "the file is cut off: copy or download it again" if total > data_bytes else None
        raise ModelError(f"{where}: must hold {total:,} bytes of numbers; got {data_bytes:,}", hint=hint)
    next_byte = 0
    for name, (begin, end) in sorted(offsets.items(), key=lambda item: item[1]):
        size = expected[name].size
        if begin != next_byte or end != begin + size:
            got = f"got {begin:,} to {end:,}, {size:,} bytes needed"
            problems.append(
                (name, f"must lie right after the tensor before it, at byte {next_byte:,} of the data; {got}")
            )
        next_byte = end
    refuse(ModelError, where, problems)
    return {name: offsets[name][0] for name in expected}


def name_problems(found: Mapping[str, object], expected: Mapping[str, object]) -> list[Problem]:
    """Tensors that are missing, and tensors that nobody asked for, each kind apart."""
    problems: list[Problem] = []
    for rule, names in (
        ("has no tensor", [name for name in expected if name not in found]),
        ("has a tensor that config.json does not name,", [name for name in found if name not in expected]),
    ):
        problems += [("", f"{rule} {shown(name)}") for name in names[:_LISTED]]
        if len(names) > _LISTED:
            problems.append(("", f"{rule} … and {len(names) - _LISTED:,} more"))
    return problems


def shape_problems(found: Shapes, expected: Shapes) -> list[Problem]:
    """Tensors of another shape than they must have."""
    return [
        (name, f"must be {list(expected[name])} by config.json; got {shown(list(shape))}")
        for name, shape in found.items()
        if name in expected and shape != expected[name]
    ]


def _entry_problem(entry: Any, dtype: str, storage: Storage) -> str | None:
    """What is wrong with the form of a tensor's entry, or with its dtype."""
    fields = set(entry) if isinstance(entry, dict) else set[str]()
    if fields != {"dtype", "shape", "data_offsets"}:
        return f"must have dtype, shape and data_offsets; got {shown(entry)}"
    if entry["dtype"] != dtype:
        return f"must be of dtype {dtype!r}, since config.json says storage {storage!r}; got {shown(entry['dtype'])}"
    offsets = entry["data_offsets"]
    if not _whole_list(entry["shape"]) or not _whole_list(offsets) or len(offsets) != 2:
        return f"must have whole numbers as shape and data_offsets; got {shown(entry)}"
    return None


def _whole_list(value: object) -> bool:
    return isinstance(value, list) and all(_OFFSET.allows(item) for item in value)
