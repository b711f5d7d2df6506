"""Hugging Face data sets by name, through their `datasets` library (the extra ``hub``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from peephole.errors import OptionError, require
from peephole.reading.columns import Request
from peephole.reading.dataset_rows import dataset_rows
from peephole.reading.records import Item, Unreadable

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
    yield from dataset_rows(data, source, request)


def _instead(source: str, wanted: HubName) -> str:
    """Return how to go on without the data set: the very call that fetches it elsewhere."""
    asked = [wanted.name] if wanted.config is None else [wanted.name, wanted.config]
    arguments = ", ".join([*map(repr, asked), f"split={wanted.split!r}"])
    return (
        "without a network, fetch it where there is one and give the file: "
        f"datasets.load_dataset({arguments}).to_csv('reviews.csv'), then reviews.csv in place of {source}"
    )
