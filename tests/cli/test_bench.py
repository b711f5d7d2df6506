"""``peephole bench`` as a person runs it, on cases of a few milliseconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peephole.cli.app import app
from peephole.ops.library import library

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)
TINY = "3,2,4,5"


def bench(*arguments: object, status: int = 0, program: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program; fail unless it ends with `status`."""
    start = ["-c", program] if program else ["-m", "peephole"]
    done = subprocess.run(
        [sys.executable, *start, "bench", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_tables_go_to_stdout_progress_to_stderr_and_all_of_it_to_json(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    done = bench(
        TINY,
        "--cells",
        "lstm,peephole-lstm",
        "--rival",
        "torch",
        "--seconds",
        0,
        "--threads",
        1,
        "--json",
        file,
    )
    lines = done.stdout.split("\n")
    assert "1 thread" in lines[0]
    assert lines[2].startswith("multiply-add peak: ")
    assert f"{TINY} · lstm · 3 × 2, 4 → 5 · float32 · 1 thread" in lines
    rows = [line.split() for line in lines if line.endswith(tuple("0123456789")) and " ×  " in line]
    assert [row[0] if row[0] != "fwd" else "fwd + bwd" for row in rows] == [
        "forward", "torch", "fwd + bwd", "torch", "forward", "fwd + bwd",
    ]  # fmt: skip
    assert "  torch: not run: torch.nn has no peephole-lstm" in lines
    assert "\x1b" not in done.stdout
    progress = done.stderr.strip().split("\n")
    assert len(progress) == 4
    assert progress[0].endswith(f"{TINY} · lstm · forward: peephole, torch")
    document = json.loads(file.read_text())
    check_schema(document)
    assert document["complete"]
    assert (
        document["command"]
        == "peephole bench 3,2,4,5 --cells lstm,peephole-lstm --rival torch --seconds 0 --threads 1"
    )
    assert document["settings"] == {"seconds": 0.0, "rounds": 7, "threads": 1}
    assert [(race["title"], race["pass"]) for race in document["races"]] == [
        (f"{TINY} · {cell}", kind) for cell in ("lstm", "peephole-lstm") for kind in ("forward", "training")
    ]
    assert [e["status"] for race in document["races"] for e in race["entrants"]] == ["timed"] * 5 + [
        "refused",
        "timed",
        "refused",
    ]


def check_schema(document: dict[str, Any]) -> None:
    """What docs/reference/benchmarks.md says of the JSON."""
    assert set(document) == {
        "format", "command", "date", "complete", "machine", "versions", "settings", "peak", "cases", "races", "memory"
    }  # fmt: skip
    assert document["format"] == 1
    assert set(document["machine"]) == {"cpu", "cores", "instruction_set", "system"}
    assert {"python", "torch", "numpy", "peephole"} <= set(document["versions"])
    for peak in document["peak"]:
        assert set(peak) == {"dtype", "threads", "multiply_adds_per_second"}
        assert peak["multiply_adds_per_second"] > 0
    for race in document["races"]:
        assert set(race) == {"title", "pass", "per_row", "entrants"}
        for entrant in race["entrants"]:
            facts = {"label", "who", "cell", "case", "dtype", "threads", "multiply_adds", "status"}
            facts |= {
                "timed": {"errors", "seconds", "share_of_peak"},
                "wrong": {"errors"},
                "refused": {"reason", "hint"},
            }[entrant["status"]]
            assert set(entrant) == facts
            if "seconds" in entrant:
                seconds = entrant["seconds"]
                order = ("shortest", "lower_quartile", "median", "upper_quartile")
                assert [seconds[name] for name in order] == sorted(seconds[name] for name in order)
                assert seconds["calls"] >= 7
            if "errors" in entrant:
                assert set(entrant["errors"]) == {"outputs", "gradients", "bound"}
            case = document["cases"][entrant["case"]]
            assert set(case) == {"T", "N", "D", "H", "L", "K", "R", "lengths"}


def test_a_missing_rival_is_named_with_what_installs_it() -> None:
    cores = len(os.sched_getaffinity(0))
    program = (
        "import sys; sys.modules['jax'] = sys.modules['onnxruntime'] = None; sys.argv[0] = 'peephole'\n"
        "from peephole.cli.app import main; main()"
    )
    arguments = (TINY, "--cells", "rnn", "--rival", "jax,onnxruntime", "--seconds", 0, "--threads", cores)
    out = bench(*arguments, program=program).stdout
    for package in ("jax", "onnxruntime"):
        assert f"{package}: not run: " in out
        assert f"the package '{package}', which is not installed (pip install \"peephole[bench]\")" in out


@pytest.mark.slow
def test_a_dtype_that_the_kernel_has_not_is_refused_and_the_others_are_timed(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    bench(
        TINY, "--cells", "own", "--rival", "reference", "--dtype", "float64", "--seconds", 0, "--json", file
    )
    entrants = json.loads(file.read_text())["races"][0]["entrants"]
    assert [(entrant["label"], entrant["status"]) for entrant in entrants] == [
        ("peephole", "timed"),
        ("reference", "timed"),
    ]
    assert all(entrant["errors"]["outputs"] < 1e-14 for entrant in entrants)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["reviw"], "no case is named 'reviw' (did you mean 'review'?)"),
        (["1,2,3"], "T,N,D,H"),
        ([TINY, "--cells", "lstn"], "--cells must be one of"),
        ([TINY, "--rival", "tensorflow"], "--rival must be one of"),
        ([TINY, "--dtype", "int8"], "--dtype must be one of"),
        ([TINY, "--threads", "0"], "--threads"),
        (["--all", "review"], "--all names everything"),
        (["--all", "--cells", "lstm"], "--all names everything"),
        (["threads", "--threads", "1"], "at least two threads"),
        ([TINY, "--json", "no/such/folder/x.json"], "the folder of --json must exist"),
        (["--device", "cud"], "--device must be one of 'cpu', 'cuda'; got 'cud' (did you mean 'cuda'?)"),
        (["--device", "cuda", "review"], "case must be one of 'peephole', 'packed'"),
        (["--device", "cuda", "--cells", "lstm"], "leave --all, --cells, --dtype, --rival and --threads out"),
        (["--device", "cuda", "--all"], "leave --all, --cells, --dtype, --rival and --threads out"),
        (["--limit", "60"], "--limit is for --device cuda"),
    ],
)
def test_a_wrong_word_is_a_usage_error_before_anything_is_timed(arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""


@pytest.mark.parametrize("variable", [None, "1"])
def test_without_a_gpu_it_says_what_is_missing_and_what_to_do(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    if variable is not None:
        monkeypatch.setenv("TRITON_INTERPRET", variable)
    done = CliRunner().invoke(app, ["bench", "--device", "cuda"])
    said = str(done.exception) if done.stderr == "" else done.stderr
    assert done.exit_code == 1
    if variable is None:
        assert "there must be an NVIDIA GPU that torch can use; got none" in said
        assert "hint: run it on a machine with a GPU" in said
    else:
        assert "got TRITON_INTERPRET=1" in said
        assert "hint: unset TRITON_INTERPRET" in said


def test_on_a_gpu_each_race_is_written_and_the_targets_come_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peephole.studies.bench.gpu import bench as gpu_bench
    from peephole.studies.bench.gpu import facts
    from support.gpu_document import gpu_document

    file, written = tmp_path / "gpu.json", []

    def measured(races: Any, settings: Any, *, command: str, listener: Any) -> dict[str, Any]:
        assert (settings.device, settings.limit, settings.seconds) == ("cuda", 77.0, 1.0)
        for done in range(1, len(races) + 1):
            document = gpu_document(races[:done])
            listener.begin(done - 1, len(races), races[done - 1].title)
            listener.finish(document, table_ends=True)
            written.append(len(json.loads(file.read_text())["races"]))
        return document | {"left_out": [{"title": "x", "pass": "forward", "reason": "no time"}]}

    monkeypatch.setattr(facts, "check_gpu", lambda: None)
    monkeypatch.setattr(gpu_bench, "bench_gpu", measured)
    done = CliRunner().invoke(
        app, ["bench", "packed", "--device", "cuda", "--limit", "77", "--json", str(file)]
    )
    assert done.exit_code == 0, done.exception
    assert written == [1, 2, 3, 4, 5, 6]
    assert json.loads(file.read_text())["left_out"]
    lines = done.stdout.split("\n")
    assert lines[0].startswith("2026-01-02 · a GPU, 128 GiB")
    assert sum(line.startswith("packed · ") for line in lines) == 6
    summary = lines[lines.index("targets") :]
    assert sum("not measured" in line for line in summary) == 6
    assert sum(" reached" in line and "not" not in line for line in summary) == 1
    assert summary[-2].strip() == "left out: x · forward: no time"


def test_an_interrupted_run_leaves_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    program = (
        "import sys; sys.argv[0] = 'peephole'\n"
        "from peephole.studies.bench import bench\n"
        "run_race, calls = bench.run_race, []\n"
        "def interrupted(*args, **options):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 2: raise KeyboardInterrupt\n"
        "    return run_race(*args, **options)\n"
        "bench.run_race = interrupted\n"
        "from peephole.cli.app import main; main()"
    )
    arguments = (TINY, "--cells", "rnn", "--rival", "none", "--seconds", 0, "--json", file)
    done = bench(*arguments, program=program, status=130)
    assert "interrupted" in done.stderr
    document = json.loads(file.read_text())
    check_schema(document)
    assert not document["complete"]
    assert len(document["races"]) == 1


def test_without_torch_the_extra_is_named() -> None:
    program = "import sys; sys.modules['torch'] = None; sys.argv[0] = 'peephole'\nfrom peephole.cli.app import main; main()"
    done = bench(TINY, program=program, status=1)
    assert "peephole bench needs the package 'torch'" in done.stderr
    assert "peephole[train]" in done.stderr
