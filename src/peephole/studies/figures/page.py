"""What in the pages of the theory is generated: equations, tables and how the numbers were made; the prose around stays.

A generated part stands between ``<!-- theory:NAME -->`` and ``<!-- /theory -->``, and NAME is one of

- ``equations 0``: the equations of the chapter's first cell, and so on;
- ``figure``: the figure, and the command that draws it;
- ``table NAME``: one of the chapter's tables;
- ``made``: the command, the machine, the versions and the date of the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from peephole import cells
from peephole.equations import emit_latex
from peephole.errors import OptionError
from peephole.studies.figures.chapter import Chapter, Numbers
from peephole.studies.figures.store import COMMAND, key_of

_PART = re.compile(
    r"(?P<open><!-- theory:(?P<name>[^>]+?) -->\n)(?P<inside>.*?)(?P<close><!-- /theory -->)", re.S
)


def filled(page: str, chapter: Chapter, numbers: Numbers, document: Mapping[str, Any]) -> str:
    """Return a page with its generated parts as they should be.

    Args:
        page: Markdown.
        chapter: which page it is.
        numbers: of the chapter's items.
        document: all of the file that they are kept in.

    Raises:
        OptionError: a part has a name that nothing is generated for, or the page lacks the figure, an equation or a table.
    """
    known = parts(chapter, numbers, document)
    named = [found["name"] for found in _PART.finditer(page)]
    if strange := [name for name in named if name not in known]:
        raise OptionError(
            f"{chapter.name}.md: a generated part must be one of {', '.join(known)}; got {strange}"
        )
    if missing := [name for name in known if name not in named]:
        raise OptionError(f"{chapter.name}.md: must have all generated parts; missing: {', '.join(missing)}")
    return _PART.sub(
        lambda found: found["open"] + "\n".join(known[found["name"]]) + "\n" + found["close"], page
    )


def parts(chapter: Chapter, numbers: Numbers, document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the lines of every generated part of a chapter, by name."""
    found = {f"equations {place}": _equations(cell) for place, cell in enumerate(chapter.cells)}
    found["figure"] = [
        f"![{chapter.title}](../figures/{chapter.name}.svg)",
        "",
        "```bash",
        f"scripts/draw-figures {chapter.name}",
        "```",
    ]
    found |= {f"table {name}": lines for name, lines in chapter.tables(numbers).items()}
    found["made"] = _made(chapter, document)
    return found


def _equations(cell: Any) -> list[str]:
    drawing = "-".join([cell.name, *cell.options.values()])
    called = cells.describe(cell).split(":")[0]
    return [
        "```math",
        emit_latex(cell),
        "```",
        "",
        f"![One step of {called}](../../reference/figures/{drawing}.svg)",
    ]


def _made(chapter: Chapter, document: Mapping[str, Any]) -> list[str]:
    items = [document["items"][key_of(chapter, name)] for name in chapter.items]
    versions, machine = document["versions"], document["machine"]
    seconds = sum(item["seconds"] for item in items)
    dates = sorted({item["date"] for item in items})
    models = sorted({item["numbers"]["model"] for item in items if "model" in item["numbers"]})
    of_model = f" The shipped model’s weights begin with SHA-256 `{models[0]}`." if models else ""
    return [
        f"`{COMMAND} {chapter.name}` ({seconds:.0f} seconds, one thread; every number is in",
        "[`benchmarks/results/theory.json`](../../../benchmarks/results/theory.json)), "
        f"{machine['cores']} cores of {_processor(machine)}, Python {versions['python']},",
        f"torch {versions['torch']}, NumPy {versions['numpy']}, {' and '.join(dates)}. "
        f"In tables: the median, and the range in brackets.{of_model}",
    ]


def _processor(machine: Mapping[str, Any]) -> str:
    name = "a Xeon" if "Xeon" in machine["cpu"] else machine["cpu"]
    return f"{name} with AMX" if machine["instruction_set"] == "amx" else name
