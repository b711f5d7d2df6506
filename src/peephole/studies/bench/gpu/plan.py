"""What a run on a GPU is given."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How long things may take, all in seconds.

    Attributes:
        device: ``"cuda"``; ``"cpu"`` for tests, with Triton's interpreter.
        limit: for everything; a race that has no time left is named and not run.
        race_limit: for one race, with the compiling of its kernels.
        entrant_limit: for building and checking one entrant; who takes longer is stopped, and the others go on.
        seconds: how long turns are taken in each race.
        rounds: turns of each entrant at least, while there is time.
    """

    device: str = "cuda"
    limit: float = 540.0
    race_limit: float = 120.0
    entrant_limit: float = 60.0
    seconds: float = 1.0
    rounds: int = 5
