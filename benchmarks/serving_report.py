"""What came of a load: how many answers, how fast, and whether they are right; for `serving.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """An answer, or the loss of one.

    Attributes:
        text: which one was asked.
        asked: when, in seconds.
        answered: likewise.
        status: of HTTP; 0: the connection broke.
        body: of an answer with 200.
        told: whether a refusal said when to try again.
    """

    text: int
    asked: float
    answered: float
    status: int
    body: bytes
    told: bool


def summary(replies: Sequence[Reply], begin: float, end: float) -> dict[str, Any]:
    """Return the numbers of what was answered between two moments; errors are counted over all."""
    inside = [one for one in replies if begin <= one.answered <= end]
    good = [one for one in inside if one.status == 200]
    refused = [one for one in inside if one.status == 503]
    last = max((one.answered for one in inside), default=begin)
    seconds = min(end, last) - begin
    return {
        "seconds": round(seconds, 3),
        "answered": len(good),
        "a_second": round(len(good) / seconds, 2) if seconds else 0.0,
        **quantiles("", [1e3 * (one.answered - one.asked) for one in good]),
        "refused": len(refused),
        **quantiles("refused_", [1e3 * (one.answered - one.asked) for one in refused]),
        "refused_without_retry_after": sum(not one.told for one in replies),
        "errors": sum(one.status not in (200, 503) for one in replies),
    }


def quantiles(prefix: str, milliseconds: Sequence[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum; nothing of no numbers."""
    if not milliseconds:
        return {}
    order = sorted(milliseconds)
    places = {"p50": 0.5, "p99": 0.99, "longest": 1.0}
    return {
        f"{prefix}{name}_milliseconds": round(order[max(0, math.ceil(share * len(order)) - 1)], 2)
        for name, share in places.items()
    }


def wrong(replies: Sequence[Reply], expected: Sequence[dict[str, float]], bound: float) -> int:
    """Return how many answers are further than `bound` from those of the library; six digits of them are sent."""
    known: dict[tuple[int, bytes], bool] = {}
    count = 0
    for one in replies:
        if one.status == 200:
            key = (one.text, one.body)
            if key not in known:
                known[key] = _right(one.body, expected[one.text], bound)
            count += not known[key]
    return count


def _right(body: bytes, expected: dict[str, float], bound: float) -> bool:
    found = {one["label"]: one["score"] for one in json.loads(body)}
    return found.keys() == expected.keys() and all(
        abs(found[label] - score) <= bound for label, score in expected.items()
    )
