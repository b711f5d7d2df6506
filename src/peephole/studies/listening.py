"""Who hears what a study does while it runs."""

from __future__ import annotations


class Listener:
    """Hears what a study does, and says nothing; a base for those that do."""

    def begin(self, done: int, total: int, words: str) -> None:
        """Hear that a run begins, `done` of `total` being finished."""

    def hear(self, words: str) -> None:
        """Hear, often, how far the present run is."""

    def finish(self, words: str) -> None:
        """Hear how a run ended."""
