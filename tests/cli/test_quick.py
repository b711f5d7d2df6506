"""Plain calls of ``predict`` mean the same with and without the command-line library."""

from __future__ import annotations

import inspect

import pytest
import typer

from peephole.cli.answers import answer
from peephole.cli.app import app
from peephole.cli.quick import quick_arguments

PLAIN = [
    [],
    ["-"],
    ["a text"],
    ["", " ", "one", "two"],
    ["text", "--model", "folder"],
    ["-m", "folder", "text"],
    ["--model", "one", "text", "-m", "two"],
    ["--model", ""],
    ["--text", "file.csv", "--jsonl"],
    ["--json", "a", "-", "b"],
    ["--json", "--jsonl", "x"],
]


@pytest.mark.parametrize("line", PLAIN, ids=" ".join)
def test_both_read_a_plain_line_to_the_same_end(line: list[str]) -> None:
    found = quick_arguments(["predict", *line])
    assert found is not None
    command = typer.main.get_command(app).commands["predict"]
    expected = command.make_context("predict", list(line)).params
    assert (expected["texts"] or []) == found.pop("texts")
    usual = {name: option.default for name, option in inspect.signature(answer).parameters.items()}
    for name, value in expected.items():
        if name in usual and name not in ("texts", "where"):
            assert found.get(name, usual[name]) == value, name
        elif name not in usual:
            assert not value, name  # of --output, which a plain line has not
    assert found.keys() <= expected.keys()


@pytest.mark.parametrize(
    "line",
    [
        [], ["--help"], ["--version"], ["info"], ["--debug", "predict", "x"], ["predict", "--help"], ["predict", "--modle", "x"],
        ["predict", "x", "--model"], ["predict", "--model", "--text", "x"], ["predict", "--model=x", "y"],
        ["predict", "-mx", "y"],
        ["predict", "--top-k", "2", "x"], ["predict", "--neutral", "0.1", "x"], ["predict", "--", "x"], ["predict", "-x"],
        ["predict", "--where", "a=b", "x"], ["predicts", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_everything_else_goes_to_the_library(line: list[str]) -> None:
    assert quick_arguments(line) is None
