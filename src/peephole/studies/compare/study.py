"""What a comparison is about: labelled texts, or a task. The rest of this room does not know which."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from peephole.studies.compare.contenders import Contender


class Stopped(Exception):
    """A run was given up in good order, since the time was over."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a contender costs on this machine.

    Attributes:
        training: milliseconds of an optimiser's step for each 1,000 steps of the sequences in its batch.
        inference: milliseconds of answering, likewise.
    """

    training: float
    inference: float


class Study(abc.ABC):
    """A subject that contenders are compared on."""

    @property
    @abc.abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the subject is, as JSON; the same for all contenders and seeds."""

    @property
    @abc.abstractmethod
    def usual_size(self) -> int:
        """Units of the LSTM, where nothing else is asked for."""

    @abc.abstractmethod
    def count(self, contender: Contender, hidden: int) -> int:
        """Count the numbers that a contender with so many units learns."""

    @abc.abstractmethod
    def what(self, contender: Contender, hidden: int, seed: int) -> dict[str, Any]:
        """Return all that decides the result of a run, as JSON."""

    @abc.abstractmethod
    def run(
        self,
        contender: Contender,
        hidden: int,
        seed: int,
        seconds_left: Callable[[], float],
        hear: Callable[[str], None],
    ) -> dict[str, Any]:
        """Train and judge a contender.

        Args:
            contender: who.
            hidden: units.
            seed: at least 0.
            seconds_left: of the time budget; infinite without one.
            hear: hears, now and then, how far it is.

        Returns:
            The result, as JSON: what `summary` reads.

        Raises:
            Stopped: there was no time left.
        """

    @abc.abstractmethod
    def costs(self, sizes: Mapping[str, int]) -> dict[str, Cost]:
        """Time the contenders in turn, whose units are given by name."""

    @abc.abstractmethod
    def summary(self, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
        """Return what the runs of all seeds say of each contender, by name: the fields of its `score`, as JSON."""

    @abc.abstractmethod
    def told(self, run: Mapping[str, Any]) -> str:
        """Say in a few words how a run ended."""
