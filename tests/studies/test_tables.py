"""What is printed and what is put into documents, word for word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from peephole.errors import DataError
from peephole.studies.bench.pages import fill
from peephole.studies.bench.table import Table
from peephole.studies.bench.tables import heading, last_table, memory_table
from support.bench_document import document, entrant, step_document, whole_document

ROOT = Path(__file__).resolve().parents[2]


def race(kind: str, *entrants: dict, per_row: bool = False, title: str = "tiny · lstm") -> dict:
    return {"title": title, "pass": kind, "per_row": per_row, "entrants": list(entrants)}


def test_a_table_of_a_race() -> None:
    refused = {"status": "refused", "reason": "it is not installed", "hint": 'pip install "x"'}
    only_forward = {"status": "refused", "reason": "it does inference only", "hint": None}
    wrong = {"status": "wrong", "errors": {"outputs": 1e-7, "gradients": 0.02, "bound": 1e-5}}
    races = [
        race(
            "forward",
            entrant("peephole", 0.002),
            entrant("torch", 0.003),
            entrant("onnx", 0.001),
            entrant("jax", **refused),
        ),
        race(
            "training",
            entrant("peephole", 0.01),
            entrant("torch", **wrong),
            entrant("onnx", **only_forward),
            entrant("jax", **refused),
        ),
    ]
    assert last_table(document(races)).plain().split("\n") == [
        "tiny · lstm · 10 × 2, 4 → 5 · float32 · 2 threads",
        "  pass                 time, ms   quartiles       ×  GFLOP/s  peak  error",
        "  forward    peephole      2.00   1.80–2.20  1.00 ×    1,000  50 %  3e-06",
        "             torch         3.00   2.70–3.30  1.50 ×      667  50 %  3e-06",
        "             onnx          1.00  0.900–1.10  0.50 ×    2,000  50 %  3e-06",
        "  fwd + bwd  peephole      10.0   9.00–11.0  1.00 ×      200  50 %  3e-06",
        '  jax: not run: it is not installed (pip install "x")',
        "  torch, fwd + bwd: no time, since its results are wrong: error 2e-02, allowed 1e-05",
        "  onnx, fwd + bwd: not run: it does inference only",
    ]


def test_rows_are_compared_where_cases_differ() -> None:
    short, long = entrant("10 steps", 0.001, case="tiny"), entrant("200 steps", 0.32, case="review")
    found = last_table(document([race("forward", short, long, per_row=True, title="long · lstm")]))
    assert found.title == "long · lstm · float32 · 2 threads"
    assert found.columns[2] == "one row, ns"
    # 1 ms for 20 rows, 320 ms for 6,400 rows
    assert [row[2:5] for row in found.rows] == [
        ("50,000", "45,000–55,000", "1.00 ×"),
        ("50,000", "45,000–55,000", "1.00 ×"),
    ]


def test_a_ratio_needs_two_times() -> None:
    wrong = entrant("peephole", status="wrong", errors={"outputs": 1.0, "gradients": None, "bound": 1e-5})
    found = last_table(document([race("forward", wrong, entrant("torch", 0.003))]))
    assert [row[1:5] for row in found.rows] == [("torch", "3.00", "2.70–3.30", "")]
    assert "error 1e+00, allowed 1e-05" in found.notes[0]


def test_only_the_newest_title_is_shown() -> None:
    races = [race("forward", entrant("peephole", 0.001), title=title) for title in ("a · lstm", "b · lstm")]
    assert last_table(document(races)).title.startswith("b · lstm")


def test_the_heading_names_machine_versions_and_peak() -> None:
    assert heading(document([])).split("\n")[:3] == [
        "2026-01-02 · a processor, 2 cores, Linux x86_64 · kernels for avx2 · 2 threads",
        "python 3.11, torch 2.13",
        "multiply-add peak: 200 GFLOP/s in float32 on 2 threads",
    ]


def test_a_table_of_memory() -> None:
    held = {"inputs": 10**6, "outputs": 10**6, "saved": 2 * 10**6}
    facts = {"case": "tiny", "cell": "lstm", "threads": 2, "status": "measured"}
    memory = [
        facts | {"who": "peephole", "bytes": held | {"peak": 5 * 10**6}},
        facts | {"who": "torch", "bytes": held | {"peak": 8 * 10**6}},
        {"case": "tiny", "cell": "own", "threads": 2, "who": "torch", "status": "refused", "reason": "none"},
    ]
    found = memory_table(document([], memory))
    assert found.rows == (("tiny", "lstm", "4.00", "5.00", "1.25 ×", "8.00", "1.60 ×"),)
    assert found.notes == ("tiny · own, torch: not measured: none",)
    assert last_table(document([], memory)) == found


def test_a_table_fits_its_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    table = Table("a title", ("<who", "a long heading"), (("somebody", "1"),), ("a note",))
    for width in (80, 20):
        table.show(Console(width=width))
        lines = capsys.readouterr().out.split("\n")
        assert any("─" in line for line in lines) == (width == 80)
        assert any("somebody" in line and "1" in line for line in lines)
        assert any("a note" in line for line in lines)


BLOCKS = (
    "machine", "speed", "peak", "rivals", "cells", "gates", "dtypes", "threads", "long", "lengths", "memory", "training-step",
)  # fmt: skip


def block(name: str) -> list[str]:
    page = fill(f"<!-- bench:{name} -->\n<!-- /bench -->\n", whole_document(), step_document(), where="page")
    return page.split("\n")[1:-2]


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "machine"])
def test_every_block_is_a_table_without_gaps(name: str) -> None:
    lines = [line for line in block(name) if line.startswith("|")]
    assert len(lines) > 3
    assert len({line.count("|") for line in lines}) == 1
    assert not any("inf" in line or "nan" in line for line in lines)
    if name not in ("rivals", "dtypes", "training-step"):  # there, not everybody can do everything
        assert not any("–" in line for line in lines)


def test_blocks_hold_the_right_numbers() -> None:
    speed = block("speed")
    assert speed[0].startswith(
        "| times faster than torch.nn | LSTM forward | GRU forward | RNN forward | LSTM fwd + bwd"
    )
    assert speed[2] == "| single: 100 × 1, 128 → 128 | " + " | ".join(["2.00 ×"] * 6) + " |"
    assert len(speed) == 2 + 7
    assert "packed: 32 lengths of 58 to 602, 7,680 steps, 128 → 128" in speed[7]
    assert block("peak")[2].startswith("| single | 1.00 ms, 50 % |")
    cells = block("cells")
    assert cells[3].startswith("| GRU | 2.00 × |")
    assert cells[-1].startswith("| GRU, reset before ÷ after | 1.50 × |")  # 3 ms and 2 ms
    assert "| review | LSTM | fwd + bwd | – | 4.00 × | 3.00 × | – |" in block("rivals")
    dtypes = block("dtypes")
    # On review: float32 1 ms, bfloat16 2, float64 3, torch's 4, 5 and 6.
    assert dtypes[2] == "| review | LSTM | forward | 0.50 × | 2.50 × | 0.0 % | 2.00 × |"
    assert block("threads")[2] == "| review-256 | LSTM | 2.00 × | 2.00 × |"
    assert block("long")[2].startswith("| 100 steps | 1,250 ns |")  # 1 ms for 800 rows
    assert block("memory")[2] == "| single | lstm | 4.00 | 5.00 | 1.25 × | 5.00 | 1.00 × |"
    assert block("gates")[2] == "| LSTM | 2.00 × |"
    step = block("training-step")
    assert step[3] == "| torch.nn.LSTM, packed sequences | 1,200 ms | 12.0 × |"
    assert step[4] == "| torch.nn.LSTM, padding | – | – |"
    assert "`python benchmarks/training_step.py reviews.csv`" in step[-1]
    assert block("machine")[-1] == "- `peephole bench tiny`"


def test_without_results_there_is_no_table() -> None:
    page = "text\n<!-- bench:speed -->\nold\n<!-- /bench -->\nmore\n<!-- bench:gates -->\n<!-- /bench -->\n"
    assert fill(page, None, None, where="page") == page.replace("old\n", "")


def test_an_unknown_mark_is_an_error() -> None:
    with pytest.raises(DataError, match=r"page: a mark must name one of machine, .*; got 'spead'"):
        fill("<!-- bench:spead -->\n<!-- /bench -->", None, None, where="page")


def test_the_tables_of_the_documents_are_up_to_date() -> None:
    script = ROOT / "scripts" / "benchmark-tables"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
