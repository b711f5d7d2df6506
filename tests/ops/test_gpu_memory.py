"""What the Triton kernels are given: addresses, devices and numbers that a GPU takes less lightly than the interpreter."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import pytest
import torch

from peephole import cells
from peephole.ops import run
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import call_of
from peephole.ops.gpu import backend, backward_pass, backward_text, forward_text, given, rule, steps
from peephole.ops.gpu.form import Form
from peephole.ops.gpu.transfer import by_kernels
from peephole.ops.graph import _dtypes  # pyright: ignore[reportPrivateUsage]
from peephole.ops.request import request_of
from support.agreement import same_bits, scaled_case

CELL = cells.PeepholeLSTM()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """The tensors of each launch."""
    found: list[dict[str, torch.Tensor]] = []
    launch = backend.launch

    def watched(*args: Any) -> None:
        found.append(dict(args[-1]))
        launch(*args)

    for module in (backend, backward_pass):
        monkeypatch.setattr(module, "launch", watched)
    return found


def test_a_pass_runs_with_its_tensors_device_as_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[torch.Tensor] = []
    launches: list[int] = []

    @contextlib.contextmanager
    def device_of(tensor: torch.Tensor) -> Generator[None]:
        inside.append(tensor)
        yield
        inside.pop()

    launch = backend.launch

    def watched(*args: Any) -> None:
        launches.append(len(inside))
        launch(*args)

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    for module in (backend, backward_pass):
        monkeypatch.setattr(module, "launch", watched)
    rows, sizes, weights, state = scaled_case(CELL, [2], 3, 4)
    run(CELL, rows, sizes, weights, state, backend="triton").rows.sum().backward()
    assert launches == [1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_rows_begin_at_an_aligned_address(dtype: torch.dtype) -> None:
    rows, sizes, weights, state = scaled_case(CELL, [2, 1, 1], 3, 5)
    weights = {name: value.to(dtype) for name, value in weights.items()}
    state = {name: value.to(dtype) for name, value in state.items()}
    assert run(CELL, rows.to(dtype), sizes, weights, state, backend="triton").rows.data_ptr() % 16 == 0


def test_the_table_holds_aligned_addresses_whatever_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    tables: list[list[int]] = []
    to_device = steps.to_device

    def watched(numbers: Any, device: torch.device) -> torch.Tensor:
        tables.append(numbers.tolist())
        return to_device(numbers, device)

    monkeypatch.setattr(steps, "to_device", watched)
    monkeypatch.setattr(given, "choose_driver", lambda *_: rule.Driver("steps", 16, 16, 16, 4))
    rows, sizes, weights, state = scaled_case(CELL, [2, 1], 3, 16)
    expected = run(CELL, rows, sizes, weights, state, backend="reference").rows
    flat = torch.cat([torch.zeros(1).double(), *(value.detach().flatten() for value in weights.values())])
    parts = flat[1:].split([value.numel() for value in weights.values()])
    weights = {
        name: part.view_as(weights[name]).requires_grad_() for name, part in zip(weights, parts, strict=True)
    }
    assert weights["weight_hh"].data_ptr() % 16
    found = run(CELL, rows, sizes, weights, state, backend="triton").rows
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    found.sum().backward()
    assert len(tables) == 2
    assert not any(address % 16 for table in tables for address in table[1:])


def test_nothing_is_negated_late(launched: list[dict[str, torch.Tensor]]) -> None:
    rows, sizes, weights, state = scaled_case(CELL, [1], 3, 1)
    grad = torch.ones(1, 1, dtype=torch.complex128).conj().imag
    assert grad.is_neg()
    assert grad.is_contiguous()
    run(CELL, rows, sizes, weights, state, backend="triton").rows.backward(grad)
    assert not any(tensor.is_neg() for named in launched for tensor in named.values())


def test_what_was_kept_may_come_back_laid_out_anew() -> None:
    rows, sizes, weights, state = scaled_case(CELL, [2, 1], 3, 5)

    def turned(tensor: torch.Tensor) -> torch.Tensor:
        return tensor if tensor.ndim < 2 else tensor.mT.contiguous().mT

    found: list[torch.Tensor] = []
    for unpack in (lambda tensor: tensor, turned):
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, unpack):
            out = run(CELL, rows, sizes, weights, state, backend="triton").rows
        found += torch.autograd.grad(out.sin().sum(), weights["weight_hh"])
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_products_around_the_kernels_are_not_lowered_again_by_autocast(
    launched: list[dict[str, torch.Tensor]],
) -> None:
    rows, sizes, weights, state = scaled_case(CELL, [2, 1], 3, 5)
    given = [rows, *weights.values(), *state.values()]
    rows, *others = [tensor.detach().bfloat16().float() for tensor in given]
    weights = dict(zip(weights, others, strict=False))
    state = dict(zip(state, others[len(weights) :], strict=True))
    low = {name: value.bfloat16() for name, value in weights.items()}
    start = {"h": state["h"].bfloat16(), "c": state["c"].bfloat16()}
    expected = run(CELL, rows.bfloat16(), sizes, low, start, backend="triton").rows
    with torch.autocast("cpu", torch.bfloat16):
        found = run(CELL, rows, sizes, weights, state, backend="triton").rows
    same_bits({"rows": found.bfloat16()}, {"rows": expected})
    assert [named["x"].dtype for named in launched] == [torch.float32] * 2


def test_a_float16_layer_in_a_graph_has_its_other_states_lowered() -> None:
    call = call_of(CELL, True, False, False, (), (), False, True)
    arrays = [value.half() for value in _arrays()]
    request = request_of(call, BatchSizes.of("", [1, 1]), arrays)
    assert _dtypes(request, arrays) == ("float16",) * call.results


def _arrays() -> list[torch.Tensor]:
    rows, _, weights, state = scaled_case(CELL, [2], 3, 4)
    return [rows, *weights.values(), *state.values()]


def test_integers_by_kernels_are_those_given() -> None:
    for numbers in ([], [5], [0, 4, 8, 11, 11, 11, 7], [1 << 46, 3, (1 << 47) + 16, 0, 0]):
        assert by_kernels(numbers, torch.device("cpu")).tolist() == numbers


def test_functions_are_written_once_for_a_form() -> None:
    for writer in (forward_text, backward_text):
        forms = [Form(CELL, "float32", False, True, False, (), (0, 1)) for _ in range(2)]
        assert writer.functions(forms[0]) is writer.functions(forms[1])
