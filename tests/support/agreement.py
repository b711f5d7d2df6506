"""Results and gradients of one run, by name, and how close two of them must be."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from peephole.equations import Cell
from peephole.ops import run
from peephole.ops.library import library
from support.cases import case
from support.tolerances import rounding


def scaled_case(cell: Cell, lengths: list[int], inputs: int, hidden: int, **options: Any):
    """As `case`, with weights small enough that sums over H stay of order one."""
    rows, sizes, weights, state = case(cell, lengths, inputs, hidden, **options)
    weights = {
        name: (w.detach() / (w.shape[-1] ** 0.5)).requires_grad_() if w.ndim == 2 else w
        for name, w in weights.items()
    }
    return rows, sizes, weights, state


def waves(value: Tensor, k: int = 0) -> Tensor:
    """What the tests' losses multiply a result with: numbers of order one, none like its neighbour, of the result's dtype."""
    numbers = torch.sin(torch.arange(value.numel(), dtype=torch.float64) + k)
    return numbers.reshape(value.shape).to(value.dtype)


def results(
    cell: Cell, arguments: tuple, dtype: torch.dtype, *, backend: str, **options: Any
) -> dict[str, Tensor]:
    """Outputs, final states, saved values, and the gradient of every argument.

    Args:
        cell: the cell.
        arguments: as `case` gives them.
        dtype: that everything is converted to.
        backend: a backend, or ``"auto"``.
        **options: of `run`; `clamp` and `recurrent_mask` are converted too, and held values are differentiated by.
    """
    rows, sizes, weights, state = arguments
    held = dict(options.pop("clamp", {}))
    leaves = {
        "rows": rows,
        **weights,
        **{f"state {name}": value for name, value in state.items()},
        **{f"clamp {name}": value for name, value in held.items()},
    }
    leaves = {name: value.detach().to(dtype).requires_grad_() for name, value in leaves.items()}
    if options.get("recurrent_mask") is not None:
        options["recurrent_mask"] = options["recurrent_mask"].to(dtype)
    out = run(
        cell, leaves["rows"], sizes, {name: leaves[name] for name in weights},
        {name: leaves[f"state {name}"] for name in state},
        backend=backend, clamp={name: leaves[f"clamp {name}"] for name in held}, **options,
    )  # fmt: skip
    found = {
        "out": out.rows,
        **{f"final {name}": value for name, value in out.state.items()},
        **{f"saved {name}": value for name, value in out.saved.items()},
    }
    total = sum((value * waves(value, k)).sum() for k, value in enumerate(found.values()))
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    detached = {name: value.detach() for name, value in found.items()}
    return {**detached, **{f"d {name}": d for name, d in zip(leaves, gradients, strict=True)}}


def compare(
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    dtype: torch.dtype,
    terms: int,
    size: float = 1.0,
) -> None:
    """Assert that each result agrees within the rounding of `dtype` for sums of `terms` products, relative to its largest.

    `size`: how much larger the numbers on the way to a result may be than the result; what cancels leaves their rounding.
    """
    for name, value in expected.items():
        scale = size * max(1.0, float(value.abs().max())) if value.numel() else size
        torch.testing.assert_close(
            actual[name].double(), value.double(), rtol=0.0, atol=4 * scale * rounding(dtype, terms)["atol"],
            msg=lambda text, name=name: f"{name}: {text}",
        )  # fmt: skip


def close_in_norm(
    actual: Mapping[str, Tensor], expected: Mapping[str, Tensor], dtype: torch.dtype, terms: int
) -> None:
    """Assert that ‖actual − expected‖ is within the rounding of `dtype` for sums of `terms` products, times ‖expected‖.

    For a coarse dtype this says more than a bound on the largest difference of any element.
    """
    bound = rounding(dtype, terms)["atol"]
    for name, value in expected.items():
        error, size = float((actual[name].double() - value.double()).norm()), float(value.double().norm())
        assert error <= bound * size, (
            f"{name}: relative error {error / size if size else error:.2g}, bound {bound:.2g}"
        )


def same_bits(actual: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Assert that results agree bit for bit, NaN where NaN is expected."""
    assert list(actual) == list(expected)
    for name, value in expected.items():
        assert torch.equal(actual[name].isnan(), value.isnan()), f"{name}: other places are NaN"
        assert torch.equal(actual[name].nan_to_num(), value.nan_to_num()), f"{name}: other bits"


@contextlib.contextmanager
def poisoned_scratch() -> Iterator[None]:
    """Scratch memory starts as NaN: what the kernel reads before it wrote it cannot stay unseen."""
    handle = library().handle
    assert isinstance(handle, ctypes.CDLL)
    handle.peephole_poison(1)
    try:
        yield
    finally:
        handle.peephole_poison(0)


@contextlib.contextmanager
def torch_threads(count: int, split: str | None = None) -> Iterator[None]:
    """Let torch, and so the kernel, use so many threads.

    `split`: what they divide among them, however little it is: ``"sequences"`` or ``"units"``; empty: as the kernel likes;
    None: as it was told before.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with pytest.MonkeyPatch.context() as patch:
            if split is not None:
                patch.setenv("PEEPHOLE_SPLIT", split)
            yield
    finally:
        torch.set_num_threads(before)
