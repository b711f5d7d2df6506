"""What the GPU's kernels are to reach, and whether a document of the bench shows it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from peephole.studies.bench.gpu.cases import GROUPS
from peephole.studies.bench.race import Race


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A ratio of medians that every race of a group must have.

    Attributes:
        name: what is compared.
        group: of `GROUPS`.
        training: which pass.
        above: label of the time above the line, and
        below: of the one below it; the beginning of a label is enough.
        bound: the ratio asked for.
        at_least: whether it must be reached, or must not be exceeded.
    """

    name: str
    group: str
    training: bool
    above: str
    below: str
    bound: float
    at_least: bool

    @property
    def races(self) -> list[Race]:
        """The races that it is about, of all that can be chosen."""
        return [race for race in GROUPS[self.group]() if race.training == self.training]


_SQUARE = "peephole LSTM, forward + backward, N 64, T 512, H 128–1024"
EXACT = "results, relative error: under 1e-5 in float32, 1e-2 in bfloat16"
TARGETS = (
    Target(f"{_SQUARE}: eager loop", "peephole", True, "loop", "triton", 20.0, True),
    Target(f"{_SQUARE}: torch.compile", "compile", True, "compile", "triton", 5.0, True),
    Target(f"{_SQUARE}: as a multiple of cuDNN's LSTM", "peephole", True, "triton", "cudnn", 1.5, False),
    Target("packed reviews, forward + backward: cuDNN's packed path", "packed", True, "cudnn", "triton", 2.0, True),
    Target("GRU, forward + backward: reset before, of after", "reset", True, "before", "after", 1.3, False),
    Target("all gates returned, forward: of none", "gates", False, "all values", "plain", 1.2, False),
)  # fmt: skip


def judge(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each target with what was found: the worst ratio, where it was, and whether the target is reached.

    A target is reached when all its races show it, not reached when one does not, and otherwise not measured.
    """
    races = {(race["title"], race["pass"]): race for race in document["races"]}
    return [_exactness(races), *(_ratio(target, races) for target in TARGETS)]


def _ratio(target: Target, races: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    found: dict[str, float] = {}
    for race in target.races:
        entrants = races.get((race.title, "training" if race.training else "forward"), {"entrants": []})["entrants"]  # fmt: skip
        above, below = (_median(entrants, label) for label in (target.above, target.below))
        if above is not None and below is not None:
            found[race.title] = above / below
    return _judged(target.name, target.bound, target.at_least, found, len(target.races))


def _median(entrants: list[dict[str, Any]], label: str) -> float | None:
    timed = (entrant for entrant in entrants if entrant["label"].startswith(label) and "seconds" in entrant)
    return next((entrant["seconds"]["median"] for entrant in timed), None)


def _exactness(races: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    """Of all results of ours, the error as a share of what is allowed."""
    found: dict[str, float] = {}
    total = 0
    for name in GROUPS:
        for race in GROUPS[name]():
            kind = "training" if race.training else "forward"
            ours = [label for label, entrant in race.entrants.items() if entrant.who.startswith("triton")]
            total += len(ours)
            entrants = races.get((race.title, kind), {"entrants": []})["entrants"]
            for entrant in entrants:
                if entrant["label"] in ours and "errors" in entrant:
                    found[f"{race.title} · {kind} · {entrant['label']}"] = _share(entrant["errors"])
    return _judged(EXACT, 1.0, False, found, total)


def _share(errors: Mapping[str, Any]) -> float:
    errs = [errors["outputs"], *(errors["gradients"] or {}).values()]
    return max(math.inf if error is None else error / errors["bound"] for error in errs)


def _judged(name: str, bound: float, at_least: bool, found: Mapping[str, float], of: int) -> dict[str, Any]:
    at = (min if at_least else max)(found, key=lambda title: found[title]) if found else None
    worst = None if at is None else found[at]
    reached = worst is not None and (worst >= bound if at_least else worst <= bound)
    status = "not reached" if found and not reached else "reached" if len(found) == of else "not measured"
    return {
        "name": name,
        "rule": "at least" if at_least else "at most",
        "bound": bound,
        "worst": worst if worst is None or math.isfinite(worst) else None,
        "at": at,
        "measured": len(found),
        "of": of,
        "status": status,
    }
