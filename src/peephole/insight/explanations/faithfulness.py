"""How far an explanation can be trusted: the words that it ranks highest are deleted, and the model is run again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from peephole.insight.explanations.case import Case, Numbers
from peephole.insight.explanations.units import gathered, units_of
from peephole.ops.sequences import Integers

CHUNKS = 20
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, as ERASER has them
RANDOM_ORDERS = 5
_MOST_UNITS = (100, 50, 20)
_TOKENS = 1_000_000  # that are run in all, at most; for a greedy order about half of them


@dataclasses.dataclass(frozen=True)
class Faithfulness:
    """How the measured number falls when words are deleted in the order of their scores, the highest first.

    The number is the target's probability, for a classifier. Deleted texts are unlike any that the model was trained on.

    Attributes:
        comprehensiveness: by how much it falls without the top 1, 5, 10, 20 and 50 % of the words, on average. Higher is better.
        sufficiency: by how much it falls with those alone. Lower is better.
        area: by how much it falls, on average over the steps of `curve`: the area over the deletion curve.
        random: the same for random orders, on average.
        greedy: for a greedy order, which deletes at each step the words that count most then; None where it was not taken. No
            strict bound: another order may do better.
        normalised: where `area` lies between `random`, 0, and `greedy`, 1: this can be compared between models. None where
            greedy is not above random.
        deleted: share of the words deleted at each point of the curves, from 0 to 1.
        curve: the number at those points, by the scores' order; it begins with the whole text and ends with an empty one.
        random_curve: the mean over random orders.
        greedy_curve: for the greedy order; empty where it was not taken.
        units: what was deleted at once at least: words, or groups of neighbours in a long text.

    Source: DeYoung et al., "ERASER" (ACL 2020), section 4, for the first two; Edin et al., "Normalized AOPC" (ACL 2025), for
        normalising. We differ from the latter: it normalises between the best and the worst order that a search finds.
    """

    comprehensiveness: float
    sufficiency: float
    area: float
    random: float
    greedy: float | None
    normalised: float | None
    deleted: tuple[float, ...]
    curve: tuple[float, ...]
    random_curve: tuple[float, ...]
    greedy_curve: tuple[float, ...]
    units: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything as numbers and lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Deletions:
    """The orders of a case that any explanation of it is compared with; made once for all methods.

    Attributes:
        units: the words deleted together at least.
        sizes: units deleted at each step.
        random_curve: see `Faithfulness`.
        greedy_curve: likewise; empty where it was not taken.
    """

    units: list[Integers]
    sizes: list[int]
    random_curve: Numbers
    greedy_curve: Numbers


def deletions(case: Case, *, greedy: bool = True, seed: int = 0) -> Deletions | None:
    """Return the random and greedy orders of a case; None where it has no words, or is too long to be run again so often.

    Args:
        case: what is explained.
        greedy: whether to look for a greedy order; it is by far the costliest.
        seed: of the random orders.
    """
    words, steps = len(case.spans), case.steps
    if not words:
        return None
    units = units_of(words, _MOST_UNITS[0])
    for most in _MOST_UNITS:  # greedy orders look at every unit that is left, at each step
        units = units_of(words, most)
        if min(CHUNKS, len(units)) * len(units) * steps <= 1.5 * _TOKENS:
            break
    else:
        greedy = False
    if CHUNKS * RANDOM_ORDERS * steps > _TOKENS:
        return None
    sizes = [len(part) for part in np.array_split(np.arange(len(units)), min(CHUNKS, len(units)))]
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(units)) for _ in range(RANDOM_ORDERS)]
    curves = _curves(case, units, sizes, orders)
    curve = _greedy(case, units, sizes) if greedy else np.zeros(0)
    return Deletions(units, sizes, curves.mean(axis=0), curve)


def faithfulness(case: Case, scores: Numbers, orders: Deletions | None = None) -> Faithfulness | None:
    """Measure how faithful scores of words `[W]` are.

    Args:
        case: what is explained.
        scores: any; only their order counts.
        orders: from `deletions`, where several methods are compared; None: made here.

    Returns:
        None where the text has no words or is too long.
    """
    orders = orders or deletions(case)
    if orders is None:
        return None
    units, sizes = orders.units, orders.sizes
    ranked = np.argsort(-gathered(scores, units), kind="stable")
    curve = _curves(case, units, sizes, [ranked])[0]
    tops = [ranked[: max(1, round(share * len(units)))] for share in SHARES]
    every = np.arange(len(units))
    without = _measured(case, units, tops)
    alone = _measured(case, units, [np.setdiff1d(every, top) for top in tops])
    area, random = _area(curve), _area(orders.random_curve)
    greedy = _area(orders.greedy_curve) if len(orders.greedy_curve) else None
    spread = None if greedy is None or greedy <= random else greedy - random
    return Faithfulness(
        comprehensiveness=float(curve[0] - without.mean()),
        sufficiency=float(curve[0] - alone.mean()),
        area=area,
        random=random,
        greedy=greedy,
        normalised=None if spread is None else (area - random) / spread,
        deleted=(0.0, *(np.cumsum(sizes) / len(units)).tolist()),
        curve=tuple(curve.tolist()),
        random_curve=tuple(orders.random_curve.tolist()),
        greedy_curve=tuple(orders.greedy_curve.tolist()),
        units=len(units),
    )


def _area(curve: Numbers) -> float:
    return float(curve[0] - curve[1:].mean())


def _measured(case: Case, units: Sequence[Integers], deleted: Sequence[Integers]) -> Numbers:
    """The number without some units, for each selection of them."""
    words = [
        np.concatenate([units[unit] for unit in one.tolist()] or [np.zeros(0, np.int64)]) for one in deleted
    ]
    return case.measure(case.outputs_of(case.without(words)))


def _curves(
    case: Case, units: Sequence[Integers], sizes: Sequence[int], orders: Sequence[Integers]
) -> Numbers:
    """The number after each step of deleting units in an order `[orders, steps + 1]`."""
    ends = [0, *np.cumsum(sizes).tolist()]
    found = _measured(case, units, [order[:end] for order in orders for end in ends])
    return found.reshape(len(orders), len(ends))


def _greedy(case: Case, units: Sequence[Integers], sizes: Sequence[int]) -> Numbers:
    """The number after each step of deleting the units without each of which, at that step, it is smallest."""
    gone, left = np.zeros(0, np.int64), np.arange(len(units))
    curve = [float(_measured(case, units, [gone])[0])]
    for size in sizes:
        numbers = _measured(case, units, [np.append(gone, unit) for unit in left])
        chosen = left[np.argsort(numbers, kind="stable")[:size]]
        gone, left = np.append(gone, chosen), np.setdiff1d(left, chosen)
        curve.append(float(_measured(case, units, [gone])[0]))
    return np.array(curve)
