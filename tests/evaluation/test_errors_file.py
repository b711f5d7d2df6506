"""The file of misjudged texts: order, exactness, spreadsheets, and a file that is whole or not there."""

from __future__ import annotations

import csv
import json
import os
import stat
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peephole.errors import OptionError, ShapeError
from peephole.evaluation import Mistake, check_errors_path, find_mistakes, write_errors

HEADER = '"text","label","predicted","probability"\n'
NAMES = ("negative", "positive")
HARD = [
    "plain",
    'quote " and, comma',
    "two\nlines\r\nand a \u0085 next line, \u2028 and \u2029",
    "Grüße, 映画, 🎬",
    "\x00\x1b[31m",
    "",
    "<br />",
]


def mistakes_of(texts):
    return [Mistake(text, "negative", "positive", 0.5 + i / 100) for i, text in enumerate(texts)]


def test_mistakes_are_found_most_confident_first_and_stable():
    probabilities = [[0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.9, 0.1], [0.6, 0.4]]
    found = find_mistakes(["a", "b", "c", "d", "e"], probabilities, [0, 0, 1, 1, 1], NAMES)
    assert found == [
        Mistake("b", "negative", "positive", 0.9),
        Mistake("d", "positive", "negative", 0.9),
        Mistake("a", "negative", "positive", 0.6),
        Mistake("e", "positive", "negative", 0.6),
    ]


def test_texts_must_fit():
    with pytest.raises(
        ShapeError, match=r"texts must be \[N\] = \[2\], one per row of probabilities; got \[1\]"
    ):
        find_mistakes(["a"], [[0.5, 0.5], [0.5, 0.5]], [0, 1], NAMES)


def test_jsonl_is_exact(tmp_path):
    path = tmp_path / "errors.jsonl"
    texts = [*HARD, "=1+1", "\udc80"]
    assert write_errors(path, mistakes_of(texts)) == len(texts)
    content = path.read_text("utf-8")
    # Programs that split at any Unicode line end must still see one object per line.
    lines = content.splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts
    assert list(json.loads(lines[0])) == ["text", "label", "predicted", "probability"]
    assert "映画" in content


def test_csv_is_read_back(tmp_path):
    path = tmp_path / "errors.CSV"
    assert write_errors(path, mistakes_of(HARD)) == len(HARD)
    with path.open(encoding="utf-8", newline="") as file:
        if sys.version_info < (3, 11):
            pytest.skip("csv reads no NUL before Python 3.11")
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == HARD
    assert list(rows[0]) == ["text", "label", "predicted", "probability"]
    assert rows[1]["probability"] == "0.51"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_csv_defuses_formulas_everywhere(tmp_path, start):
    path = tmp_path / "errors.csv"
    bomb = f"{start}HYPERLINK(1)"
    write_errors(path, [Mistake(bomb, bomb, bomb, 0.5)])
    with path.open(encoding="utf-8", newline="") as file:
        _, row = csv.reader(file)
    assert row == [f"'{bomb}"] * 3 + ["0.5"]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
@settings(deadline=None)
def test_csv_changes_nothing_but_dangerous_beginnings(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("errors") / "errors.csv"
    write_errors(path, mistakes_of([text]))
    with path.open(encoding="utf-8", newline="") as file:
        _, row = csv.reader(file)
    assert row[0] in (text, f"'{text}")
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_no_mistakes_at_all(tmp_path):
    assert write_errors(tmp_path / "a.csv", []) == 0
    assert (tmp_path / "a.csv").read_text() == HEADER
    assert write_errors(tmp_path / "a.jsonl", []) == 0
    assert (tmp_path / "a.jsonl").read_text() == ""


def test_unknown_ending(tmp_path):
    with pytest.raises(
        OptionError,
        match=r"a\.jsonll: the file's ending must be \.csv or \.jsonl; got '\.jsonll' \(did you mean '\.jsonl'\?\)",
    ):
        write_errors(tmp_path / "a.jsonll", [])
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "errors.csv"
    path.write_text("old")

    def broken():
        yield Mistake("one", "negative", "positive", 0.5)
        raise RuntimeError("the disk caught fire")

    with pytest.raises(RuntimeError, match="fire"):
        write_errors(path, broken())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_ordinary_rights_and_links_are_kept(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "errors.csv", tmp_path / "errors.csv"
    link.symlink_to(target)
    before = os.umask(0o022)
    try:
        write_errors(link, [])
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_folders_are_refused(tmp_path):
    with pytest.raises(OptionError, match=r"missing/a\.csv: the file's folder must exist; got no folder"):
        write_errors(tmp_path / "missing" / "a.csv", [])
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(OptionError, match=r"b\.csv: must be the path of a file; got a folder"):
        write_errors(tmp_path / "b.csv", [])


def test_a_device_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_errors(pipe, [])
        assert os.read(reader, 100) == HEADER.encode()
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["missing/a.csv", "a.txt", "a", "folder.csv"])
def test_a_path_is_refused_beforehand_in_the_words_of_the_write(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    messages = []
    for action in (check_errors_path, lambda path: write_errors(path, [])):
        with pytest.raises(OptionError) as caught:
            action(name)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].startswith(f"{name}: ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.csv"]


def test_a_good_path_passes_and_nothing_is_written(tmp_path):
    for name in ("a.csv", "b.JSONL"):
        check_errors_path(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
