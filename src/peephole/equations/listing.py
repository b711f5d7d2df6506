"""The printed equations of a cell: formulas from its graph, tags and remarks from the lines of its `step`."""

from __future__ import annotations

import inspect
import re

from peephole.equations.cell import Cell
from peephole.equations.text import as_text
from peephole.equations.trace import trace

_TAGGED = re.compile(r"^\s*(?P<name>\w+) = .*#\s*(?P<tag>[A-Z]+-\d+)\s+(?P<remark>.*?)\s*$")


def tags(cell: Cell) -> dict[str, tuple[str, str]]:
    """Return value name → (tag, remark), read from the comments of the cell's `step`; empty where no source is to be had."""
    try:
        source = inspect.getsource(type(cell).step)
    except (OSError, TypeError):
        return {}
    found = (_TAGGED.match(line) for line in source.split("\n"))
    return {match["name"]: (match["tag"], match["remark"]) for match in found if match}


def listing(cell: Cell) -> str:
    """Return the cell's equations as aligned lines: tag, formula, remark."""
    values = trace(cell).values
    names = {expression: name for name, expression in values.items()}
    tagged = tags(cell)
    order = [name for name in tagged if name in values] + [name for name in values if name not in tagged]
    rows: list[tuple[str, str, str]] = []
    for name in order:
        tag, remark = tagged.get(name, ("", ""))
        rows.append((tag, f"{name} = {as_text(values[name], names)}", remark))
    tag_width = max(len(tag) for tag, _, _ in rows)
    formula_width = max(len(formula) for _, formula, _ in rows)
    lines = [
        f"  {tag:<{tag_width}}  {formula:<{formula_width}}   {remark}".rstrip()
        for tag, formula, remark in rows
    ]
    summary = (inspect.getdoc(type(cell)) or "").split("\n")[0]
    return "\n".join([f"{cell!r}: {summary}", "", *lines])
