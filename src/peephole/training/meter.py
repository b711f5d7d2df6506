"""How fast a run goes and how its loss moves: what is told after each step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from peephole.training.progress import StepReport


class Timed(Protocol):
    """Where a run stands, as far as its speed goes."""

    step: int
    tokens: int
    seconds: float


class Meter:
    """Measures one session of a run.

    Args:
        state: where the run stands; read at each report.
        epoch: tells the number of the current pass, from 1.
        steps: steps of the whole run.
    """

    def __init__(self, state: Timed, epoch: Callable[[], int], steps: int) -> None:
        self._state = state
        self._epoch = epoch
        self._steps = steps
        self._began = time.monotonic()
        self._seconds, self._step, self._tokens = state.seconds, state.step, state.tokens
        self._recent: deque[float] = deque(maxlen=50)

    @property
    def seconds(self) -> float:
        """Seconds spent training, over all sessions."""
        return self._seconds + time.monotonic() - self._began

    def report(self, loss: float | None, learning_rate: float) -> StepReport:
        """Return what is told about the step that was just taken; None is the loss of a batch without labels."""
        if loss is not None:
            self._recent.append(loss)
        spent = max(time.monotonic() - self._began, 1e-9)
        state = self._state
        return StepReport(
            step=state.step,
            epoch=self._epoch(),
            loss=sum(self._recent) / max(len(self._recent), 1),
            learning_rate=learning_rate,
            tokens_per_second=(state.tokens - self._tokens) / spent,
            seconds_left=spent / max(state.step - self._step, 1) * (self._steps - state.step),
        )
