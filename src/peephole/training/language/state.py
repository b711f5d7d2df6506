"""Where the training of a language model is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from peephole.training.state import checked_fields, checked_lines


@dataclass(frozen=True, slots=True)
class Judged:
    """What the model made of the held-out texts at some point of its training.

    Args:
        step: optimiser steps taken.
        train_loss: mean loss of the steps since the judgement before, nats a token.
        log_loss: mean log-loss on the held-out texts, all tokens being told apart, nats a token.
        seconds: time spent training so far, over all sessions.
    """

    step: int
    train_loss: float
    log_loss: float
    seconds: float


@dataclass(slots=True)
class LanguageState:
    """Where a run is. Chance is a function of the seed, the pass and the step, and has no state of its own.

    Args:
        step: optimiser steps taken; pass and window follow from it.
        loss_sum: sum of the losses since the last judgement, one for each step, nats.
        tokens: tokens told by this process, over all passes.
        seconds: time spent training so far, over all sessions.
        loss_scale, loss_scale_steps: what float16 multiplies the loss with, and since when; 0 in other precisions.
        history: the learning curve.
    """

    step: int = 0
    loss_sum: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    loss_scale: float = 0.0
    loss_scale_steps: int = 0
    history: list[Judged] = field(default_factory=list[Judged])

    def to_json(self) -> dict[str, Any]:
        """Return plain values; every float comes back from JSON with the same bits."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Any, *, where: str) -> LanguageState:
        """Rebuild a state.

        Args:
            values: what `to_json` returned, after its way through a file.
            where: the file, for messages.

        Raises:
            ModelError: a field is missing, unknown, of the wrong type or out of range.

        Example:
            >>> state = LanguageState(step=20, history=[Judged(20, 4.7, 4.6, 1.5)])
            >>> LanguageState.from_json(state.to_json(), where="state") == state
            True
        """
        fields = checked_fields(cls, values, where)
        fields["history"] = checked_lines(Judged, fields["history"], f"{where}.history")
        return cls(**fields)
