"""Who answers in `serving.py`: the server in several ways, torch, and an echo."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from serving_processes import HERE


@dataclasses.dataclass(frozen=True)
class Contender:
    """Who answers.

    Attributes:
        words: after ``python``; the port comes last.
        bound: how far its probabilities may be off; None: they are not looked at.
    """

    words: Sequence[object]
    bound: float | None = 1e-4


def contenders(model: str) -> dict[str, Contender]:
    """Return all but torch by name."""
    ours = ("-m", "peephole", "serve", model)
    return {
        "peephole": Contender((*ours, "--port")),
        "peephole, two workers": Contender((*ours, "--workers", 2, "--port")),
        "peephole, a text a call": Contender((*ours, "--batch-tokens", 1, "--port")),
        "echo": Contender((HERE / "serving_echo.py", "--port"), None),
    }


def rivals(model: str, dtype: str) -> list[Contender]:
    """Return torch in all the ways that are tried: one call on all processors, or a call for each; two sizes of batches."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bound = 1e-4 if dtype == "float32" else 0.05
    words = (HERE / "serving_rival.py", model, "--dtype", dtype)
    return [
        Contender(
            (*words, "--callers", callers, "--threads", cores // callers, "--budget", budget, "--port"), bound
        )
        for callers in sorted({1, cores})
        for budget in (4_000, 16_000)
    ]


def options_of(contender: Contender) -> str:
    """Return the options that it is started with."""
    words = [str(word) for word in contender.words[:-1]]
    first = next((n for n, word in enumerate(words) if word.startswith("--")), len(words))
    return " ".join(words[first:])
