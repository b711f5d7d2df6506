"""The results of `footprint.py` as a table, for a terminal and for docs/reference/footprint.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from peephole.studies.bench.table import Table

_BLOCK = re.compile(r"(<!-- footprint -->\n).*?(<!-- /footprint -->)", re.DOTALL)


def table(document: dict[str, Any]) -> Table:
    """Return sizes and times of every contender, in the order of their sizes on disk."""
    rows = sorted(document["contenders"], key=lambda one: one["installed_bytes"] + one["model_bytes"])
    columns = (
        "<one sentence", "<its label rests on", "packages", "download MB", "installed MB", "model MB",
        "import s", "first answer s", "at best",
    )  # fmt: skip
    return Table(
        "footprint",
        columns,
        tuple(
            (
                one["name"],
                one["knows"],
                str(one["packages"]),
                megabytes(one["download_bytes"]),
                megabytes(one["installed_bytes"]),
                megabytes(one["model_bytes"]) if one["model_bytes"] else "inside",
                f"{max(0.0, one['seconds']['import']['median']):.2f}",
                f"{one['seconds']['answer']['median']:.2f}",
                f"{one['seconds']['answer']['best']:.2f}",
            )
            for one in rows
        ),
    )


def megabytes(size: int) -> str:
    """Return a size with two digits or more.

    >>> megabytes(3_240_000), megabytes(41_300_000), megabytes(1_234)
    ('3.2', '41', '0.0')
    """
    millions = size / 1e6
    return f"{millions:,.0f}" if millions >= 10 else f"{millions:.1f}"


def block(document: dict[str, Any]) -> str:
    """Return the table, the versions, what stands beside it, and how it was made, as Markdown."""
    rows = sorted(document["contenders"], key=lambda one: one["installed_bytes"] + one["model_bytes"])
    lines = [table(document).markdown(), ""]
    lines += [f"- {one['name']}: {_versions(one)}" for one in rows]
    if document["left_out"]:
        named = "; ".join(
            ": ".join(filter(None, (one["name"], one.get("reason")))) for one in document["left_out"]
        )
        lines.append(
            f"- Neither size nor time, since it could not be installed or gave no label here: {named}"
        )
    found = document["machine"]
    load = document["load_average"][0]
    lines += [
        "",
        f"Medians of {document['rounds']} turns, each in a fresh process; {found['cpu']}, {found['cores']} cores, other programs "
        f"running beside it (load average {load:.1f}); Python {document['versions']['python']}, {document['date']}: "
        f"`{document['command']}`",
    ]
    return "\n".join(lines)


def _versions(one: dict[str, Any]) -> str:
    listed = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
    return f"{listed}; {one['remark']}" if one["remark"] else listed


def fill(page: str, results: Path) -> str:
    """Put the table between the marks of a page; without a file of results it is empty."""
    if not results.is_file():
        return _BLOCK.sub(r"\1\2", page)
    text = block(json.loads(results.read_text(encoding="utf-8")))
    return _BLOCK.sub(lambda match: f"{match[1]}{text}\n{match[2]}", page)
