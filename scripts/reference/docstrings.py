"""Docstrings in Google's form as Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Example", "Examples", "Source")
_HEAD = re.compile(rf"^({'|'.join(SECTIONS)}):(?: +(.*))?$")
_ENTRY = re.compile(r"^(\*{0,2}[\w.]+(?:, [\w.]+)*): +(.*)$")
_TITLES = {"Args": "Arguments", "Examples": "Example"}


def summary(docstring: str) -> str:
    """Return the first sentence or paragraph of a docstring on one line.

    Args:
        docstring: as `inspect.getdoc` gives it.
    """
    return _marked(" ".join(docstring.split("\n\n")[0].split()))


def markdown(docstring: str) -> list[str]:
    """Return a docstring as lines of Markdown, its sections as lists.

    Args:
        docstring: as `inspect.getdoc` gives it.
    """
    lines: list[str] = []
    for name, inline, body in _sections(docstring):
        if name is None:
            lines += _prose(body)
        elif name in ("Example", "Examples"):
            lines += ["**Example**", "", "```pycon", *_trimmed(body), "```", ""]
        elif name in ("Args", "Attributes", "Raises"):
            lines += [f"**{_TITLES.get(name, name)}**", "", *_entries(body), ""]
        else:
            text = " ".join([inline, *(line.strip() for line in body)]).strip()
            lines += [f"**{_TITLES.get(name, name)}** {_marked(text)}", ""]
    return lines


def _sections(docstring: str) -> Iterator[tuple[str | None, str, list[str]]]:
    """Each section's name, what stands beside it, and its lines without their common indent."""
    name: str | None = None
    inline, body = "", list[str]()
    for line in docstring.split("\n"):
        head = _HEAD.match(line)
        if head:
            yield name, inline, textwrap.dedent("\n".join(body)).split("\n")
            name, inline, body = head[1], head[2] or "", []
        elif name is not None and line and not line.startswith(" "):  # prose after a section
            yield name, inline, textwrap.dedent("\n".join(body)).split("\n")
            name, inline, body = None, "", [line]
        else:
            body.append(line)
    yield name, inline, textwrap.dedent("\n".join(body)).split("\n")


def _prose(body: list[str]) -> list[str]:
    """Paragraphs. What is indented stays as it is: a drawing, or code."""
    lines: list[str] = []
    for block in "\n".join(body).strip("\n").split("\n\n"):
        if not block.strip():
            continue
        if all(line.startswith("  ") for line in block.split("\n")):
            lines += ["```text", *textwrap.dedent(block).split("\n"), "```", ""]
        else:
            lines += [*_marked(block).split("\n"), ""]
    return lines


def _entries(body: list[str]) -> list[str]:
    """``name: meaning`` as a list; lines that are indented belong to the entry above."""
    entries: list[list[str]] = []
    for line in _trimmed(body):
        match = _ENTRY.match(line)
        if match and not line.startswith(" "):
            names = ", ".join(f"`{name}`" for name in match[1].split(", "))
            entries.append([f"{names}: {_marked(match[2])}"])
        elif line.strip():
            if entries:
                entries[-1].append(_marked(line.strip()))
            else:
                entries.append([_marked(line.strip())])
    return [f"- {' '.join(entry)}" for entry in entries]


def _marked(text: str) -> str:
    """Code between single marks, and pipes, stars and brackets outside of it as they are meant."""
    pieces = re.split(r"(``.+?``|`[^`]+`)", text, flags=re.S)
    for k, piece in enumerate(pieces):
        pieces[k] = piece.replace("``", "`") if k % 2 else re.sub(r"([<*])(?=\S)", r"\\\1", piece)
    return "".join(pieces)


def _trimmed(lines: list[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n")
