"""Every script in ``examples`` runs, says what it should, and runs without a C++ compiler too."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys

import pytest

from peephole.ops.library import library
from support.examples import FOLDER


def output_of(name: str, *arguments: str, **environment: str) -> tuple[str, str]:
    """What a script prints to stdout and stderr; it must end well."""
    done = subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_every_script_has_a_test_here() -> None:
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == {
        "different_lengths", "forecaster", "gates_of_a_sentence", "greff_variants", "hold_a_gate", "minimal_gated_unit",
        "sentiment_tutorial", "without_torch", "word_language_model",
    }  # fmt: skip


def test_different_lengths() -> None:
    out, _ = output_of("different_lengths")
    assert "outputs finite: True" in out
    assert "keeps its initial state, zeros: True" in out
    assert "same bits as the padded batch: True" in out
    assert float(out.split()[-1]) < 1e-6  # from torch.nn.LSTM


def test_hold_a_gate() -> None:
    out, _ = output_of("hold_a_gate")
    found = re.findall(r"^ +(0\.\d+) +0 +(\d+) steps +(\d+\.\d)$", out, flags=re.M)
    assert [f for f, _, _ in found] == ["0.5", "0.9", "0.99"]
    for f, steps, theory in found:
        exact = math.log(2) / -math.log(float(f))
        assert int(steps) == math.ceil(exact - 1e-9)
        assert float(theory) == pytest.approx(exact, abs=0.05)
    assert out.endswith("all bits as at first after 1,000 steps: True\n")


def test_without_torch() -> None:
    out, _ = output_of("without_torch")
    backend = "reference" if library().handle is None else "compiled"
    assert out.endswith(f"backend: {backend}; PyTorch imported: False\n")
    assert (
        len(re.findall(r"means of the three final states: -?0\.\d{4}, 0\.0000, -?0\.\d{4}$", out, flags=re.M))
        == 2
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["forecaster", "sentiment_tutorial", "word_language_model"])
def test_programs_of_torch_with_our_layers(name: str) -> None:
    out, _ = output_of(name)
    first, last = zip(
        *re.findall(r"of the first step (\d\.\d{6}), of the last (\d\.\d{6})", out), strict=True
    )
    assert len(first) == 2  # with torch.nn, and with ours
    assert float(last[0]) < float(first[0])
    assert float(out.split()[-1]) < 1e-4, out  # float32, over 20 to 40 steps
    assert ("now peephole.nn.LSTM(" in out) == (name == "sentiment_tutorial")


@pytest.mark.slow
def test_gates_of_a_sentence() -> None:
    out, _ = output_of("gates_of_a_sentence", "Nobody called the film dull.", "The food was dull.")
    rows = re.findall(r"^(\S+) +(\d+)% +(\d+)% +(\d+)%$", out, flags=re.M)
    assert [row[0] for row in rows] == [
        "nobody",
        "called",
        "the",
        "film",
        "dull",
        ".",
        "the",
        "food",
        "was",
        "dull",
        ".",
    ]
    assert all(0 < int(number) <= 100 for row in rows for number in row[1:3])
    # It learned what it was trained on: a negated "dull" is positive, a plain one is not.
    assert int(rows[5][3]) > 50 > int(rows[-1][3])


def table(out: str, heading: str) -> dict[str, tuple[int, float]]:
    lines = out.split(heading)[1].split("\n\n")[0].strip().splitlines()
    return {
        name: (int(parameters), float(last.rstrip("%"))) for name, parameters, last in map(str.split, lines)
    }


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["there", "missing"])
def test_greff_variants(compiler: str) -> None:
    out, err = output_of("greff_variants", **({} if compiler == "there" else {"CXX": "no-such-compiler"}))
    found = table(out, "cell            parameters   error\n")
    assert list(found) == ["PeepholeLSTM", "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR"]
    h, d = 16, 2
    gate = h * (d + h + 2)  # two biases, as in torch
    peepholes = {
        "PeepholeLSTM": 3,
        "NIG": 2,
        "NFG": 2,
        "NOG": 2,
        "NIAF": 3,
        "NOAF": 3,
        "CIFG": 2,
        "NP": 0,
        "FGR": 3,
    }
    for name, (parameters, error) in found.items():
        gates = 3 if name in ("NIG", "NFG", "NOG", "CIFG") else 4
        assert parameters == gates * gate + peepholes[name] * h + (9 * h * h if name == "FGR" else 0)
        assert error < 0.167 / 2, f"{name} learned nothing"
    if library().handle is not None:
        warned = re.findall(r"NotCompiledWarning: (\w+)\(\) runs step by step", err)
        built_in = ("PeepholeLSTM", "NP")  # by its equations: NP is the LSTM that ships
        assert warned == ([] if compiler == "there" else [name for name in found if name not in built_in])


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["there", "missing"])
def test_minimal_gated_unit(compiler: str) -> None:
    out, err = output_of("minimal_gated_unit", **({} if compiler == "there" else {"CXX": "no-such-compiler"}))
    found = table(out, "cell  parameters  accuracy\n")
    assert list(found) == ["GRU", "MGU", "MGU1", "MGU2", "MGU3"]
    d, h = 8, 24
    gate = h * (d + h + 2)
    assert [parameters for parameters, _ in found.values()] == [
        3 * gate, 2 * gate, gate + h * h + h, gate + h * h, gate + h,
    ]  # fmt: skip
    assert found["GRU"][1] > 50
    assert found["MGU"][1] > 50
    if library().handle is not None:
        assert err.count("runs step by step") == (0 if compiler == "there" else 4)
