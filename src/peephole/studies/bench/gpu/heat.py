"""One race in the process that it is given: everybody is built, checked and timed, and each step is told as it is taken."""

from __future__ import annotations

import dataclasses
import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from peephole.studies.bench.cases import CELLS
from peephole.studies.bench.contender import Contender, Refusal, Trainer
from peephole.studies.bench.gpu.contenders import MAKERS, driver_of
from peephole.studies.bench.gpu.plan import Settings
from peephole.studies.bench.gpu.problem import RIVALS, DeviceProblem, errors_json
from peephole.studies.bench.gpu.stopwatch import Stopwatch, take_turns
from peephole.studies.bench.race import Entrant, Race, check
from peephole.studies.bench.timing import Contestant

Tell = Callable[[str, str, dict[str, Any]], None]
_REASON = 500  # letters


def entrant_facts(label: str, entrant: Entrant, *, training: bool) -> dict[str, Any]:
    """Return what is known of an entrant before it is built."""
    return {
        "label": label,
        **{name: getattr(entrant, name) for name in ("who", "cell", "dtype")},
        "case": entrant.case.name,
        "multiply_adds": entrant.case.multiply_adds(CELLS[entrant.cell], training=training),
    }


def run_heat(
    race: Race,
    settings: Settings,
    stopwatch: Stopwatch,
    skip: Mapping[str, str],
    tell: Tell,
    make: Callable[[Entrant, DeviceProblem], Contender | Refusal] | None = None,
) -> None:
    """Run a race.

    Args:
        race: who takes part.
        settings: the device and the times.
        stopwatch: measures a call.
        skip: labels of those that are not to be run.
        tell: hears ``("begin", label, {})`` before an entrant is built, ``("entrant", label, facts)`` when it is built and
            checked or has failed, and ``("timed", label, facts)`` at the end; a ``begin`` of nobody is one of the turns.
        make: makes a contender; by default that of `MAKERS`.

    Raises:
        RuntimeError: the GPU does not answer any more.
    """
    make = make or (lambda entrant, problem: MAKERS[entrant.who](problem))
    problems: dict[tuple[str, str], DeviceProblem] = {}
    fit: dict[str, Contestant] = {}
    results: dict[str, dict[str, Any]] = {}
    begun = time.monotonic()
    for label, entrant in race.entrants.items():
        if label in skip:
            continue
        tell("begin", label, {})
        facts = entrant_facts(label, entrant, training=race.training)
        try:
            key = (entrant.cell, entrant.dtype)
            if key not in problems:
                problems[key] = DeviceProblem(entrant.case, entrant.cell, entrant.dtype, settings.device)
            contestant = _built(entrant, problems[key], race.training, make, facts)
            if contestant is not None:
                fit[label] = contestant
        # Whatever stops one of them, from memory to its compiler, is a result and is shown; the others go on.
        except Exception as error:  # noqa: BLE001
            facts |= {"status": "failed", "reason": reason_of(error)}
            # An error of the GPU itself stays, and would be found in all that follow: then this raises it again.
            _synchronize(settings.device)
        _tidy(settings.device)
        results[label] = facts
        tell("entrant", label, facts)
    problems.clear()
    tell("begin", "", {})

    def failed(label: str, error: Exception) -> None:
        results[label] |= {"status": "failed", "reason": reason_of(error)}
        tell("begin", label, {})  # who is to blame if the GPU does not answer any more
        _synchronize(settings.device)
        tell("begin", "", {})

    deadline = begun + settings.race_limit
    times = take_turns(
        fit, settings.seconds, stopwatch, rounds=settings.rounds, deadline=deadline, failed=failed
    )
    for label in fit:
        if label in times:
            results[label] |= {"status": "timed", "seconds": times[label].to_json()}
        tell("timed", label, results[label])


def _built(
    entrant: Entrant,
    given: DeviceProblem,
    training: bool,
    make: Callable[[Entrant, DeviceProblem], Contender | Refusal],
    facts: dict[str, Any],
) -> Contestant | None:
    """Build and check one; the facts say how it went."""
    contender = make(entrant, given)
    if not isinstance(contender, Refusal) and training and not isinstance(contender, Trainer):
        contender = Refusal("it does inference only")
    if isinstance(contender, Refusal):
        facts |= {"status": "refused", "reason": contender.reason}
        return None
    ours = entrant.who.startswith("triton")
    if ours:
        facts["driver"] = driver_of(contender.problem)
    problem = contender.problem
    if problem.dtype != entrant.dtype:
        facts["note"] = f"in {problem.dtype}: torch does not give {entrant.dtype} to cuDNN here"
    # The right answers come first, and belong to nobody's time.
    _ = (problem.outputs, problem.gradients if training else None)
    _synchronize(problem.device)
    begun = time.monotonic()
    call = contender.training if training and isinstance(contender, Trainer) else contender.forward
    call()
    _synchronize(problem.device)
    facts["first_call"] = time.monotonic() - begun
    errors = check(contender, training=training)
    if not ours:
        errors = dataclasses.replace(errors, bound=RIVALS * errors.bound)
    facts["errors"] = errors_json(errors)
    facts["status"] = "checked" if errors.are_small else "wrong"
    return Contestant(call, contender.change) if errors.are_small else None


def reason_of(error: BaseException) -> str:
    """Return what an exception says: its kind and the first line of its message."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return said if len(said) <= _REASON else said[: _REASON - 1] + "…"


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _tidy(device: str) -> None:
    """Give memory back, that of what has failed with it."""
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()
