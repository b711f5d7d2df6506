"""What takes part: one way to compute a problem."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping

from torch import Tensor

from peephole.studies.bench.problem import Errors, Problem


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody does not take part.

    Attributes:
        reason: in words.
        hint: what would change it, or None.
    """

    reason: str
    hint: str | None = None


class Contender(abc.ABC):
    """One way to compute a problem forward.

    Args:
        problem: inputs, weights and right answers.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @abc.abstractmethod
    def forward(self) -> object:
        """Run forward, for inference, and return what `rows_of` reads."""

    @abc.abstractmethod
    def rows_of(self, result: object) -> Tensor:
        """Return the outputs in a result as packed rows `[R, K·H]`."""

    def change(self) -> None:
        """Change the weights a little, as an optimiser would; nothing where they are fixed."""
        return

    def restore(self) -> None:
        """Go back to the problem's own weights; nothing where they are fixed."""
        return

    def forward_errors(self) -> Errors:
        """Run forward with the problem's own weights, and compare with the right answers."""
        self.restore()
        return self.problem.errors(self.rows_of(self.forward()))


class Trainer(Contender):
    """One way to compute a problem forward and backward. Its `change` forgets old gradients too."""

    @abc.abstractmethod
    def training(self) -> object:
        """Run forward and backward, and return what `rows_of` reads."""

    @abc.abstractmethod
    def gradients(self) -> Mapping[str, Tensor]:
        """Return the gradients of the last `training`: ``rows`` `[R, D]` and the names of the weights."""

    def training_errors(self) -> Errors:
        """Run both passes with the problem's own weights, and compare with the right answers."""
        self.restore()
        outputs = self.rows_of(self.training())
        return self.problem.errors(outputs, self.gradients())
