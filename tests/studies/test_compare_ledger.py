"""The ledger: where the runs of a comparison are kept, and which are taken for one that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peephole.errors import ModelError, OptionError
from peephole.files import write_json
from peephole.studies.compare.ledger import Ledger


def test_the_ledger_takes_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OptionError, match=r"earlier comparison; got .* with thesis.tex"):
        Ledger(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(OptionError, match="must be a folder; got the file"):
        Ledger(tmp_path / "thesis.tex")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / ".DS_Store").write_text("what a system leaves")
    Ledger(tmp_path / "ours")


@pytest.mark.parametrize(
    ("content", "says"), [("{", "must be a JSON file"), ("[1]", "must hold a run with its 'what'")]
)
def test_a_damaged_run_is_named(tmp_path: Path, content: str, says: str) -> None:
    ledger = Ledger(tmp_path)
    ledger.path("lstm-1").write_text(content)
    with pytest.raises(ModelError, match=says):
        ledger.find("lstm-1", {"seed": 1})


def test_what_decides_a_run_is_compared_whole(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.keep("lstm-1", {"seed": 1, "pooling": ("max",)}, {"right": 0.5})
    found = ledger.find("lstm-1", {"seed": 1, "pooling": ("max",)})
    assert found is not None
    assert found["right"] == 0.5
    for what in ({"seed": 1}, {"seed": 1, "pooling": ("max",), "new": 2}, {"seed": 1.5, "pooling": ("max",)}):
        with pytest.raises(OptionError, match="another one"):
            ledger.find("lstm-1", what)


def test_lists_of_numbers_stand_on_a_line(tmp_path: Path) -> None:
    document = {
        "curve": [1, -2.5, None, 1e-7],
        "words": ["a", "[1,\n 2]"],
        "runs": [{"x": []}],
        "no": [[1], [2]],
    }
    write_json("test", tmp_path / "x.json", document)
    text = (tmp_path / "x.json").read_text("utf-8")
    assert json.loads(text) == document
    assert '"curve": [ 1, -2.5, null, 1e-07 ]' in text
