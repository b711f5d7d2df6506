"""Which backend runs a call, and why. Everything here can be called and read by a user."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Iterable

from peephole.equations import Cell
from peephole.errors import BackendUnavailable, check_choice
from peephole.ops import library
from peephole.ops.gpu import available
from peephole.ops.torch_backend import torch_kernel

NAMES = ("compiled", "triton", "torch", "reference")  # in the order in which "auto" asks them
KERNELS = ("compiled", "triton")  # those that run a whole sequence in kernels of ours
_CUDNN = "torch has cuDNN's kernel for this"
_INTERPRETED = "its interpreter is for tests: name it to use it"
_TENSORS = "it runs torch tensors only"
_NO_RULE = "its kernels have no rule for torch.compile, torch.vmap and forward differentiation"
_NOT_UNROLLED = "its kernels cannot be taken apart: a graph of a torch.func transform, or for ONNX, is made of plain operations"


@dataclasses.dataclass(frozen=True)
class BackendInfo:
    """A backend of this installation.

    Attributes:
        name: what `backend=` takes.
        available: whether it can run here at all.
        detail: what it is, or why it cannot run.
    """

    name: str
    available: bool
    detail: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """The backend that runs a call.

    Attributes:
        name: the backend.
        refused: backend → why it was passed over, for those asked before it.
    """

    name: str
    refused: dict[str, str]


def backends() -> list[BackendInfo]:
    """List the backends, available or not, in the order in which ``"auto"`` asks them."""
    from importlib import metadata  # slow to import, and only needed here

    has_torch = "torch" in sys.modules or importlib.util.find_spec("torch") is not None
    detail = (
        f"torch {metadata.version('torch')}: its own LSTM, GRU and RNN"
        if has_torch
        else 'PyTorch is not installed: pip install "peephole[train]"'
    )
    found = library.library()
    return [
        BackendInfo(
            "compiled",
            found.handle is not None,
            found.reason
            if found.handle is None
            else f"kernels for {library.instruction_set()} (this machine runs {', '.join(found.isas)}), on NumPy or torch",
        ),
        _triton(),
        BackendInfo("torch", has_torch, detail),
        BackendInfo(
            "reference", True, "the equations, step by step, on NumPy or torch; any cell, any device"
        ),
    ]


def choose_backend(
    cell: Cell,
    *,
    backend: str = "auto",
    array: str = "torch",
    device: str = "cpu",
    dtype: str = "float32",
    recurrent_mask: bool = False,
    save: Iterable[str] = (),
    clamp: bool = False,
    transformed: bool = False,
    unrolled: bool = False,
    projection: bool = False,
) -> Choice:
    """Say which backend runs a call. Asking changes nothing: no cell is compiled, and nothing is written.

    The answer depends on the arguments, on this installation and machine, and for a cell of your own on whether this process has
    tried to compile it. ``"auto"`` takes the first that can: the compiled backend, Triton's kernels, torch's own layers, the
    reference; but on a GPU what torch's layers can do goes to them, and so to cuDNN, before Triton.

    Args:
        cell: the cell to run.
        backend: ``"auto"``, or a backend that must be honoured.
        array: ``"torch"`` or ``"numpy"``: what the rows are.
        device: ``"cpu"``, ``"cuda"`` …
        dtype: what is computed in: ``"float32"``, ``"float64"``, ``"bfloat16"`` …; under `torch.autocast` that of autocast.
        recurrent_mask: whether recurrent dropout is applied.
        save: names of values to return for every step.
        clamp: whether values are held.
        transformed: whether the call is part of a graph (`torch.compile`, `torch.export`), or of a `torch.func` transform, or is
            differentiated forwards: torch's layers have no rules for that.
        unrolled: whether it must be made of torch's plain operations: a graph of a `torch.func` transform, or one for ONNX.
        projection: whether h is projected.

    Raises:
        BackendUnavailable: the named backend cannot do it; the message says why, and which can.
        OptionError: no backend has that name.

    Example:
        >>> from peephole import cells
        >>> choose_backend(cells.GRU(), device="cuda", backend="torch").name
        'torch'
        >>> choose_backend(cells.GRU("before"), device="meta").refused["compiled"]
        'it runs on CPUs only'
    """
    check_choice("choose_backend", "backend", backend, ("auto", *NAMES))
    check_choice("choose_backend", "array", array, ("torch", "numpy"))
    refused: dict[str, str] = {}
    for name in NAMES:
        if name in KERNELS:
            reason = refusal(name, cell, device, dtype, projection, recurrent_mask)
            reason = _NOT_UNROLLED if unrolled else reason
            if name == "triton" and array != "torch":
                reason = _TENSORS
            if reason is None and name == "triton" and backend == "auto":
                plain = (
                    not transformed
                    and _refusal("torch", cell, array, recurrent_mask, tuple(save), clamp) is None
                )
                reason = _INTERPRETED if device == "cpu" else _CUDNN if plain else None
        elif name == "torch" and transformed and backend == "auto":
            reason = _NO_RULE
        else:
            reason = _refusal(name, cell, array, recurrent_mask, tuple(save), clamp)
        if reason is not None:
            refused[name] = reason
        elif backend in ("auto", name):
            passed = {other: why for other, why in refused.items() if backend == "auto"}
            return Choice(name, passed)
    able = ", ".join(name for name in NAMES if name not in refused)
    raise BackendUnavailable(
        f"{type(cell).__name__}: backend {backend!r} cannot run this ({refused[backend]}, {array} arrays, {dtype} on {device}); "
        f"able here: {able}",
        hint="pass backend='auto' to let peephole choose",
    )


def refusal(
    name: str, cell: Cell, device: str, dtype: str, projection: bool, recurrent_mask: bool
) -> str | None:
    """Why kernels of ours, one of `KERNELS`, cannot run something, or None if they can."""
    if name == "compiled":
        return library.refusal(cell, device, dtype)
    return available.refusal(cell, device, dtype, projection=projection, recurrent_mask=recurrent_mask)


def _triton() -> BackendInfo:
    reason = available.unavailable()
    how = "in its interpreter, on CPUs" if available.is_interpreted() else "on GPUs"
    return BackendInfo(
        "triton", reason is None, reason or f"Triton {available.version()}: kernels for torch tensors, {how}"
    )


def _refusal(
    name: str, cell: Cell, array: str, recurrent_mask: bool, save: tuple[str, ...], clamp: bool
) -> str | None:
    if name == "reference":
        return None
    if array != "torch":
        return _TENSORS
    if torch_kernel(cell) is None:
        return f"torch has no kernel for {cell if cell.options else type(cell).__name__}"
    if recurrent_mask:
        return "torch's kernels have no recurrent dropout"
    if save or clamp:
        return "torch's kernels neither return nor hold gates"
    return None
