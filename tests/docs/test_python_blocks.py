"""Every block of Python on every page runs: those of a page in order, in one namespace."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest

from support.pages import PAGES, Block, blocks, from_docstrings, name

LANGUAGES = ("python", "pycon")
# What the words around a block say, where the block itself does not.
GIVEN = {"README": "import torch\nx, lengths = torch.zeros(7, 2, 128), [7, 3]"}
SLOW = {
    "README",
    "how-to/train-on-your-data",
    "how-to/compare-cells",
    "how-to/export",
    "how-to/explain-a-prediction",
    "how-to/use-with-hugging-face",
    "how-to/use-with-scikit-learn",
    "how-to/compile-and-export",
}


def with_python() -> list[object]:
    found: list[object] = []
    for page in PAGES:
        if not from_docstrings(page) and any(block.language in LANGUAGES for block in blocks(page)):
            slow = name(page) in SLOW
            found.append(pytest.param(page, id=name(page), marks=[pytest.mark.slow] if slow else []))
    return found


@pytest.mark.parametrize("page", with_python())
@pytest.mark.usefixtures("given_files")
def test_the_python_of_a_page_runs(page: Path) -> None:
    namespace: dict[str, object] = {"__name__": "page"}
    exec(GIVEN.get(name(page), ""), namespace)
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, str(page), "exec"), namespace)
        elif block.language == "pycon":
            assert failures(block, page, namespace) == 0


def failures(block: Block, page: Path, namespace: dict[str, object]) -> int:
    """How many examples of a dialogue print something else; what they print is printed.

    An empty line in what is printed stands as it is on a page, where a docstring would have to say <BLANKLINE>.
    """
    text = re.sub(r"\n(?=\n(?!>>>|\n|$))", "\n<BLANKLINE>", block.text)
    test = doctest.DocTestParser().get_doctest(text, namespace, name(page), str(page), block.line)
    assert test.examples, f"{page}: line {block.line}: a dialogue without >>>"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    found = runner.run(test, clear_globs=False).failed
    namespace.update(test.globs)
    return found


def test_examples_of_generated_pages_are_those_of_docstrings() -> None:
    """They are run where they stand (tests/test_docstrings.py), so here it is enough that they can be read."""
    pages = [page for page in PAGES if from_docstrings(page)]
    assert len(pages) > 10
    for page in pages:
        for block in blocks(page):
            assert block.language in ("pycon", "text", "bash"), f"{page}: line {block.line}: {block.language}"
            if block.language == "pycon":
                for example in doctest.DocTestParser().get_examples(block.text):
                    ast.parse(example.source)


def test_every_block_says_its_language() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.language, f"{page}: line {block.line}: begin a block that is no code with ```text"
