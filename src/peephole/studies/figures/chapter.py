"""What a page of the theory consists of: what is measured for it, its figure, and its tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from peephole.equations import Cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = Mapping[str, Any]
"""Item → what was measured, as JSON."""


@dataclasses.dataclass(frozen=True)
class Item:
    """Something that is measured in seconds.

    Attributes:
        settings: all that decides its numbers, as JSON; with other settings it is measured again.
        measure: takes the settings and returns the numbers, as JSON without NaN or infinities.
    """

    settings: Mapping[str, Any]
    measure: Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A page and its figure.

    Attributes:
        name: of the page and of the figure, without suffix.
        title: of the figure, a sentence that says what it shows.
        about: what is seen in it, for a reader who cannot see it.
        cells: whose equations the page shows, in its order.
        items: what is measured, by name.
        draw: draws on an empty figure.
        size: of the figure, inches: width and height.
        tables: name → the lines of a Markdown table.
    """

    name: str
    title: str
    about: str
    cells: Sequence[Cell]
    items: Mapping[str, Item]
    draw: Callable[[Numbers, Figure], None]
    size: tuple[float, float]
    tables: Callable[[Numbers], Mapping[str, list[str]]]
