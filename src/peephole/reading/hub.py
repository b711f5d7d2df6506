"""Hugging Face data sets by name, through their `datasets` library (the extra ``hub``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from peephole.errors import OptionError, require
from peephole.reading.columns import Request, find_columns
from peephole.reading.records import Fault, Item, Number, Row, Unreadable, listed, problem_at, shown

PREFIX = "hf:"
_NAME = re.compile(
    r"hf:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:/(?P<config>[\w.+-]+))?(?::(?P<split>[^/]+))?", re.ASCII
)


class HubName(NamedTuple):
    """A data set's name taken apart.

    Args:
        name: ``OWNER/NAME``, or a bare ``NAME``.
        config: the configuration, or None for its only or default one.
        split: which part of it to read.
    """

    name: str
    config: str | None
    split: str


def parse_hub_name(source: str) -> HubName:
    """Take ``hf:OWNER/NAME[/CONFIG][:SPLIT]`` apart; the split is ``train`` unless given.

    Raises:
        OptionError: it is not written like that.

    Example:
        >>> parse_hub_name("hf:nyu-mll/glue/sst2:validation")
        HubName(name='nyu-mll/glue', config='sst2', split='validation')
        >>> parse_hub_name("hf:imdb")
        HubName(name='imdb', config=None, split='train')
    """
    match = _NAME.fullmatch(source)
    if match is None:
        raise OptionError(
            f"read: a Hugging Face data set must be written hf:OWNER/NAME[/CONFIG][:SPLIT]; got {source!r}",
            hint="for example hf:stanfordnlp/imdb:train",
        )
    return HubName(match["name"], match["config"], match["split"] or "train")


def read_hub(source: str, request: Request) -> Iterator[Item]:
    """Yield the rows of a data set, counted from 1.

    The library fetches the data once and keeps them in its own cache, from where they are mapped, not loaded.

    Raises:
        Unreadable: the data set cannot be reached or does not exist; the hint says what to do instead.
        MissingExtra: datasets is not installed.
    """
    datasets = require("datasets", extra="hub", purpose="reading Hugging Face data sets")
    wanted = parse_hub_name(source)
    try:
        data = datasets.load_dataset(wanted.name, wanted.config, split=wanted.split)
    # What the library documents and what its transports raise: no network (ConnectionError, an OSError), unknown
    # name or split (ValueError, DatasetsError), a data set that is a program (RuntimeError), which is not run.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        message = str(error).strip().partition("\n")[0]
        raise Unreadable(
            source,
            f"the data set cannot be loaded: {message}",
            "unreachable data set",
            _instead(source, wanted),
        ) from error
    columns: list[str] = list(data.column_names)
    layout, problems = find_columns(source, columns, request)
    if layout is None:
        yield from problems
        return
    needed = request.needed(layout)
    row = 0
    names = {column: getattr(data.features[column], "names", None) for column in needed}
    for row, values in enumerate(data.select_columns(needed), start=1):
        cells = {column: _value(values[column], names[column]) for column in needed}
        fault = next((cell for cell in cells.values() if isinstance(cell, Fault)), None)
        place = f"{source}, row {row}"
        yield Row(place, layout, cells) if fault is None else problem_at(place, fault)
    if row == 0:
        raise Unreadable(source, f"no rows, only the columns {listed(columns)}", "empty file")


def _instead(source: str, wanted: HubName) -> str:
    """Return how to go on without the data set: the very call that fetches it elsewhere."""
    asked = [wanted.name] if wanted.config is None else [wanted.name, wanted.config]
    arguments = ", ".join([*map(repr, asked), f"split={wanted.split!r}"])
    return (
        "without a network, fetch it where there is one and give the file: "
        f"datasets.load_dataset({arguments}).to_csv('reviews.csv'), then reviews.csv in place of {source}"
    )


def _value(value: Any, names: list[str] | None) -> object:
    """Return a value as `Row` holds it; an index into class names becomes the name (-1 stands for none)."""
    if names is not None and isinstance(value, int):
        if value == -1:
            return None
        if not 0 <= value < len(names):
            return Fault(f"class index {value} is outside the {len(names)} class names", "unknown label")
        return names[value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(str(value))
    if isinstance(value, str) and "\0" in value:
        return Fault(
            f"a value holds a NUL character (U+0000), which is not text: {shown(value, 20)}", "bad character"
        )
    return value
