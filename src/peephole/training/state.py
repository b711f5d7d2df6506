"""Where a run is: all that the loop needs to go on, apart from the tensors."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from peephole.errors import ModelError

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class Pass:
    """One line of the learning curve: what a pass over the training texts brought.

    Args:
        epoch: number of the pass, from 1.
        step: optimiser steps taken by its end.
        train_loss: mean loss of its batches, nats.
        log_loss: mean log-loss on the development texts, nats.
        accuracy: share of the development texts judged right, in [0, 1].
        macro_f1: mean F1 of the classes, in [0, 1].
        seconds: time spent training so far, evaluation included, over all sessions.
    """

    epoch: int
    step: int
    train_loss: float
    log_loss: float
    accuracy: float
    macro_f1: float
    seconds: float


@dataclass(slots=True)
class State:
    """Where a run is.

    The generators have no state of their own: chance in the batches is a function of the seed and the pass, and
    chance in a step (dropout) of the seed, the step and the process, so `epoch`, `batch` and `step` place both.

    Args:
        epoch: passes that are finished and judged.
        batch: batches of the current pass that are done (by each process).
        step: optimiser steps taken.
        loss_sum: sum of the losses of the current pass, one for each batch, nats.
        recent_loss: moving average of the losses, nats.
        noise_step: step after which the noise set in, or 0 while it has not.
        tokens: tokens trained on, over all passes.
        seconds: time spent training so far, over all sessions.
        best_epoch: the pass whose weights are kept, or 0 before the first is judged.
        loss_scale: what float16 multiplies the loss with; 0 in other precisions.
        loss_scale_steps: steps since float16 last changed `loss_scale`.
        history: one line for each finished pass.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    recent_loss: float = 0.0
    noise_step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    loss_scale: float = 0.0
    loss_scale_steps: int = 0
    history: list[Pass] = field(default_factory=list[Pass])

    @property
    def best(self) -> Pass | None:
        """The pass whose weights are kept."""
        return self.history[self.best_epoch - 1] if self.best_epoch else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; every float comes back from JSON with the same bits."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Any, *, where: str) -> State:
        """Rebuild a state.

        Args:
            values: what `to_json` returned, after its way through a file.
            where: the file, for messages.

        Raises:
            ModelError: a field is missing, unknown, of the wrong type or out of range.

        Example:
            >>> state = State(epoch=1, step=20, best_epoch=1, history=[Pass(1, 20, 0.7, 0.6, 0.7, 0.7, 1.5)])
            >>> State.from_json(state.to_json(), where="state") == state
            True
        """
        fields = checked_fields(cls, values, where)
        history = checked_lines(Pass, fields["history"], f"{where}.history")
        if fields["best_epoch"] > len(history):
            raise ModelError(
                f"{where}.best_epoch: must be one of the {len(history)} finished passes; got {fields['best_epoch']}"
            )
        fields["history"] = history
        return cls(**fields)


def checked_lines(kind: type[Line], values: Any, where: str) -> list[Line]:
    """Return the lines of a learning curve, each a dataclass of numbers.

    Raises:
        ModelError: `values` is no list, or a line is not as `checked_fields` wants it.
    """
    if not isinstance(values, list):
        raise ModelError(f"{where}: must be a list; got {values!r}")
    return [
        kind(**checked_fields(kind, line, f"{where}[{index}]"))
        for index, line in enumerate(cast("list[Any]", values))
    ]


def checked_fields(kind: type[Any], values: Any, where: str) -> dict[str, Any]:
    """Return `values` if they are the fields of a dataclass with numbers of the right type, at least 0.

    Raises:
        ModelError: a field is missing or unknown, or a number is of the wrong type, negative or not finite.
    """
    fields = {item.name: str(item.type) for item in dataclasses.fields(kind)}
    given = cast("dict[str, Any]", values) if isinstance(values, dict) else {}
    if set(given) != set(fields):
        raise ModelError(f"{where}: must have the fields {sorted(fields)}; got {sorted(given) or values!r}")
    for name, expected in fields.items():
        value = given[name]
        legal = (int,) if expected == "int" else (int, float)
        fine = type(value) in legal and math.isfinite(value) and value >= 0
        if expected in {"int", "float"} and not fine:
            raise ModelError(f"{where}.{name}: must be a number ({expected}), at least 0; got {value!r}")
    return dict(given)
