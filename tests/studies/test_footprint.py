"""benchmarks/footprint.py: what is counted and timed, which answers are none, and the table made of a result."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = ("footprint", "footprint_contenders", "footprint_tables")


@pytest.fixture(scope="module")
def parts() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
        for name in NAMES:
            sys.modules.pop(name)


def entry(name: str, installed: int, **changes: Any) -> dict[str, Any]:
    seconds = {"start": 0.02, "import": 0.5, "answer": 0.75}
    return {
        "name": name,
        "knows": "something",
        "remark": "",
        "versions": {name: "1.0"},
        "packages": 3,
        "download_bytes": 1_500_000,
        "installed_bytes": installed,
        "model_bytes": 0,
        "seconds": {key: {"median": value, "best": value / 2} for key, value in seconds.items()},
        **changes,
    }


def document(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "contenders": list(entries),
        "left_out": [{"name": "Gone", "reason": "Encountered NaN."}],
        "machine": {"cpu": "A processor", "cores": 2},
        "load_average": [3.14, 3, 3],
        "versions": {"python": "3.11.7"},
        "rounds": 9,
        "date": "2026-11-29",
        "command": "python benchmarks/footprint.py",
    }


def test_the_smallest_stands_first_with_its_model(parts: Any):
    found = parts.footprint_tables.table(
        document(
            entry("large", 30_000_000), entry("small", 4_000_000), entry("middle", 1, model_bytes=9_000_000)
        )
    )
    assert [row[0] for row in found.rows] == ["small", "middle", "large"]
    assert found.rows[0] == ("small", "something", "3", "1.5", "4.0", "inside", "0.50", "0.75", "0.38")
    assert found.rows[1][5] == "9.0"


def test_an_import_that_took_less_than_nothing_took_none(parts: Any):
    quick = entry("quick", 1)
    quick["seconds"]["import"]["median"] = -0.004
    assert parts.footprint_tables.table(document(quick)).rows[0][6] == "0.00"


def test_the_block_names_versions_what_is_left_out_the_machine_and_the_command(parts: Any):
    text = parts.footprint_tables.block(document(entry("one", 1, remark="small")))
    assert "- one: one 1.0; small\n- Neither size nor time" in text
    assert "gave no label here: Gone: Encountered NaN.\n" in text
    assert "Medians of 9 turns" in text
    assert "A processor, 2 cores" in text
    assert "load average 3.1" in text
    assert text.endswith("2026-11-29: `python benchmarks/footprint.py`")


def test_a_page_without_results_has_an_empty_table(parts: Any, tmp_path: Path):
    page = "before\n<!-- footprint -->\nold\n<!-- /footprint -->\nafter\n"
    empty = "before\n<!-- footprint -->\n<!-- /footprint -->\nafter\n"
    assert parts.footprint_tables.fill(page, tmp_path / "none.json") == empty


def installed(parts: Any, *, right: bool) -> Any:
    """An environment that nothing was installed into: this one."""
    contender = parts.footprint_contenders.Contender("it", (), "", "", "", right=right)
    found = object.__new__(parts.footprint.Installed)
    found.contender, found.python, found.folder = contender, Path(sys.executable), FOLDER
    return found


@pytest.mark.parametrize(
    ("printed", "right", "label"),
    [
        ("positive\t0.95\n", True, "positive"),
        ("words before\nnegative\n", False, "negative"),
        ("negative\n", True, None),
        ("", False, None),
        ("neutral\n", False, None),
        ("positive\nand more\n", True, None),
    ],
)
def test_a_label_is_one_of_two_and_right_where_that_is_known(
    parts: Any, printed: str, right: bool, label: str | None
):
    one = installed(parts, right=right)
    if label is None:
        with pytest.raises(SystemExit, match=r"must get a right label"):
            one.label(printed)
    else:
        assert one.label(printed) == label


def test_a_process_gets_the_sentence_and_its_failure_is_named(parts: Any):
    one = installed(parts, right=True)
    seconds, printed = one.seconds("import sys; print(sys.argv[1])", "a sentence")
    assert printed == "a sentence\n"
    assert seconds > 0
    with pytest.raises(SystemExit, match=r"(?s)it: .*ZeroDivisionError"):
        one.run("1 / 0")


def test_every_program_of_a_contender_is_python(parts: Any):
    contenders = parts.footprint_contenders.CONTENDERS
    assert contenders[0] is parts.footprint_contenders.PEEPHOLE
    assert len({one.name for one in contenders}) == len(contenders) >= 10
    for one in contenders:
        for program in (one.imports, one.predict, one.prepare):
            compile(program, one.name, "exec")


def test_our_own_program_answers(parts: Any):
    ours = parts.footprint_contenders.PEEPHOLE
    command = [sys.executable, "-c", ours.predict, parts.footprint_contenders.SENTENCE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("positive")
