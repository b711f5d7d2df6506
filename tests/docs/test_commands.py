"""Every command of the program on a page runs, with small files of the page's names; those that do not are listed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from peephole.cli.app import app
from support.pages import PAGES, ROOT, commands, from_docstrings, name

_LIST = (Path(__file__).parent / "not_run.txt").read_text(encoding="utf-8").partition("\n\n")[2]
NOT_RUN = {line for line in _LIST.split("\n") if line and not line.startswith("#")}
# Pages with at most three commands that take less than a second each; the others train, judge or explain.
QUICK = {"index", "how-to/use-a-model", "how-to/search-the-recipe"}
_COMMENT = re.compile(r"\s+#.*$")


def calls(page: Path) -> list[str]:
    """The lines of a page that call the program, without what stands before `&&` and behind `#`."""
    lines = [_COMMENT.sub("", line).rpartition(" && ")[2] for line in commands(page)]
    return [line for line in lines if re.search(r"(^|\| |=\S+ |-m )peephole ", line)]


def arguments(line: str) -> list[str]:
    """What the program is called with: the words behind its name, up to the next pipe or file."""
    words = shlex.split(line)
    words = words[words.index("peephole") + 1 :]
    ends = [k for k, word in enumerate(words) if word in (">", "|", "<")]
    return words[: ends[0]] if ends else words


ALL = sorted({line for page in PAGES for line in calls(page)})


@pytest.mark.parametrize("line", ALL)
def test_every_command_can_be_parsed(line: str) -> None:
    command, *rest = arguments(line)
    program = typer.main.get_command(app)
    program.commands[command].make_context(command, rest)  # parses, and runs nothing


def with_commands() -> list[object]:
    found: list[object] = []
    for page in PAGES:
        if set(calls(page)) - NOT_RUN and not from_docstrings(page):
            marks = [] if name(page) in QUICK else [pytest.mark.slow]
            found.append(pytest.param(page, id=name(page), marks=marks))
    return found


@pytest.mark.parametrize("page", with_commands())
def test_the_commands_of_a_page_run(page: Path, given_files: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for line in calls(page):
        if line in NOT_RUN:
            continue
        given = arguments(line)
        if given[0] in ("train", "pretrain") and "--epochs" not in given:
            line += " --epochs 1"  # as written, a small table gets thirty
        if "--output" in given:  # a reader would have no such folder yet, or another one
            shutil.rmtree(given_files / given[given.index("--output") + 1], ignore_errors=True)
        shell = ["bash", "-euo", "pipefail", "-c", line]
        done = subprocess.run(
            shell, cwd=given_files, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_what_is_not_run_stands_on_a_page_and_has_a_reason() -> None:
    assert set(ALL) >= NOT_RUN
    for part in _LIST.strip().split("\n\n"):
        assert part.startswith("# ")
        assert ": " in part.split("\n")[0]


def test_scripts_that_pages_call_are_there_and_know_their_options() -> None:
    """Benchmarks and the tools of the repository take too long to run here."""
    seen = 0
    for page in PAGES:
        for line in commands(page):
            for word in re.findall(
                r"(?:^|\s)((?:scripts|benchmarks|examples|tests)/[\w./-]+)", _COMMENT.sub("", line)
            ):
                if word.startswith("benchmarks/results/"):
                    continue
                script = ROOT / word
                assert script.exists(), f"{page}: {line}"
                seen += 1
                source = "".join(part.read_text("utf-8") for part in related(script))
                for option in re.findall(r"(?<=\s)--[a-z-]+", line):
                    assert option in source, f"{page}: {line}: {option}"
    assert seen > 20


def related(script: Path) -> list[Path]:
    """A script, and the modules beside it that it imports."""
    if script.is_dir():
        return []
    names = re.findall(r"^from (\w+) import|^import (\w+)", script.read_text("utf-8"), flags=re.M)
    beside = [script.parent / f"{first or second}.py" for first, second in names]
    return [script, *(path for path in beside if path.exists())]
