"""Everybody who takes part computes the right numbers: outputs, and the gradients of inputs and all weights."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from peephole.studies.bench.cases import CELLS, Case, dense, ragged
from peephole.studies.bench.contender import Contender, Refusal, Trainer
from peephole.studies.bench.problem import Problem, error_of
from peephole.studies.bench.race import make
from support.tolerances import FLOAT64

CASES = {
    "dense": dense("dense", 6, 3, 5, 7),
    "one": dense("one", 4, 1, 3, 2),
    "ragged": ragged("ragged", [1, 6, 3, 3], 5, 7),
    "deep": ragged("deep", [5, 1, 3], 4, 6, layers=2, directions=2),
}
HAS = {
    "torch": {"lstm", "gru", "rnn"},
    "onnxruntime": set(CELLS) - {"own"},
    "jax": set(CELLS) - {"own"},
    "peephole": set(CELLS),
    "reference": set(CELLS),
}


def contender(who: str, case: Case, cell: str, dtype: str = "float32") -> Contender:
    packages = {"onnxruntime": ("onnx", "onnxruntime"), "jax": ("jax",)}.get(who, ())
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}: pip install 'peephole[bench]'")
    made = make(who, Problem(case, cell, dtype), _cores() if who == "jax" else 1)
    assert isinstance(made, Contender), made
    return made


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0))


def _marks(who: str, cell: str, case: str) -> tuple[pytest.MarkDecorator, ...]:
    """JAX compiles for seconds: one case shows masks, the others are for CI."""
    quick = who != "jax" or (case, cell) == ("ragged", "gru-before")
    return () if quick else (pytest.mark.slow,)


@pytest.mark.parametrize(
    ("who", "cell", "case"),
    [
        pytest.param(who, cell, case, marks=_marks(who, cell, case))
        for who in HAS
        for cell in CELLS
        for case in CASES
        if cell in HAS[who]
    ],
)
def test_results_are_right(who: str, cell: str, case: str) -> None:
    made = contender(who, CASES[case], cell)
    assert made.forward_errors().are_small
    if isinstance(made, Trainer):
        errors = made.training_errors()
        assert errors.are_small, errors
        assert errors.gradients is not None
        assert set(made.gradients()) == {"rows", *made.problem.weights}
    else:
        assert who == "onnxruntime"


@pytest.mark.parametrize("cell", sorted(HAS["torch"]))
@pytest.mark.parametrize("case", CASES)
def test_the_right_answers_are_torchs_in_float64(case: str, cell: str) -> None:
    made = contender("torch", CASES[case], cell, "float64")
    assert isinstance(made, Trainer)
    outputs = made.rows_of(made.training())
    torch.testing.assert_close(outputs, made.problem.outputs, **FLOAT64)
    for name, gradient in made.gradients().items():
        torch.testing.assert_close(gradient, made.problem.gradients[name], **FLOAT64)


@pytest.mark.parametrize("who", HAS)
def test_weights_change_and_come_back(who: str) -> None:
    made = contender(who, CASES["dense"], "lstm")
    before = made.rows_of(made.forward()).clone()
    made.change()
    if who == "onnxruntime":  # its weights are fixed
        assert torch.equal(made.rows_of(made.forward()), before)
    else:
        assert not torch.equal(made.rows_of(made.forward()), before)
        assert error_of(made.rows_of(made.forward()), before) < 0.1
    assert made.forward_errors().are_small  # with the problem's own weights again


def test_gradients_are_forgotten_with_a_change() -> None:
    made = contender("torch", CASES["dense"], "lstm")
    assert isinstance(made, Trainer)
    made.training()
    assert made.gradients()
    made.change()
    assert not made.gradients()


@pytest.mark.parametrize("cell", CELLS)
def test_all_named_values_are_returned_and_checked(cell: str) -> None:
    made = make("peephole-values", Problem(CASES["ragged"], cell), 1)
    assert isinstance(made, Contender)
    result = made.forward()
    assert set(result.saved) == set(CELLS[cell].values) - {"h"}  # pyright: ignore[reportAttributeAccessIssue]
    assert made.forward_errors().are_small
    plain = make("peephole-run", Problem(CASES["ragged"], cell), 1)
    assert isinstance(plain, Contender)
    assert not plain.forward().saved  # pyright: ignore[reportAttributeAccessIssue]
    assert plain.forward_errors().are_small


def test_a_wrong_value_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from peephole.studies.bench import torch_contenders

    run = torch_contenders.run

    def broken(*args, **options):
        out = run(*args, **options)
        if options["backend"] == "compiled":
            out.saved["c"] = out.saved["c"] * 1.01
        return out

    made = make("peephole-values", Problem(CASES["dense"], "lstm"), 1)
    monkeypatch.setattr(torch_contenders, "run", broken)
    assert isinstance(made, Contender)
    assert not made.forward_errors().are_small


@pytest.mark.parametrize(
    ("who", "cell", "dtype", "says"),
    [
        ("torch", "peephole-lstm", "float32", "torch.nn has no peephole-lstm"),
        ("onnxruntime", "own", "float32", "ONNX has no own"),
        ("onnxruntime", "lstm", "float64", "take float32; this is float64"),
        ("jax", "own", "float32", "no equations of own"),
        ("jax", "lstm", "bfloat16", "timed in float32; this is bfloat16"),
        ("compile", "lstm", "float32", "more than 25 steps take it minutes; here are 30"),
    ],
)
def test_who_cannot_take_part_says_why(who: str, cell: str, dtype: str, says: str) -> None:
    made = make(who, Problem(dense("x", 30, 2, 3, 4), cell, dtype), 1)
    assert isinstance(made, Refusal)
    assert says in made.reason


@pytest.mark.parametrize(("who", "package"), [("jax", "jax"), ("onnxruntime", "onnxruntime")])
def test_a_missing_package_is_named_with_its_extra(
    who: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    if who == "onnxruntime" and importlib.util.find_spec("onnx") is None:
        pytest.skip("onnx is missing too, and is named first")
    monkeypatch.setitem(sys.modules, package, None)
    made = make(who, Problem(CASES["one"], "lstm"), _cores() if who == "jax" else 1)
    assert isinstance(made, Refusal)
    assert f"'{package}', which is not installed" in made.reason
    assert made.hint == 'pip install "peephole[bench]"'


def test_jax_is_not_timed_with_fewer_threads_than_it_takes() -> None:
    made = make("jax", Problem(CASES["one"], "lstm"), _cores() + 1)
    assert isinstance(made, Refusal)
    assert f"this is {_cores() + 1}" in made.reason


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.*. is deprecated:DeprecationWarning")  # inductor's own imports
def test_the_compiled_reference_is_right() -> None:
    made = contender("compile", dense("tiny", 3, 2, 4, 5), "lstm")
    assert isinstance(made, Trainer)
    assert made.forward_errors().are_small
    assert made.training_errors().are_small
