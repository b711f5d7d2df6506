"""Arrays as 8 bits a number, in base64: what a page holds."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


class Packed(TypedDict):
    """An array `[T, U]`, row by row, a byte a number, as base64.

    Attributes:
        kind: ``"unit"``: numbers in [0, 1], byte / 255; ``"signed"``: (byte − 127) / 127 · scale, so that zero is exact.
        shape: `[T, U]`.
        scale: ``"signed"`` only: `[U]`, the largest size of each column; or one number for all of them.
        data: the bytes.
    """

    kind: str
    shape: list[int]
    scale: list[float] | float
    data: str


def pack_unit(values: Array) -> Packed:
    """Pack numbers in [0, 1] `[T, U]`; what lies outside is taken to the border. An error of 1/510 at most.

    Example:
        >>> packed = pack_unit(np.array([[0.0, 0.5, 1.0]]))
        >>> unpack(packed).round(3).tolist()
        [[0.0, 0.502, 1.0]]
    """
    whole = np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)
    return {"kind": "unit", "shape": list(values.shape), "scale": 1.0, "data": _text(whole)}


def pack_signed(values: Array, scale: float | None = None) -> Packed:
    """Pack numbers of any size `[T, U]`. An error of 1/254 of the scale at most.

    Args:
        values: finite.
        scale: the largest size, for all columns alike; None: each column has its own.

    Example:
        >>> unpack(pack_signed(np.array([[-4.0, 1.0], [0.0, 0.5]]))).round(3).tolist()
        [[-4.0, 1.0], [0.0, 0.496]]
    """
    largest: Array = (
        np.abs(values).max(axis=0, initial=0.0) if scale is None else np.full(values.shape[1], scale)
    )
    largest = np.array(
        [float(f"{one:.5g}") for one in largest.tolist()]
    )  # what is written is what is divided by
    safe = np.where(largest > 0, largest, 1.0)
    whole = np.rint(np.clip(values / safe, -1.0, 1.0) * 127 + 127).astype(np.uint8)
    written = largest.tolist() if scale is None else float(f"{scale:.5g}")
    return {"kind": "signed", "shape": list(values.shape), "scale": written, "data": _text(whole)}


def unpack(packed: Packed) -> Array:
    """Return the numbers `[T, U]` float64 that a page reads from a packed array."""
    whole = (
        np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["shape"]).astype(np.float64)
    )
    if packed["kind"] == "unit":
        return whole / 255
    return (whole - 127) / 127 * np.asarray(packed["scale"], np.float64)


def _text(whole: npt.NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(whole).tobytes()).decode("ascii")


def short(number: float | None) -> float | None:
    """Return a number with five significant digits; None for none, and for one that is not finite, which JSON cannot hold.

    Example:
        >>> short(0.123456789), short(float("inf")), short(1.7976931348623157e308)
        (0.12346, None, None)
    """
    found = (
        math.nan if number is None else float(f"{number:.5g}")
    )  # the largest numbers are rounded up to infinity
    return found if math.isfinite(found) else None


def shorts(numbers: Iterable[float]) -> list[float | None]:
    """Return a list of numbers, each as `short` gives it."""
    return [short(number) for number in numbers]
