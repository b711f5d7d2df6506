"""The help: its examples, its layout in a narrow terminal, and how the settings are grouped."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import os
import re
import subprocess
import sys

import pytest

from peephole.cli.app import COMMANDS
from peephole.cli.examples import Example, examples_text, split_help
from peephole.cli.recipe_options import PANELS
from peephole.training import LanguageRecipe, Recipe
from support.commands import parse_command


@functools.cache
def shown_help(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "peephole", *arguments, "--help"],
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def of(name: str) -> tuple[str, list[Example]]:
    return split_help(getattr(importlib.import_module(f"peephole.cli.{name}"), name).__doc__)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_can_be_parsed(name: str) -> None:
    said, examples = of(name)
    assert examples
    assert "peephole" + " " + name not in said.replace("`", "")  # examples stand under their heading
    for example in examples:
        assert example.meaning[0].isupper()
        assert not example.meaning.endswith(".")
    commands = [parse_command(command) for example in examples for command in example.commands()]
    assert name in commands


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_shows_the_examples_as_they_are_typed(name: str) -> None:
    shown = shown_help(name)
    assert examples_text(of(name)[1]).strip() in shown
    assert "\x1b" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_the_help_of_the_program_shows_where_to_begin() -> None:
    shown = shown_help()
    for name in COMMANDS:
        assert re.search(rf"^│ {name} ", shown, flags=re.MULTILINE)
    begins = shown.partition(" Examples\n")[2]
    lines = [line.strip() for line in begins.splitlines() if line.strip().startswith("peephole")]
    assert [parse_command(line) for line in lines if "--help" not in line and "--install" not in line] == [
        "predict", "explain", "train", "evaluate",
    ]  # fmt: skip


def test_an_example_may_have_several_lines_and_several_commands() -> None:
    assert Example("It", "peephole a \\\n    --b\npeephole c").commands() == ["peephole a --b", "peephole c"]
    assert split_help(
        "Do.\n\nExamples:\n    # It\n    peephole a \\\n        --b\n\n    # That\n    peephole c\n"
    ) == (
        "Do.",
        [Example("It", "peephole a \\\n    --b"), Example("That", "peephole c")],
    )
    assert split_help("Do.\n\nMore.") == ("Do.\n\nMore.", [])


@pytest.mark.parametrize("kind", [Recipe, LanguageRecipe])
def test_the_groups_of_settings_are_those_of_the_recipe(kind: type) -> None:
    groups = dict(re.findall(r"^    # ([A-Z].*)\n    (\w+):", inspect.getsource(kind), flags=re.MULTILINE))
    assert {first: title for title, first in groups.items()} == {
        field.name: PANELS[field.name] for field in dataclasses.fields(kind) if field.name in PANELS
    }


@pytest.mark.parametrize(("name", "words"), [("compare", "--task order"), ("tune", "reviews.csv")])
def test_what_is_offered_to_several_processes_are_options_of_the_command(name: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "peephole", name, *words.split()],
        env={**os.environ, "WORLD_SIZE": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    offered = re.findall(r"--[a-z-]+", done.stderr.partition("\nhint: ")[2])
    assert offered
    assert all(f"{option} " in shown_help(name) for option in offered), offered
