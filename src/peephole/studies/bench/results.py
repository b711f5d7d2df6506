"""Look-ups in a document of the bench."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peephole.studies.bench.table import times
from peephole.studies.bench.tables import ratio_to_first

Document = Mapping[str, Any]


class Results:
    """Look-ups in a document.

    Args:
        document: what `peephole bench --json` wrote.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.cases: dict[str, Any] = document["cases"]
        self._races = {(race["title"], race["pass"]): race for race in document["races"]}

    def entrant(self, title: str, kind: str, label: str) -> dict[str, Any] | None:
        """Return a timed entrant, or None."""
        entrants = self._races.get((title, kind), {"entrants": []})["entrants"]
        found = (entrant for entrant in entrants if entrant["label"] == label and "seconds" in entrant)
        return next(found, None)

    def ratio(self, title: str, kind: str, label: str, to: str | None = None) -> str:
        """Return the time of an entrant as a multiple of the first one's, or of another's; a dash where one is missing."""
        race, entrant = self._races.get((title, kind)), self.entrant(title, kind, label)
        if race is None or entrant is None:
            return "–"
        if to is None:
            value = ratio_to_first(race, entrant, self.cases)
        else:
            other = self.entrant(title, kind, to)
            value = None if other is None else entrant["seconds"]["median"] / other["seconds"]["median"]
        return "–" if value is None else times(value)

    def titles(self, first: str) -> list[str]:
        """Return the titles that begin with a word, in the order in which they were run."""
        return list(dict.fromkeys(title for title, _ in self._races if title.split(" · ")[0] == first))
