"""The GPU, its software and its precision; and what must be there before anything is timed on one."""

from __future__ import annotations

from typing import Any

import torch

from peephole.errors import BackendUnavailable
from peephole.ops.gpu import available

_WHERE = "bench --device cuda"


def check_gpu() -> None:
    """Check that there is a GPU that our kernels can be timed on.

    Raises:
        BackendUnavailable: there is no GPU or no Triton, or Triton's interpreter is in the way.
    """
    if available.is_interpreted():
        raise BackendUnavailable(
            f"{_WHERE}: kernels must be compiled to be timed; got TRITON_INTERPRET=1 in the environment",
            hint="unset TRITON_INTERPRET",
        )
    if not torch.cuda.is_available():
        built = (
            "built without CUDA"
            if torch.version.cuda is None
            else f"built for CUDA {torch.version.cuda}, which finds none"
        )
        raise BackendUnavailable(
            f"{_WHERE}: there must be an NVIDIA GPU that torch can use; got none (torch {torch.__version__}, {built})",
            hint="run it on a machine with a GPU and a torch built for CUDA (https://pytorch.org/get-started), or leave "
            "--device out to time the processor's kernels",
        )
    if available.version() is None:
        raise BackendUnavailable(f"{_WHERE}: Triton must be installed; it is not", hint="pip install triton")


def set_precision() -> None:
    """Turn TF32 off, for cuDNN (where it is on by default) and for torch's products."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def gpu_facts(device: str) -> dict[str, Any]:
    """Return what a time on a GPU is worth nothing without.

    Args:
        device: ``"cuda"``, or ``"cpu"`` for tests.
    """
    import triton

    facts: dict[str, Any] = {
        "name": "none: Triton's interpreter on the processor",
        "capability": None,
        "memory_bytes": None,
        "multiprocessors": None,
        "l2_bytes": None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "triton": triton.__version__,
        "tf32": torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32,
    }
    if device != "cpu":
        found = torch.cuda.get_device_properties(torch.device(device))
        facts |= {
            "name": found.name,
            "capability": f"{found.major}.{found.minor}",
            "memory_bytes": found.total_memory,
            "multiprocessors": found.multi_processor_count,
            "l2_bytes": getattr(found, "L2_cache_size", None),
        }
    return facts
