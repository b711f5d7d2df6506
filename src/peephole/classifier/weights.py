"""`model.safetensors`: writing it, and reading one that may be hostile.

The format (huggingface/safetensors): 8 bytes, the header's length as a little-endian integer; the header, a JSON object of
tensor name → dtype, shape and the first and last byte; then the numbers. The header is checked here, against the shapes that
the config promises, before a byte of the numbers is touched; they are memory-mapped, not copied.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from peephole.classifier.rules import Problem, refuse, shown, whole
from peephole.classifier.strict_json import read_json
from peephole.errors import ModelError

Array = npt.NDArray[np.float32]
Shapes = Mapping[str, tuple[int, ...]]

MAX_HEADER_BYTES = 1 << 20
_DTYPES: dict[str, npt.DTypeLike] = {"F32": "<f4", "F16": "<f2"}
_LISTED = 10
_OFFSET = whole(0, 1 << 48)


def weight_bytes(weights: Mapping[str, Array]) -> bytes:
    """Return the bytes of a `model.safetensors` with these float32 arrays; the same for the same weights."""
    contiguous = {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}
    return safetensors.numpy.save(
        contiguous, {"format": "pt"}
    )  # other readers take the names for a torch state dict


def read_weights(descriptor: int, shapes: Shapes, where: str) -> dict[str, Array]:
    """Return the tensors of an open `model.safetensors`, read-only float32, in the order of `shapes`.

    Args:
        descriptor: of the file, open for reading; may be closed afterwards.
        shapes: the tensors that the config promises.
        where: the file, for messages.

    Raises:
        ModelError: the file is cut off, too long, or its header is not exactly that of `shapes`: tensors missing, unexpected,
            of another shape or dtype, overlapping; or a number is NaN or infinite. All that is found is listed.
    """
    size = os.fstat(descriptor).st_size
    if size < 8:
        raise ModelError(f"{where}: must begin with 8 bytes, the header's length; got a file of {size} bytes")
    mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)  # lives as long as an array looks into it
    length = int.from_bytes(mapped[:8], "little")
    if length > min(MAX_HEADER_BYTES, size - 8):
        raise ModelError(
            f"{where}: must have a header of at most {MAX_HEADER_BYTES:,} bytes inside its {size:,} bytes; "
            f"got a header that claims {length:,} bytes",
            hint="the file is cut off or no safetensors file",
        )
    header = read_json(mapped[8 : 8 + length], f"{where}, header")
    spans = _checked_header(header, shapes, size - 8 - length, where)
    weights = {
        name: _tensor(mapped, 8 + length + begin, dtype, shape)
        for name, (begin, dtype, shape) in spans.items()
    }
    check_finite(weights, where)
    return weights


def check_finite(weights: Mapping[str, Array], where: str) -> None:
    """Raise `ModelError` that lists the tensors with NaN or infinite numbers, and how many."""
    problems: list[Problem] = []
    for name, array in weights.items():
        flat = array.reshape(-1)
        blocks = (flat[at : at + (1 << 18)] for at in range(0, flat.size, 1 << 18))
        bad = sum(block.size - int(np.isfinite(block).sum()) for block in blocks)
        if bad:
            problems.append((name, f"must be finite; got {bad:,} of {flat.size:,} numbers NaN or infinite"))
    refuse(ModelError, where, problems, hint="the training diverged, or the file was damaged")


def check_shapes(weights: Mapping[str, Any], shapes: Shapes, where: str) -> None:
    """Raise `ModelError` unless `weights` has exactly the tensors of `shapes`; missing and unexpected ones are listed apart."""
    found = {name: tuple(array.shape) for name, array in weights.items()}
    refuse(ModelError, where, _name_problems(found, shapes) + _shape_problems(found, shapes))


def _checked_header(
    header: Any, shapes: Shapes, data_bytes: int, where: str
) -> dict[str, tuple[int, npt.DTypeLike, tuple[int, ...]]]:
    """Return `(first byte, dtype, shape)` of each tensor, or raise with all that is wrong."""
    if not isinstance(header, dict):
        raise ModelError(f"{where}, header: must be a JSON object; got {shown(header)}")
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    problems = _name_problems(entries, shapes)
    found: dict[str, tuple[int, ...]] = {}
    begins: dict[str, tuple[int, int, str]] = {}
    for name in (name for name in shapes if name in entries):
        entry = entries[name]
        fields = set(entry) if isinstance(entry, dict) else set[str]()
        if fields != {"dtype", "shape", "data_offsets"}:
            problems.append((name, f"must have dtype, shape and data_offsets; got {shown(entry)}"))
            continue
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            problems.append((name, f"must be of dtype 'F32' or 'F16'; got {shown(dtype)}"))
        elif not _whole_list(shape) or not _whole_list(offsets) or len(offsets) != 2:
            problems.append((name, f"must have whole numbers as shape and data_offsets; got {shown(entry)}"))
        else:
            found[name] = tuple(shape)
            begins[name] = (offsets[0], offsets[1], dtype)
    problems += _shape_problems(found, shapes)
    refuse(ModelError, where, problems)

    sizes = {
        name: math.prod(shapes[name]) * np.dtype(_DTYPES[dtype]).itemsize
        for name, (_, _, dtype) in begins.items()
    }
    total = sum(sizes.values())
    if total != data_bytes:
        hint = "the file is cut off: copy or download it again" if total > data_bytes else None
        raise ModelError(f"{where}: must hold {total:,} bytes of numbers; got {data_bytes:,}", hint=hint)
    expected = 0
    for name, (begin, end, _) in sorted(begins.items(), key=lambda item: item[1]):
        if begin != expected or end != begin + sizes[name]:
            got = f"got {begin:,} to {end:,}, {sizes[name]:,} bytes needed"
            problems.append(
                (name, f"must lie right after the tensor before it, at byte {expected:,} of the data; {got}")
            )
        expected = end
    refuse(ModelError, where, problems)
    return {name: (begins[name][0], _DTYPES[begins[name][2]], shapes[name]) for name in shapes}


def _name_problems(found: Mapping[str, object], shapes: Shapes) -> list[Problem]:
    problems: list[Problem] = []
    for rule, names in (
        ("has no tensor", [name for name in shapes if name not in found]),
        ("has a tensor that config.json does not name,", [name for name in found if name not in shapes]),
    ):
        problems += [("", f"{rule} {shown(name)}") for name in names[:_LISTED]]
        if len(names) > _LISTED:
            problems.append(("", f"{rule} … and {len(names) - _LISTED:,} more"))
    return problems


def _shape_problems(found: Mapping[str, tuple[int, ...]], shapes: Shapes) -> list[Problem]:
    return [
        (name, f"must be {list(shapes[name])} by config.json; got {shown(list(shape))}")
        for name, shape in found.items()
        if name in shapes and shape != shapes[name]
    ]


def _whole_list(value: object) -> bool:
    return isinstance(value, list) and all(_OFFSET.allows(item) for item in value)


def _tensor(mapped: mmap.mmap, offset: int, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Array:
    array = np.frombuffer(mapped, dtype, math.prod(shape), offset).reshape(shape)
    if array.dtype == np.float32 and array.flags.aligned:
        return array
    copy = array.astype(np.float32)
    copy.flags.writeable = False
    return copy
