"""Whether Triton's kernels can run here, without importing Triton."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from pathlib import Path

from peephole.equations import Cell
from peephole.equations.plan import plan
from peephole.ops.precision import KEPT

_DRIVERS = ("/dev/nvidiactl", "/dev/dxg")  # of Linux, and of Linux inside Windows
OLDEST = (8, 0)  # compute capability of the Ampere generation


def is_interpreted() -> bool:
    """Whether Triton's kernels run in its interpreter, on the CPU."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@functools.cache
def version() -> str | None:
    """Triton's version, None where it is not installed."""
    if importlib.util.find_spec("triton") is None:
        return None
    from importlib import metadata  # slow to import, and not needed to predict

    return metadata.version("triton")


def unavailable() -> str | None:
    """Why no kernel of Triton can run here, or None."""
    if version() is None:
        return 'Triton is not installed: pip install "peephole[triton]"'
    if is_interpreted():
        return None
    if not _has_gpu():
        return "there is no GPU (with TRITON_INTERPRET=1 in the environment its interpreter runs on CPUs, slowly)"
    return None


def _has_gpu() -> bool:
    """Whether torch finds a GPU. Torch is imported where there may be one, and not to learn that there is none."""
    if "torch" not in sys.modules and not any(Path(name).exists() for name in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()


def refusal(cell: Cell, device: str, dtype: str, *, projection: bool, recurrent_mask: bool) -> str | None:
    """Why Triton's kernels cannot run something, or None if they can.

    Args:
        cell: the cell.
        device: the tensors'.
        dtype: likewise.
        projection: whether h is projected.
        recurrent_mask: whether there is recurrent dropout.
    """
    if device == "cpu" and not is_interpreted():
        return "it runs on GPUs only"
    if device == "cuda" and is_interpreted():
        return "TRITON_INTERPRET=1 is in the environment, and Triton's interpreter runs on CPUs only"
    if device not in ("cuda", "cpu"):
        return f"it runs on GPUs of CUDA only, not on {device}"
    if (reason := unavailable()) is not None:
        return reason
    if strange := [name for name in (*cell.parameters, *cell.states) if not name.isidentifier()]:
        return f"names of states and parameters must be identifiers; got {strange[0]!r}"
    if dtype not in KEPT:
        return f"it computes in {', '.join(KEPT)} only"
    if projection and recurrent_mask:
        return "it has no recurrent dropout of a projected h"
    if projection and not _can_fold(cell):
        return "a projected h that is not added to the input is the reference's"
    if device == "cuda" and (found := _capability()) < OLDEST:
        return f"it needs compute capability {OLDEST[0]}.{OLDEST[1]}; this GPU has {found[0]}.{found[1]}"
    return None


def _can_fold(cell: Cell) -> bool:
    from peephole.ops.gpu.projection import can_fold

    return can_fold(plan(cell))


@functools.cache
def _capability() -> tuple[int, int]:
    import torch

    return torch.cuda.get_device_capability()
