"""The pages of the documents, and the blocks of code on them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence) *$",
    re.M | re.S,
)


class Block(NamedTuple):
    """A block of code: its language, its text, and the line of the page that it begins at."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["text"], text.count("\n", 0, found.start("text")) + 1)
        for found in _FENCE.finditer(text)
    ]


def name(page: Path) -> str:
    """A page as tests are named after it."""
    return page.relative_to(ROOT).as_posix().removeprefix("docs/").removesuffix(".md")


def from_docstrings(page: Path) -> bool:
    """Whether the examples of a page are those of docstrings, which other tests run or parse where they stand."""
    return page.parent.name == "api" or page.name in ("errors.md", "command-line.md")


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks, continued ones joined, without comments of their own."""
    text = "".join(block.text for block in blocks(page) if block.language == "bash").replace("\\\n", " ")
    return [line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#")]
