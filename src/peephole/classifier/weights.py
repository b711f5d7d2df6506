"""`model.safetensors`: writing it, and reading one that may be hostile.

The format (huggingface/safetensors): 8 bytes, the header's length as a little-endian integer; the header, in JSON; then the
numbers. The header is checked against what the config promises before a byte of the numbers is touched; they are
memory-mapped, not copied.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from peephole.classifier.header import (
    DTYPES,
    SCALE,
    Promise,
    Shapes,
    checked_header,
    name_problems,
    promises,
    shape_problems,
)
from peephole.classifier.rules import Problem, refuse
from peephole.classifier.storage import LARGEST_SCALE, Int8Rows, Storage, Tensor, dense, stored
from peephole.classifier.strict_json import read_json
from peephole.errors import ModelError

MAX_HEADER_BYTES = 1 << 20
_BLOCK = 1 << 18
_LARGE = 1 << 26


def weight_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """Return the bytes of a `model.safetensors` with these tensors as they are stored; the same for the same weights."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in weights.items():
        if isinstance(tensor, Int8Rows):
            arrays |= {name: tensor.codes, name + SCALE: tensor.scale}
        else:
            arrays[name] = tensor
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return safetensors.numpy.save(
        contiguous, {"format": "pt"}
    )  # other readers take the names for a torch state dict


def store_weights(weights: Mapping[str, Tensor], storage: Storage, where: str) -> dict[str, Tensor]:
    """Return finite tensors in another storage.

    Raises:
        ModelError: a number is too large for it; the tensors are listed.
    """
    found = {name: stored(tensor, storage) for name, tensor in weights.items()}
    limit = {"float32": np.inf, "float16": 65504.0, "int8": 127 * LARGEST_SCALE}[storage]
    problems: list[Problem] = []
    for name, tensor in found.items():
        if _count_bad(tensor):
            largest = float(np.abs(dense(weights[name])).max())
            problems.append(
                (name, f"must be within ±{limit:.4g} to be stored as {storage}; got {largest:.4g}")
            )
    refuse(ModelError, where, problems)
    return found


def read_weights(descriptor: int, shapes: Shapes, storage: Storage, where: str) -> dict[str, Tensor]:
    """Return the tensors of an open `model.safetensors`, read-only and as they are stored, in the order of `shapes`.

    Args:
        descriptor: of the file, open for reading; may be closed afterwards.
        shapes: the tensors that the config promises.
        storage: how the config says that they are stored.
        where: the file, for messages.

    Raises:
        ModelError: the file is cut off, too long, or its header is not exactly that of `shapes`: tensors missing, unexpected,
            of another shape or dtype, overlapping; or a number is NaN or infinite, or a scale no positive number. All that is
            found is listed.
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
    expected = promises(shapes, storage)
    begins = checked_header(header, expected, storage, size - 8 - length, where)
    arrays = {name: _array(mapped, 8 + length + begin, expected[name]) for name, begin in begins.items()}
    weights: dict[str, Tensor] = {
        name: Int8Rows(arrays[name], arrays[name + SCALE]) if name + SCALE in arrays else arrays[name]
        for name in shapes
    }

    def forget() -> None:  # what was looked at need not stay in memory: a hostile file may be a gigabyte
        if size > _LARGE and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    check_finite(weights, where, after_block=forget)
    return weights


def check_finite(
    weights: Mapping[str, Any], where: str, *, after_block: Callable[[], None] = lambda: None
) -> None:
    """Raise `ModelError` that lists the tensors with NaN or infinite numbers or with impossible scales, and how many.

    Args:
        weights: tensors by name.
        where: what they are, for messages.
        after_block: called after every million bytes or so.
    """
    problems: list[Problem] = []
    for name, tensor in weights.items():
        bad = _count_bad(tensor, after_block)
        if bad and isinstance(tensor, Int8Rows):
            rule = f"must be above 0 and at most {LARGEST_SCALE:.4g}; got {bad:,} of {tensor.scale.size:,} numbers that are not"
            problems.append((name + SCALE, rule))
        elif bad:
            problems.append((name, f"must be finite; got {bad:,} of {tensor.size:,} numbers NaN or infinite"))
    refuse(ModelError, where, problems, hint="the training diverged, or the file was damaged")


def check_shapes(weights: Mapping[str, Any], shapes: Shapes, where: str) -> None:
    """Raise `ModelError` unless `weights` has exactly the tensors of `shapes`; missing and unexpected ones are listed apart."""
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    refuse(ModelError, where, name_problems(found, shapes) + shape_problems(found, shapes))


def _count_bad(tensor: Any, after_block: Callable[[], None] = lambda: None) -> int:
    """Numbers that are NaN or infinite; of a matrix in int8, scales that cannot be."""
    if isinstance(tensor, Int8Rows):
        sound = (tensor.scale > 0) & (tensor.scale <= LARGEST_SCALE)  # NaN is neither
        return tensor.scale.size - int(sound.sum())
    flat, bad = tensor.reshape(-1), 0
    for at in range(0, flat.size, _BLOCK):
        block = flat[at : at + _BLOCK]
        bad += block.size - int(np.isfinite(block).sum())
        after_block()
    return bad


def _array(mapped: mmap.mmap, offset: int, promise: Promise) -> Any:
    count = promise.size // np.dtype(DTYPES[promise.dtype]).itemsize
    array = np.frombuffer(mapped, DTYPES[promise.dtype], count, offset).reshape(promise.shape)
    native = array.dtype.newbyteorder("=")
    if array.flags.aligned and array.dtype == native:
        return array
    copy = array.astype(native)
    copy.flags.writeable = False
    return copy
