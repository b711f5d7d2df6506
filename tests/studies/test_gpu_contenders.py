"""Who takes part on a GPU, as far as a processor can tell; and a whole bench in Triton's interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import torch
from torch import Tensor

from peephole.cli.schemas import schema
from peephole.studies.bench.cases import CELLS, dense, ragged
from peephole.studies.bench.contender import Contender, Refusal
from peephole.studies.bench.gpu import contenders
from peephole.studies.bench.gpu.cases import race
from peephole.studies.bench.gpu.contenders import (
    MAKERS,
    NO_GPU,
    GraphContender,
    RotatingContender,
    driver_of,
    step_loop,
)
from peephole.studies.bench.gpu.graph import Recording
from peephole.studies.bench.gpu.heat import reason_of, run_heat
from peephole.studies.bench.gpu.plan import Settings
from peephole.studies.bench.gpu.problem import BOUNDS, DeviceProblem, errors_json
from peephole.studies.bench.gpu.stopwatch import HostStopwatch
from peephole.studies.bench.race import check
from peephole.studies.bench.torch_contenders import RunContender

TINY, FEW = dense("tiny", 5, 3, 6, 7), ragged("few", (5, 3, 1), 6, 7)


def again(body: Callable[[], Tensor]) -> Recording:
    """A recording as a graph's is: the first run makes the results, and a replay writes them anew where they lie."""
    result = body()

    def replay() -> None:
        result.detach().copy_(body().detach())

    return Recording(result, replay)


def graph(problem: DeviceProblem) -> GraphContender:
    return GraphContender(problem, problem.layer("reference", getattr(torch, problem.dtype)), again)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("case", [TINY, FEW], ids=["dense", "packed"])
def test_the_loop_is_right_in_float32(cell: str, case: Any) -> None:
    contender = MAKERS["loop"](DeviceProblem(case, cell))
    assert isinstance(contender, Contender)
    for training in (True, False):
        assert check(contender, training=training).are_small


@pytest.mark.parametrize("cell", CELLS)
def test_the_loop_over_one_step_is_right_in_float32(cell: str) -> None:
    contender = step_loop(DeviceProblem(TINY, cell), lambda step: step)
    assert isinstance(contender, Contender)
    for training in (True, False):
        assert check(contender, training=training).are_small


@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf"
)  # which the compiler itself hides
def test_the_step_can_be_compiled() -> None:
    problem = DeviceProblem(TINY, "peephole-lstm")
    contender = step_loop(problem, lambda step: torch.compile(step, backend="aot_eager", fullgraph=True))
    assert isinstance(contender, Contender)
    assert check(contender, training=True).are_small


def test_a_step_is_looped_over_dense_batches_only() -> None:
    found = step_loop(DeviceProblem(FEW, "rnn"), lambda step: step)
    assert isinstance(found, Refusal)
    assert "dense batches" in found.reason


@pytest.mark.parametrize("case", [TINY, FEW], ids=["dense", "packed"])
def test_a_recorded_pass_sees_the_inputs_and_the_weights_of_each_call(case: Any) -> None:
    problem = DeviceProblem(case, "gru")
    contender, eager = graph(problem), RotatingContender(problem, problem.layer("reference", torch.float32))
    assert check(contender, training=False).are_small
    for _ in range(4):  # a replay, on other inputs and weights
        contender.change()
        eager.change()
        torch.testing.assert_close(
            contender.rows_of(contender.forward()), eager.rows_of(eager.forward()), rtol=0, atol=1e-6
        )
    assert check(contender, training=False).are_small


def test_a_recorded_pass_gives_the_gradients_that_it_wrote() -> None:
    errors = check(graph(DeviceProblem(TINY, "lstm")), training=True)
    assert errors.are_small
    assert set(errors_json(errors)["gradients"]) == {
        "rows", "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
    }  # fmt: skip


def test_inputs_are_other_ones_at_every_call() -> None:
    problem = DeviceProblem(TINY, "rnn")
    contender = MAKERS["loop"](problem)
    assert isinstance(contender, RotatingContender)
    found: list[Tensor] = []
    for _ in range(4):
        contender.change()
        found.append(contender._input.detach())
    assert len({one.data_ptr() for one in found}) == 3
    torch.testing.assert_close(found[3], found[0], rtol=0, atol=0)
    assert not torch.equal(found[1], found[0])
    contender.restore()
    assert torch.equal(contender._input.flatten(0, 1), problem.rows)


@pytest.mark.parametrize("who", ["cudnn", "graph", "compile"])
def test_what_needs_a_gpu_says_so(who: str) -> None:
    assert MAKERS[who](DeviceProblem(TINY, "lstm")) == Refusal(NO_GPU)


class Pretended(DeviceProblem):
    """A problem that says it lies on a GPU."""

    def __init__(self, case: Any, cell_name: str, dtype: str = "float32", device: str = "cpu") -> None:
        super().__init__(case, cell_name, dtype, "cpu")
        self.device = "cuda"


@pytest.mark.parametrize(
    ("dtype", "given", "found"),
    [
        ("float32", ("float32",), "float32"),
        ("bfloat16", ("bfloat16", "float16"), "bfloat16"),
        ("bfloat16", ("float16",), "float16"),
        ("float32", ("float16",), None),
        ("bfloat16", (), None),
    ],
)
def test_cudnn_stands_in_with_float16_where_it_is_given_no_bfloat16(
    dtype: str, given: tuple[str, ...], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contenders, "_is_cudnns", lambda module, problem: problem.dtype in given)
    monkeypatch.setattr(
        contenders,
        "torch_module",
        lambda one: torch.nn.LSTM(one.case.inputs, one.case.hidden, dtype=getattr(torch, one.dtype)),
    )
    made = MAKERS["cudnn"](Pretended(TINY, "lstm", dtype))
    if found is None:
        assert made == Refusal(f"torch does not give {dtype} to cuDNN here")
        return
    assert isinstance(made, Contender)
    assert made.problem.dtype == found


def test_what_ran_in_another_dtype_says_so() -> None:
    def make(entrant: Any, problem: DeviceProblem) -> Contender | Refusal:
        other = DeviceProblem(problem.case, problem.cell_name, "float64")
        return RotatingContender(other, other.layer("reference", torch.float64))

    BOUNDS["float64"] = 1e-9
    try:
        facts = heat({"cudnn": ("cudnn", "rnn")}, make)[-1][2]
    finally:
        del BOUNDS["float64"]
    assert facts["note"] == "in float64: torch does not give float32 to cuDNN here"
    assert facts["status"] == "timed"


def test_torchs_own_layer_is_no_cudnns_on_a_processor() -> None:
    problem = DeviceProblem(TINY, "lstm")
    assert not contenders._is_cudnns(torch.nn.LSTM(6, 7), problem)


def test_an_error_is_of_the_norm_and_each_gradient_counts() -> None:
    problem = DeviceProblem(TINY, "rnn")
    outputs = problem.outputs.clone()
    assert problem.errors(outputs, problem.gradients).are_small
    wrong = dict(problem.gradients)
    wrong["bias_hh_l0"] = 1.5 * wrong["bias_hh_l0"]
    found = problem.errors(outputs, wrong)
    assert found.gradients == pytest.approx(0.5)
    assert not found.are_small
    del wrong["bias_hh_l0"]
    assert errors_json(problem.errors(outputs, wrong))["gradients"]["bias_hh_l0"] is None
    assert not problem.errors(outputs * float("nan")).are_small
    for name in wrong:  # no number is larger or smaller than NaN, wherever it stands
        broken = {**problem.gradients, name: problem.gradients[name] * float("nan")}
        assert not problem.errors(outputs, broken).are_small
    one_row = outputs.clone()
    one_row[0] += 1
    assert problem.errors(one_row).outputs == pytest.approx(7**0.5 / float(outputs.norm()))


def heat(
    entrants: dict[str, tuple[str, str]], make: Callable[..., Any], training: bool = True
) -> list[tuple[str, str, Any]]:
    told: list[tuple[str, str, Any]] = []
    one = race("one", training, "float32", TINY, entrants)
    settings = Settings(device="cpu", seconds=0, rounds=1)
    run_heat(
        one, settings, HostStopwatch(), {}, lambda kind, label, facts: told.append((kind, label, dict(facts))), make
    )  # fmt: skip
    return told


def test_one_that_fails_or_is_wrong_is_void_with_its_message_and_the_others_are_timed() -> None:
    def make(entrant: Any, problem: DeviceProblem) -> Contender | Refusal:
        if entrant.who == "graph":
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 4 GiB")
        if entrant.who == "compile":
            return Refusal("no compiler")
        made = RotatingContender(problem, problem.layer("reference", torch.float32))
        if entrant.who == "cudnn":
            made.restore = lambda: None  # type: ignore[method-assign]
            with torch.no_grad():
                made.layer.bias_hh_l0.add_(1.0)
        return made

    told = heat(
        {name: (name, "rnn") for name in ("triton", "cudnn", "graph", "compile", "loop")},
        make,
    )
    facts = {label: found for kind, label, found in told if kind != "begin"}
    assert {label: found["status"] for label, found in facts.items()} == {
        "triton": "timed", "cudnn": "wrong", "graph": "failed", "compile": "refused", "loop": "timed",
    }  # fmt: skip
    assert facts["graph"]["reason"] == "OutOfMemoryError: CUDA out of memory."
    assert facts["compile"]["reason"] == "no compiler"
    assert facts["cudnn"]["errors"]["outputs"] > 1e-4
    assert facts["loop"]["errors"]["bound"] == pytest.approx(1e-4)
    assert facts["triton"]["errors"]["bound"] == pytest.approx(1e-5)
    assert facts["triton"]["driver"] == "on_chip"
    assert [label for kind, label, _ in told if kind == "begin"] == [
        "triton",
        "cudnn",
        "graph",
        "compile",
        "loop",
        "",
    ]


def test_one_that_fails_while_it_is_timed_is_void_alone() -> None:
    def make(entrant: Any, problem: DeviceProblem) -> Contender | Refusal:
        made = RotatingContender(problem, problem.layer("reference", torch.float32))
        if entrant.who == "graph":
            calls, right = [3], made.training

            def training() -> Tensor:
                calls[0] -= 1
                if calls[0] < 0:
                    raise RuntimeError("lost")
                return right()

            made.training = training  # type: ignore[method-assign]
        return made

    told = heat({"loop": ("loop", "rnn"), "graph": ("graph", "rnn")}, make)
    last = {label: found for kind, label, found in told if kind == "timed"}
    assert last["graph"] | {"seconds": None} == last["graph"] | {"seconds": None}
    assert (last["graph"]["status"], last["graph"]["reason"]) == ("failed", "RuntimeError: lost")
    assert last["loop"]["status"] == "timed"
    assert last["loop"]["seconds"]["median"] > 0


def test_inference_only_takes_no_part_in_training() -> None:
    def make(entrant: Any, problem: DeviceProblem) -> Contender | Refusal:
        return RunContender(problem, values=True, backend="reference")

    facts = heat({"one": ("triton-values", "lstm")}, make)[1][2]
    assert (facts["status"], facts["reason"]) == ("refused", "it does inference only")
    facts = heat({"one": ("triton-values", "lstm")}, make, training=False)[-1][2]
    assert facts["status"] == "timed"


def test_drivers_go_by_size() -> None:
    found = [
        driver_of(DeviceProblem(dense("x", 1, 2, 4, size), "peephole-lstm", "bfloat16"))
        for size in (128, 256, 512)
    ]
    assert found == ["on_chip", "tiled", "steps"]


def test_a_reason_is_one_line_and_not_long() -> None:
    assert reason_of(ValueError()) == "ValueError"
    assert reason_of(ValueError("\n first \nsecond")) == "ValueError: first"
    assert len(reason_of(ValueError("x" * 9999))) == 500


FLOW = """
import json, sys
from peephole.studies.bench.cases import dense, ragged
from peephole.studies.bench.gpu.bench import bench_gpu
from peephole.studies.bench.gpu import contenders
from peephole.studies.bench.gpu.cases import race
from peephole.studies.bench.gpu.plan import Settings

if __name__ == "__main__":
    tiny, few = dense("tiny", 2, 1, 3, 4), ragged("few", (2, 1), 3, 4)
    races = [
        race("peephole · H 128 · float32", True, "float32", tiny,
             {"triton": ("triton", "peephole-lstm"), "cudnn lstm": ("cudnn", "lstm"), "loop": ("loop", "peephole-lstm")}),
        race("packed · gru · bfloat16", True, "bfloat16", few, {"triton": ("triton", "gru"), "loop": ("loop", "gru")}),
        race("gates · rnn · float32", False, "float32", tiny,
             {"plain": ("triton-run", "rnn"), "all values": ("triton-values", "rnn")}),
    ]
    json.dump(bench_gpu(races, Settings(device="cpu", seconds=0, rounds=1), command="test"), sys.stdout)
"""


@pytest.mark.slow
def test_a_whole_bench_in_tritons_interpreter(tmp_path: Path) -> None:
    pytest.importorskip("triton")
    program = tmp_path / "flow.py"
    program.write_text(FLOW, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TRITON_INTERPRET": "1"},
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    problems = jsonschema_rs.Draft202012Validator(schema("bench-gpu")).iter_errors(document)
    assert [f"{problem.instance_path}: {problem.message}" for problem in problems] == []
    assert document["complete"]
    assert document["machine"]["gpu"]["clock"] == "perf_counter"
    assert not document["machine"]["gpu"]["tf32"]
    found = [(e["label"], e["status"], e.get("driver")) for one in document["races"] for e in one["entrants"]]
    assert found == [
        ("triton", "timed", "on_chip"),
        ("cudnn lstm", "refused", None),
        ("loop", "timed", None),
        ("triton", "timed", "on_chip"),
        ("loop", "timed", None),
        ("plain", "timed", "on_chip"),
        ("all values", "timed", "on_chip"),
    ]
    errors = document["races"][0]["entrants"][0]["errors"]
    assert errors["bound"] == 1e-5
    assert len(errors["gradients"]) == 6
    assert document["targets"][1]["measured"] == 1
