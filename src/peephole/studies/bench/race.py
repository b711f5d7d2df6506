"""A race: several contenders on the same work, checked first and then timed in turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

from peephole.studies.bench.cases import CELLS, Case
from peephole.studies.bench.contender import Contender, Refusal, Trainer
from peephole.studies.bench.jax_contender import jax_scan
from peephole.studies.bench.onnx_contender import onnx_layer
from peephole.studies.bench.problem import Errors, Problem
from peephole.studies.bench.timing import Clock, Contestant, take_turns
from peephole.studies.bench.torch_contenders import (
    compiled_reference,
    ours,
    ours_by_run,
    reference,
    torch_layer,
)

# Who takes part → how to make the contender.
_MAKERS: dict[str, Callable[[Problem, int], Contender | Refusal]] = {
    "peephole": lambda problem, threads: ours(problem),
    "peephole-run": lambda problem, threads: ours_by_run(problem, values=False),
    "peephole-values": lambda problem, threads: ours_by_run(problem, values=True),
    "torch": lambda problem, threads: torch_layer(problem),
    "compile": lambda problem, threads: compiled_reference(problem),
    "onnxruntime": onnx_layer,
    "jax": jax_scan,
    "reference": lambda problem, threads: reference(problem),
}


def make(who: str, problem: Problem, threads: int) -> Contender | Refusal:
    """Return the contender of that name (`Entrant.who`) on a problem, or why there is none."""
    return _MAKERS[who](problem, threads)


@dataclasses.dataclass(frozen=True, slots=True)
class Entrant:
    """Who computes what, and how.

    Attributes:
        who: ``"peephole"`` (the layers), ``"peephole-run"``, ``"peephole-values"`` (`ops.run` without and with all named values)
            or a rival.
        case: the shape.
        cell: name in `CELLS`.
        threads: how many it may use, at least 1.
        dtype: ``"float32"``, ``"float64"`` or ``"bfloat16"``.
    """

    who: str
    case: Case
    cell: str
    threads: int
    dtype: str = "float32"


@dataclasses.dataclass(frozen=True, slots=True)
class Race:
    """Entrants by label, for one pass. The first is what the others are compared with.

    Attributes:
        title: of the table that it belongs to.
        training: forward and backward, instead of inference.
        entrants: label → who.
        per_row: whether times are compared by row, since the entrants' cases have different numbers of rows.
    """

    title: str
    training: bool
    entrants: Mapping[str, Entrant]
    per_row: bool = False


class Stable:
    """Contenders and problems that are kept from one race to the next, while the next has a use for them."""

    def __init__(self) -> None:
        self._problems: dict[tuple[Case, str, str], Problem] = {}
        self._contenders: dict[Entrant, Contender | Refusal] = {}

    def contender(self, entrant: Entrant) -> Contender | Refusal:
        """Return the contender of an entrant."""
        if entrant not in self._contenders:
            key = (entrant.case, entrant.cell, entrant.dtype)
            if key not in self._problems:
                self._problems[key] = Problem(*key)
            self._contenders[entrant] = make(entrant.who, self._problems[key], entrant.threads)
        return self._contenders[entrant]

    def keep(self, race: Race) -> None:
        """Forget all that a race has no use for."""
        wanted = set(race.entrants.values())
        self._contenders = {key: value for key, value in self._contenders.items() if key in wanted}
        keys = {(entrant.case, entrant.cell, entrant.dtype) for entrant in wanted}
        self._problems = {key: value for key, value in self._problems.items() if key in keys}


def run_race(
    race: Race,
    seconds: float,
    stable: Stable,
    *,
    peaks: Mapping[tuple[str, int], float],
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Check every entrant, time those whose results are right, and return all of it as JSON.

    Args:
        race: who takes part.
        seconds: how long turns are taken, at least 0.
        stable: where contenders come from.
        peaks: (dtype, threads) → multiply-adds a second at best.
        clock: the time; the machine's by default.
    """
    stable.keep(race)
    results: dict[str, dict[str, Any]] = {}
    fit: dict[str, Contestant] = {}
    for label, entrant in race.entrants.items():
        facts: dict[str, Any] = {
            "label": label,
            **{name: getattr(entrant, name) for name in ("who", "cell", "threads", "dtype")},
            "case": entrant.case.name,
            "multiply_adds": entrant.case.multiply_adds(CELLS[entrant.cell], training=race.training),
        }
        torch.set_num_threads(entrant.threads)
        contender = stable.contender(entrant)
        if not isinstance(contender, Refusal) and race.training and not isinstance(contender, Trainer):
            contender = Refusal("it does inference only")
        if isinstance(contender, Refusal):
            results[label] = facts | {"status": "refused", "reason": contender.reason, "hint": contender.hint}
            continue
        errors = check(contender, training=race.training)
        facts["errors"] = dataclasses.asdict(errors)
        if not errors.are_small:
            results[label] = facts | {"status": "wrong"}
            continue
        results[label] = facts | {"status": "timed"}
        fit[label] = _contestant(contender, entrant, training=race.training)
    for label, times in take_turns(fit, seconds, clock=clock).items() if fit else ():
        entrant, facts = race.entrants[label], results[label]
        facts["seconds"] = times.to_json()
        peak = peaks.get((entrant.dtype, entrant.threads))
        if peak:
            facts["share_of_peak"] = facts["multiply_adds"] / times.median / peak
    return {
        "title": race.title,
        "pass": "training" if race.training else "forward",
        "per_row": race.per_row,
        "entrants": list(results.values()),
    }


def check(contender: Contender, *, training: bool) -> Errors:
    """Compare what a contender computes with the right answers."""
    if not training:
        return contender.forward_errors()
    assert isinstance(contender, Trainer)
    return contender.training_errors()


def _contestant(contender: Contender, entrant: Entrant, *, training: bool) -> Contestant:
    call = contender.training if training and isinstance(contender, Trainer) else contender.forward
    return Contestant(call, contender.change, lambda: torch.set_num_threads(entrant.threads))
