"""Work that stands still until a test lets it go on, so that what arrives meanwhile is known."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

PATIENCE = 60.0  # seconds after which a test that hangs fails


class GatedWork:
    """Upper-cases texts, once it may; remembers what was run together. The text ``fails`` cannot be run."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self._changed = threading.Condition()
        self._open = threading.Event()

    def __call__(self, items: list[str]) -> list[str]:
        if "fails" in items:
            raise ValueError("cannot be run: fails")
        with self._changed:
            self.batches.append(list(items))
            self._changed.notify_all()
        assert self._open.wait(PATIENCE)
        return [item.upper() for item in items]

    def wait_until_busy(self, count: int = 1) -> None:
        """Return once so many batches have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.batches) >= count, PATIENCE)

    def open(self) -> None:
        """Let everything run, now and later."""
        self._open.set()


class GatedScorer:
    """A scorer with a token for each letter, whose scores wait for the test. A text's first probability is its length / 1000."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self._changed = threading.Condition()
        self._allowed = 0

    def encode(self, texts: list[str]) -> list[NDArray[np.int32]]:
        return [np.zeros(len(text), np.int32) for text in texts]

    def score(self, ids: list[NDArray[np.int32]]) -> list[NDArray[np.float64]]:
        with self._changed:
            self.batches.append([len(one) for one in ids])
            mine = len(self.batches)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._allowed >= mine, PATIENCE)
        return [np.array([len(one) / 1000, 1 - len(one) / 1000]) for one in ids]

    def started(self, count: int) -> None:
        """Return once so many batches have begun; blocks, so call it in a thread."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.batches) >= count, PATIENCE)

    def allow(self, count: int = 1 << 30) -> None:
        """Let the first `count` batches end."""
        with self._changed:
            self._allowed = max(self._allowed, count)
            self._changed.notify_all()
