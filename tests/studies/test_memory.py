"""What a training step holds: counted by hand, and measured in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from peephole.studies.bench import memory
from peephole.studies.bench.cases import dense, ragged
from peephole.studies.bench.contender import Refusal
from peephole.studies.bench.memory import RESOLUTION, held_bytes, measure_memory

LINUX = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")


def test_held_bytes_of_one_layer_by_hand() -> None:
    rows, inputs, hidden = 10 * 3, 5, 7
    weights = 4 * hidden * (inputs + hidden + 2)
    found = held_bytes(dense("x", 10, 3, inputs, hidden), "lstm")
    assert found == {
        "inputs": 4 * (rows * inputs + weights + rows * hidden),
        "outputs": 4 * (rows * hidden + rows * inputs + weights),
        "saved": 4 * rows * hidden * 5,  # c, i, f, g, o
    }
    assert held_bytes(dense("x", 10, 3, inputs, hidden), "rnn")["saved"] == 0  # h is the output
    peepholes = held_bytes(dense("x", 10, 3, inputs, hidden), "peephole-lstm")
    assert peepholes["inputs"] - found["inputs"] == 4 * 3 * hidden
    assert held_bytes(dense("x", 10, 3, inputs, hidden), "lstm", itemsize=8)["saved"] == 2 * found["saved"]


def test_held_bytes_of_a_deep_network_by_hand() -> None:
    case, hidden = ragged("x", [6, 2], 5, 7, layers=2, directions=2), 7
    weights = 2 * 3 * hidden * (5 + hidden + 2) + 2 * 3 * hidden * (14 + hidden + 2)
    found = held_bytes(case, "gru")
    assert found["outputs"] == 4 * (8 * 14 + 8 * 5 + weights)
    # r, z, n and the recurrent half of the candidate, in four runs, and the rows between the layers.
    assert found["saved"] == 4 * 8 * (4 * 4 * hidden + 14)


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("who", ["peephole", "torch", "reference"])
def test_a_step_holds_what_it_must_and_not_ten_times_as_much(who: str) -> None:
    case = dense("x", 100, 32, 128, 128)
    found = measure_memory(who, case, "lstm", 1)
    assert isinstance(found, dict), found
    held = found["inputs"] + found["outputs"] + found["saved"]
    assert held - RESOLUTION < found["peak"] < 10 * held


@LINUX
def test_scratch_memory_that_is_kept_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    smaps = tmp_path / "smaps"
    mapping = "7f00-7f20 rw-p 00000000 00:00 0\nSize: 4096 kB\nRss: {} kB\nVmFlags: rd wr mr {}\n"
    smaps.write_text(mapping.format(2048, "hg ac") + mapping.format(512, "ac") + mapping.format(100, "hg"))
    monkeypatch.setattr(memory, "_MAPPINGS", smaps)
    assert memory._kept() == 1024 * (2048 + 100)


@pytest.mark.slow
@LINUX
def test_who_cannot_take_part_says_why() -> None:
    assert measure_memory("torch", dense("x", 3, 2, 4, 5), "own", 1) == Refusal("torch.nn has no own")


@LINUX
def test_a_process_that_fails_is_no_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    found = measure_memory("torch", dense("x", 3, 2, 4, 5), "lstm", 1)
    assert found == Refusal("the process ended with status 3: broken")


def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "absent")
    found = measure_memory("torch", dense("x", 3, 2, 4, 5), "lstm", 1)
    assert isinstance(found, Refusal)
    assert "only Linux" in found.reason
