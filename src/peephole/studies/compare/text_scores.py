"""What the runs on labelled texts say of each contender, and how it differs from the LSTM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from peephole.studies.compare.contenders import REFERENCE
from peephole.studies.compare.pairing import Numbers, difference, mean_of, seed_deviation

Run = Mapping[str, Any]
_NAMES = ("accuracy", "log_loss")
_MOST = {"accuracy": 1.0, "log_loss": np.inf}


def text_scores(runs: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, Any]]:
    """Return the scores of each contender, by name.

    Args:
        runs: contender → the runs of its seeds, as `TextStudy.run` returns them, with their ``what``; those that diverged are
            counted and left out of all means.
    """
    fine = {
        name: done for name, own in runs.items() if (done := [r for r in own if r["ending"] != "diverged"])
    }
    numbers = {name: (_right(own), _losses(own)) for name, own in fine.items()}
    deviations = [seed_deviation({name: own[k] for name, own in numbers.items()}) for k in range(2)]
    found: dict[str, dict[str, Any]] = {}
    for name, own in runs.items():
        found[name] = {"diverged": len(own) - len(fine.get(name, []))}
        if name not in fine:
            continue
        for key, values, deviation in zip(_NAMES, numbers[name], deviations, strict=True):
            mean = mean_of(values, deviation)
            low, high = np.clip(
                mean.interval, 0, _MOST[key]
            ).tolist()  # a normal law reaches beyond what can be
            found[name][key] = mean.to_json() | {"interval": [low, high]}
        found[name]["accuracies"] = [run["accuracy"] for run in fine[name]]
        found[name]["minutes"] = float(np.mean([run["seconds"] for run in fine[name]])) / 60
        if name != REFERENCE and REFERENCE in fine:
            found[name]["less_reference"] = _less(fine, numbers, name, deviations)
    return found


def _less(
    fine: Mapping[str, Sequence[Run]],
    numbers: Mapping[str, tuple[Numbers, Numbers]],
    name: str,
    deviations: Sequence[float | None],
) -> dict[str, Any] | None:
    """The differences from the reference, over the seeds that both have; None where there are none."""
    seeds = [[run["what"]["seed"] for run in fine[who]] for who in (name, REFERENCE)]
    shared = [seed for seed in seeds[0] if seed in seeds[1]]
    if not shared:
        return None
    mine, theirs = ([own.index(seed) for seed in shared] for own in seeds)
    found: dict[str, Any] = {"seeds": shared}
    for key, first, second, deviation in zip(
        _NAMES, numbers[name], numbers[REFERENCE], deviations, strict=True
    ):
        mean = difference(first[mine], second[theirs], deviation)
        found[key] = mean.to_json() | {
            "p": None if deviation is None else mean.p
        }  # one seed says nothing of chance
    return found


def _right(runs: Sequence[Run]) -> Numbers:
    """`[seeds, texts]`: 1 where a text is judged right, else 0."""
    return np.array([[float(flag) for flag in cast("str", run["right_texts"])] for run in runs])


def _losses(runs: Sequence[Run]) -> Numbers:
    """`[seeds, texts]` log-loss of each text, nats."""
    return np.array([run["losses"] for run in runs], np.float64)
