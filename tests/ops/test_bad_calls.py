"""Bad arguments of `run` and `run_padded`, as arrays and as tensors: the documented error, and nothing reaches the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell, Step
from peephole.errors import LengthError, OptionError, ShapeError
from peephole.ops import run, run_padded
from peephole.ops.library import library
from support.counting import kernel_calls

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)
KINDS = ["numpy", "torch"]


def arrays(kind: str) -> dict[str, Any]:
    """A good call of an LSTM: D = 2, H = 3, lengths 2 and 1."""
    zeros = np.zeros if kind == "numpy" else torch.zeros
    return {
        "rows": zeros((3, 2)),
        "batch_sizes": [2, 1],
        "weights": {
            "weight_ih": zeros((12, 2)), "weight_hh": zeros((12, 3)), "bias_ih": zeros((12,)), "bias_hh": zeros((12,)),
        },
        "state": {"h": zeros((2, 3)), "c": zeros((2, 3))},
    }  # fmt: skip


def refused(
    call: dict[str, Any], error: type[Exception], words: str, cell: Cell | None = None, **options: Any
) -> None:
    with kernel_calls() as calls, pytest.raises(error, match=words):
        run(cell or cells.LSTM(), *call.values(), **options)
    assert calls.both == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_call_that_the_others_spoil_is_good(kind: str) -> None:
    with kernel_calls() as calls:
        run(cells.LSTM(), *arrays(kind).values())
        run(cells.LSTM(), *arrays(kind).values())
    assert calls.both == (2, 0)


@pytest.mark.parametrize("warm", [False, True], ids=["first", "after a good call"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("place", "shape"),
    [
        ("rows", (4, 2)),
        ("rows", (3, 5)),
        ("rows", (3,)),
        ("rows", (3, 1, 2)),
        ("rows", ()),
        ("weights.weight_ih", (12, 3)),
        ("weights.weight_ih", (11, 2)),
        ("weights.weight_ih", (0, 2)),
        ("weights.weight_ih", (24,)),
        ("weights.weight_hh", (12, 2)),
        ("weights.weight_hh", (9, 3)),
        ("weights.weight_hh", (12, 3, 1)),
        ("weights.bias_ih", (12, 1)),
        ("weights.bias_hh", (11,)),
        ("state.h", (1, 3)),
        ("state.h", (2, 4)),
        ("state.h", (3,)),
        ("state.h", ()),
        ("state.c", (3, 3)),
        ("state.c", (2, 2)),
    ],
)
def test_shapes(kind: str, place: str, shape: tuple[int, ...], warm: bool) -> None:
    if warm:  # what a call was checked for is remembered, by value
        run(cells.LSTM(), *arrays(kind).values())
    call = arrays(kind)
    bad = np.zeros(shape) if kind == "numpy" else torch.zeros(shape)
    if "." in place:
        outer, inner = place.split(".")
        call[outer][inner] = bad
    else:
        call[place] = bad
    refused(call, ShapeError, r"run\(LSTM\): .*got")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["int64", "complex64", "bool", "uint8"])
@pytest.mark.parametrize("place", ["rows", "weights", "state"])
def test_dtypes_that_are_no_floats(kind: str, dtype: str, place: str) -> None:
    call = arrays(kind)

    def convert(array: Any) -> Any:
        return array.astype(dtype) if kind == "numpy" else array.to(getattr(torch, dtype))

    if place == "rows":
        call["rows"] = convert(call["rows"])
    else:
        call[place] = {name: convert(value) for name, value in call[place].items()}
    refused(call, ShapeError, f"must be of a float dtype.*got (torch.)?{dtype}")


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_that_differ_never_reach_the_kernel(kind: str) -> None:
    run(cells.LSTM(), *arrays(kind).values())
    call = arrays(kind)
    call["weights"]["weight_hh"] = (
        np.zeros((12, 3), np.float32) if kind == "numpy" else torch.zeros(12, 3, dtype=torch.float64)
    )
    with kernel_calls() as calls:
        if kind == "numpy":
            run(cells.LSTM(), *call.values())  # NumPy promotes, and so does the reference
        else:
            with pytest.raises(RuntimeError, match="dtype"):
                run(cells.LSTM(), *call.values())
    assert calls.both == (0, 0)


def test_byte_orders() -> None:
    call = arrays("numpy")
    call["rows"] = call["rows"].astype(">f8")
    refused(call, ShapeError, "machine's byte order; got >f8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.to_sparse(), "must be dense in memory; got a tensor of layout torch.sparse_coo"),
        (lambda t: t.to("meta"), "must be on cpu, as rows are; got a tensor on meta"),
        (lambda t: t.numpy(), "must be a Tensor, as rows are; got ndarray"),
        (lambda t: t.tolist(), "must be a Tensor, as rows are; got list"),
        (lambda t: None, "must be a Tensor, as rows are; got NoneType"),
    ],
)
@pytest.mark.parametrize("place", ["weights.weight_hh", "weights.weight_ih", "state.h", "state.c"])
def test_tensors_elsewhere(spoil: Any, words: str, place: str) -> None:
    run(cells.LSTM(), *arrays("torch").values())
    call, (outer, inner) = arrays("torch"), place.split(".")
    call[outer][inner] = spoil(call[outer][inner])
    refused(call, ShapeError, words)


def test_rows_elsewhere() -> None:
    for rows, words in (
        ([[0.0, 0.0]] * 3, "must be a torch tensor or a NumPy array"),
        (torch.zeros(3, 2).to_sparse(), "rows must be dense in memory"),
        (torch.zeros(3, 2, device="meta"), "must be on meta, as rows are"),
    ):
        refused({**arrays("torch"), "rows": rows}, ShapeError, words)


def test_a_call_on_the_meta_device_has_shapes_alone() -> None:
    call = arrays("torch")
    call["rows"] = call["rows"].to("meta")
    for name in ("weights", "state"):
        call[name] = {key: value.to("meta") for key, value in call[name].items()}
    with kernel_calls() as calls:
        out = run(cells.LSTM(), *call.values())
    assert calls.both == (0, 0)
    assert out.rows.device.type == "meta"
    assert out.rows.shape == (3, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([1, 2], "never grow"),
        ([2, 0, 1], "never grow"),
        ([3, 0], "at least 1"),
        ([4, -1], "at least 1"),
        ([2.0, 1.0], "one axis of integers"),
        ([True, True], "one axis of integers"),
        ([[2, 1]], "one axis of integers"),
        ([[2], [1, 1]], "one axis of integers"),
        (["2", "1"], "one axis of integers"),
        (None, "one axis of integers"),
        (3, "one axis of integers"),
        ([2**70, 1], "one axis of integers"),
        ([2**62, 2**62], r"less than 2\^62 rows"),
        (np.array([2**63, 2**63], np.uint64), r"less than 2\^62 rows"),
        (np.array([2.0, 1.0]), "one axis of integers"),
        (torch.tensor([2.0, 1.0], requires_grad=True), "one axis of integers"),
        (torch.tensor([2 + 0j, 1]), "one axis of integers"),
        (torch.tensor([2, 1], device="meta"), "one axis of integers"),
    ],
)
def test_batch_sizes(kind: str, sizes: Any, words: str) -> None:
    refused({**arrays(kind), "batch_sizes": sizes}, LengthError, words)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [[2], [2, 1, 1], [3, 1], [], [4]])
def test_batch_sizes_of_other_rows(kind: str, sizes: list[int]) -> None:
    run(cells.LSTM(), *arrays(kind).values())
    refused(
        {**arrays(kind), "batch_sizes": sizes},
        ShapeError,
        "batch_sizes sum to|must have at least batch_sizes",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_batch_sizes_of_any_integer_kind_are_fine(kind: str) -> None:
    expected = run(cells.LSTM(), *arrays(kind).values()).rows
    for sizes in (
        (2, 1),
        np.array([2, 1], np.int32),
        np.array([2, 1], np.uint8),
        torch.tensor([2, 1], dtype=torch.int32),
        torch.tensor([2, 9, 1, 9])[::2],
    ):
        assert (run(cells.LSTM(), *{**arrays(kind), "batch_sizes": sizes}.values()).rows == expected).all()


def test_batch_sizes_that_change_after_the_call_do_no_harm() -> None:
    cell, sizes = cells.GRU(), np.array([2, 2, 1])
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(5, 2, generator=generator, requires_grad=True)
    weights = {
        "weight_ih": torch.randn(9, 2, generator=generator),
        "weight_hh": torch.randn(9, 3, generator=generator),
    }
    state = {"h": torch.zeros(2, 3)}
    expected = torch.autograd.grad(run(cell, rows, sizes, weights, state).rows.sum(), rows)[0]
    out = run(cell, rows, sizes, weights, state).rows.sum()
    sizes[:] = 1 << 40
    assert torch.equal(torch.autograd.grad(out, rows)[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_names(kind: str) -> None:
    for place, name, words in (
        ("weights", "weight_hr", "weight_hr must be"),
        ("weights", "weight_ch", "no weight is called 'weight_ch'"),
        ("state", "d", "no state is called 'd'"),
    ):
        call = arrays(kind)
        call[place][name] = call["rows"]
        refused(call, ShapeError if name == "weight_hr" else OptionError, words)
    for place, name in (("weights", "weight_hh"), ("weights", "bias_hh"), ("state", "h")):
        call = arrays(kind)
        del call[place][name]
        refused(call, OptionError, "missing|go together")
    rows = arrays(kind)["rows"]
    refused(arrays(kind), OptionError, "no value 'k'", save=["k"])
    refused(arrays(kind), OptionError, "no value 'k'", clamp={"k": rows})
    refused(
        arrays(kind), ShapeError, r"must broadcast to \[R, H\] = \[3, 3\]; got \[3, 2\]", clamp={"f": rows}
    )
    refused(arrays(kind), ShapeError, "must be a", clamp={"f": 1.0})
    refused(arrays(kind), ShapeError, r"recurrent_mask must be \[2, 3\]; got \[3, 2\]", recurrent_mask=rows)
    refused(arrays(kind), OptionError, "backend must be one of", backend="cuda")


def test_a_value_is_held_once() -> None:
    class Named(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre: Any, prev: Any) -> Step:
            return Step(h=pre.a, y=pre.a)

    weights = {"weight_ih": np.zeros((3, 2)), "weight_hh": np.zeros((3, 3))}
    with pytest.raises(OptionError, match=r"clamp must hold each value once.*got h, y"):
        run(
            Named(), np.zeros((1, 2)), [1], weights, {"h": np.zeros((1, 3))}, backend="reference",
            clamp={"h": np.zeros(3), "y": np.zeros(3)},
        )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_padded_batches(kind: str) -> None:
    call = arrays(kind)
    zeros = np.zeros if kind == "numpy" else torch.zeros
    weights, state, x = call["weights"], call["state"], zeros((4, 2, 2))
    run_padded(cells.LSTM(), x, None, weights, state)
    for lengths, words in (
        ([5, 1], r"in \[0, T\] = \[0, 4\]; got lengths\[0\] = 5"),
        ([4, -1], r"got lengths\[1\] = -1"),
        ([4], r"lengths must be \[N\] = \[2\]"),
        ([4.0, 1.0], "one axis of integers"),
        ([[4, 1]], "one axis of integers"),
        (torch.tensor([4.0, 1.0], requires_grad=True), "one axis of integers"),
    ):
        with kernel_calls() as calls, pytest.raises(LengthError, match=words):
            run_padded(cells.LSTM(), x, lengths, weights, state)
        assert calls.both == (0, 0)
    for bad, words in (
        (zeros((4, 2)), r"x must be a torch tensor or a NumPy array \[T, N, D\]; got \[4, 2\]"),
        ([[[0.0]]], "got list"),
        (zeros((4, 3, 2)), r"state\['h'\] must have N = 3 rows; got \[2, 3\]"),
        (zeros((4, 1, 2)), r"state\['h'\] must have N = 1 rows; got \[2, 3\]"),
        (zeros((4, 2, 3)), r"weight_ih must be \[12, 3\]"),
    ):
        with kernel_calls() as calls, pytest.raises(ShapeError, match=words):
            run_padded(cells.LSTM(), bad, None, weights, state)
        assert calls.both == (0, 0)
    with pytest.raises(ShapeError, match=r"must broadcast to \[T, N, H\] = \[4, 2, 3\]; got \[2, 2\]"):
        run_padded(cells.LSTM(), x, [4, 1], weights, state, clamp={"f": zeros((2, 2))})


def test_memory_that_is_not_there_is_an_error() -> None:
    # 2^40 rows of no inputs take no memory; their outputs would take 2^44 bytes and more
    rows, weights = np.zeros((1 << 40, 0)), {"weight_ih": np.zeros((3, 0)), "weight_hh": np.zeros((3, 3))}
    state = {"h": np.broadcast_to(np.zeros((1, 3)), (1 << 40, 3))}
    with kernel_calls() as calls, pytest.raises(MemoryError):
        run(cells.RNN(), rows, [1 << 40], weights, state)
    tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
    with pytest.raises(RuntimeError, match=r"can't allocate memory|not enough memory|overflow"):
        run(
            cells.RNN(),
            torch.zeros(1 << 40, 0).double(),
            [1 << 40],
            tensors,
            {"h": torch.zeros(1, 3).double().expand(1 << 40, 3)},
        )
    assert calls.both == (0, 0)
