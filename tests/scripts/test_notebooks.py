"""The notebooks in ``examples`` show what they give, and the check of that finds what differs."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "notebooks"
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


def loaded():
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("notebooks_script", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


script = loaded()


def notebook(*outputs, tags=()):
    """A notebook of one cell with these outputs: text for a stream, a dict for a display."""
    cell = nbformat.v4.new_code_cell("show()\nagain()")
    cell.metadata["tags"] = list(tags)
    for output in outputs:
        if isinstance(output, str):
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=output))
        else:
            cell.outputs.append(nbformat.v4.new_output("display_data", data=output))
    return nbformat.v4.new_notebook(cells=[cell])


def found(before, after, tags=()):
    return list(script.differences(notebook(*before, tags=tags), notebook(*after)))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_gives(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check", path.stem], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_of_a_notebook_is_small_whole_and_says_nothing_of_the_machine(path: Path) -> None:
    kept = nbformat.read(path, as_version=4)
    nbformat.validate(kept)
    assert list(script.problems(kept, path.stat().st_size)) == []
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(len(cell.outputs) for cell in code) > 5
    assert kept.cells[0].source.startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    text = "\n".join(
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"
    )
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert targets
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("accuracy 0.912 of 1,000", "accuracy 0.914 of 1,010"),
        ("10 %", "10 %"),
        ("loss 1.5e-06", "loss 1.6e-06"),
        ("opacity:.43", "opacity:.45"),
    ],
)
def test_numbers_may_differ_a_little(before: str, after: str) -> None:
    assert found([before], [after]) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("accuracy 0.912", "accuracy 0.842"),
        ("3 gates", "5 gates"),
        ("100 steps", "110 steps"),
        ("label positive", "label negative"),
        ("one", "one two"),
        ("1 2", "1 2 3"),
        ("-0.50", "0.50"),
    ],
)
def test_a_difference_is_found_and_its_cell_is_named(before: str, after: str) -> None:
    (line,) = found([before], [after])
    assert line.startswith("cell 1 (show()): stdout differs: ")


def test_pictures_are_compared_by_kind() -> None:
    assert found([{"image/png": "AAAA"}], [{"image/png": "BBBB"}]) == []
    old, new = (f'<img src="data:image/png;base64,{data}">' for data in ("AAAA", "BBBBBBBB"))
    assert found([{"text/html": old}], [{"text/html": new}]) == []
    assert found([{"text/html": old}], [{"text/html": new.replace("<img", "<b>x</b><img")}]) != []
    assert found([{"image/png": "AAAA"}], [{"text/html": "AAAA"}]) != []
    assert found([{"image/png": "AAAA"}], []) == ["cell 1 (show()): has 1 outputs; the run gave 0"]


def test_where_a_cell_varies_numbers_and_drawings_may_be_others_and_words_may_not() -> None:
    assert found(["pass 1  50.0%"], ["pass 1 100.0%"], ["varies"]) == []
    assert found(["score +0.50"], ["score -0.10"], ["varies"]) == []
    assert found([{"text/html": "<b>a</b>"}], [{"text/html": "<i>b</i>"}], ["varies"]) == []
    assert found(["pass 1"], ["epoch 1"], ["varies"]) != []


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("<object at 0x7f9e321f8250>", "an address in memory"),
        ("wrote /tmp/abc/model", "a path of this machine"),
    ],
)
def test_what_tells_of_the_machine_is_a_problem(output: str, what: str) -> None:
    (line,) = script.problems(notebook(output), 10)
    assert what in line
    assert list(script.problems(notebook("fine"), 400_000)) == [
        "it takes 400,000 bytes; it may take 300,000: show less"
    ]


@pytest.mark.slow
def test_a_cell_that_fails_is_named(tmp_path, monkeypatch, capsys) -> None:
    made = notebook()
    made.cells[0].source = "1 / 0"
    nbformat.write(made, tmp_path / "broken.ipynb")
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    assert script.main(["--check"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
