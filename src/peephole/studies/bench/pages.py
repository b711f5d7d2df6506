"""Putting tables into the pages of documents."""

from __future__ import annotations

import re
from collections.abc import Callable

from peephole.errors import DataError
from peephole.studies.bench import page_tables
from peephole.studies.bench.results import Document, Results
from peephole.studies.bench.tables import heading, memory_table

_MARK = re.compile(r"(<!-- bench:([a-z-]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def _machine_lines(document: Document) -> str:
    facts = heading(dict(document)).split("\n")[:3]
    return "\n".join(f"- {line}" for line in (*facts, f"`{document['command']}`"))


def _step_block(document: Document) -> str:
    table = page_tables.step_table(document).markdown()
    batches, threads = document["batches"], document["machine"]["threads"]
    return (
        f"{table}\n\n{batches['count']} batches of {batches['texts']} texts and {batches['tokens']:,} tokens, {threads} threads, "
        f"{document['date']}: `{document['command']}`"
    )


def _programs_block(document: Document) -> str:
    table = page_tables.programs_table(document).markdown()
    threads, cpu = document["machine"]["threads"], document["machine"]["cpu"]
    return (
        f"{table}\n\nMedians of {document['rounds']} turns, {cpu}, {threads} thread{'s' if threads > 1 else ''}, "
        f"torch {document['versions']['torch']}, {document['date']}: `{document['command']}`"
    )


_LAYERS: dict[str, Callable[[Document], str]] = {
    "machine": _machine_lines,
    "memory": lambda document: memory_table(dict(document)).markdown(),
    **{
        name: lambda document, make=make: make(Results(document)).markdown()
        for name, make in {
            "speed": page_tables.speed_table,
            "peak": page_tables.peak_table,
            "rivals": page_tables.rivals_table,
            "cells": page_tables.cells_table,
            "gates": page_tables.gates_table,
            "dtypes": page_tables.dtypes_table,
            "threads": page_tables.threads_table,
            "long": lambda results: page_tables.rows_table(results, "long"),
            "lengths": lambda results: page_tables.rows_table(results, "lengths"),
        }.items()
    },
}
_STEP: dict[str, Callable[[Document], str]] = {"training-step": _step_block}
_PROGRAMS: dict[str, Callable[[Document], str]] = {"programs": _programs_block}


def fill(
    page: str, layers: Document | None, step: Document | None, programs: Document | None = None, *, where: str
) -> str:
    r"""Put tables between the marks of a page: ``<!-- bench:speed -->`` and ``<!-- /bench -->``.

    Args:
        page: the text of the page.
        layers: what `peephole bench --all --json` wrote, or None: its tables are left empty.
        step: what benchmarks/training_step.py wrote, or None.
        programs: what benchmarks/programs.py wrote, or None.
        where: the page's name, for messages.

    Raises:
        DataError: a mark names no table.

    Example:
        >>> fill("<!-- bench:speed -->\nold\n<!-- /bench -->", None, None, where="page")
        '<!-- bench:speed -->\n<!-- /bench -->'
    """

    def filled(match: re.Match[str]) -> str:
        name = match[2]
        for document, tables in ((layers, _LAYERS), (step, _STEP), (programs, _PROGRAMS)):
            if name in tables:
                text = "" if document is None else f"{tables[name](document)}\n"
                return f"{match[1]}{text}{match[3]}"
        known = ", ".join((*_LAYERS, *_STEP, *_PROGRAMS))
        raise DataError(f"{where}: a mark must name one of {known}; got {name!r}")

    return _MARK.sub(filled, page)
