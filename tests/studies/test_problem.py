"""The numbers of a problem, and what counts as right."""

from __future__ import annotations

import math

import pytest
import torch

from peephole.studies.bench.cases import CASES, CELLS, custom, dense, ragged
from peephole.studies.bench.problem import Errors, Problem, error_of


def test_multiply_adds_are_those_of_the_matrices() -> None:
    case = CASES["review"]
    # 6,400 rows, four gates of 128 units, each over 128 inputs and 128 units.
    assert case.multiply_adds(CELLS["lstm"], training=False) == 6400 * 4 * 128 * (128 + 128)
    assert case.multiply_adds(CELLS["gru"], training=False) == 6400 * 3 * 128 * (128 + 128)
    assert case.multiply_adds(CELLS["rnn"], training=True) == 3 * 6400 * 128 * (128 + 128)
    # Two directions: the second layer reads 256 features.
    rows = 7680
    assert CASES["packed-deep"].rows == rows
    one, two = 4 * 128 * (128 + 128), 4 * 128 * (256 + 128)
    assert CASES["packed-deep"].multiply_adds(CELLS["lstm"], training=False) == rows * 2 * (one + two)


def test_the_backward_pass_has_twice_the_multiply_adds_that_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    case, counts = dense("x", 3, 2, 4, 5), []
    for training in (False, True):
        layer, x = (
            Problem(case, "lstm").layer("reference", torch.float32),
            torch.zeros(3, 2, 4, requires_grad=True),
        )
        with FlopCounterMode(display=False) as counter:
            y = layer(x)[0]
            if training:
                y.sum().backward()
        counts.append(counter.get_total_flops() // 2)
    forward, both = counts
    assert forward == case.multiply_adds(CELLS["lstm"], training=False)
    # One product of the first step is not taken: that for the gradient of the initial state, for which nobody asks.
    assert both == case.multiply_adds(CELLS["lstm"], training=True) - 2 * (4 * 5) * 5


def test_numbers_are_a_function_of_the_case() -> None:
    first, second = (Problem(dense("x", 3, 2, 4, 5), "gru") for _ in range(2))
    assert torch.equal(first.rows, second.rows)
    assert all(torch.equal(weight, second.weights[name]) for name, weight in first.weights.items())
    half = Problem(dense("x", 3, 2, 4, 5), "gru", "bfloat16")
    assert half.rows.dtype == half.weights["weight_ih_l0"].dtype == torch.bfloat16
    torch.manual_seed(3)
    before = torch.get_rng_state()
    Problem(dense("x", 3, 2, 4, 5), "gru")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_right_gradients_are_linear_in_the_number_of_steps() -> None:
    """The gradient of a slice is as large as what it was cut from: the reference must not cut its rows step by step."""
    problem = Problem(dense("x", 50, 2, 4, 5), "gru")
    layer, rows = problem.layer("reference", torch.float32), problem.rows.clone().requires_grad_()
    outputs = layer.outputs(rows, problem.sequences.batch_sizes)
    waiting, seen, names = [outputs.grad_fn], set(), []
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            names.append(node.name())
            waiting += [after for after, _ in node.next_functions]
    assert sum(name.startswith("SplitWithSizes") for name in names) == 1


def test_sequences_stand_longest_first() -> None:
    case = ragged("x", [2, 5, 3], 4, 4)
    assert case.lengths == (5, 3, 2)
    assert (case.steps, case.batch, case.rows, case.is_ragged) == (5, 3, 10, True)
    assert not dense("x", 3, 2, 1, 1).is_ragged


def test_errors_are_shares_of_the_largest_number() -> None:
    right = torch.tensor([[4.0, 0.0], [-8.0, 1.0]], dtype=torch.float64)
    assert error_of(right + 0.8, right) == pytest.approx(0.1)
    assert error_of(right.float(), right) == 0
    assert error_of(torch.zeros(2, 2), torch.zeros(2, 2)) == 0
    for bad in (right * math.nan, None, right[:1]):
        assert error_of(bad, right) == math.inf


def test_the_bound_grows_as_eps_log2() -> None:
    small, large = Problem(dense("x", 2, 1, 4, 4), "rnn"), Problem(dense("x", 32, 1, 4, 4), "rnn")
    eps = torch.finfo(torch.float32).eps
    assert small.bound == 4 * eps * 4  # log2(8 · 2)
    assert large.bound == 4 * eps * 8  # log2(8 · 32)
    assert Problem(dense("x", 2, 1, 4, 4), "rnn", "float64").bound < 1e-14


def test_small_means_all_of_it() -> None:
    assert Errors(0.1, None, 0.1).are_small
    assert Errors(0.1, 0.1, 0.1).are_small
    for errors in (Errors(0.2, 0.0, 0.1), Errors(0.0, 0.2, 0.1), Errors(math.nan, None, 0.1)):
        assert not errors.are_small


def test_a_wrong_equation_is_far_beyond_the_bound() -> None:
    """A forget gate that begins open is another cell: the check must tell it from the LSTM, in bfloat16 too."""
    for dtype in ("float32", "bfloat16", "float64"):
        lstm, other = (Problem(CASES["single"], cell, dtype) for cell in ("lstm", "own"))
        assert lstm.errors(other.outputs.to(lstm.rows.dtype)).outputs > 2 * lstm.bound


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,0", "1,2,3,4,5", "1,2,3,-4", "1,2,3,x", "1, 2,3,4"])
def test_a_bad_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="T,N,D,H"):
        custom(text)
