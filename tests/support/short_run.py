"""A training run for a process of its own, to be imported by that process."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from peephole.training import Progress, Recipe, TrainRequest, train

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def run(corpus: str, output: str, recipe: dict[str, Any], resume: bool, die_before: int = 0) -> None:
    """Train, with a checkpoint every third step; be killed before the so-maniest change of files of the output, if at all."""
    changes = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        opens = event == "open" and isinstance(arguments[1], str) and arguments[1] != "r"
        # Files within a folder are removed by their names alone.
        if (event in _CHANGES or opens) and (output in str(arguments[0]) or event == "os.remove"):
            changes += 1
            if changes == die_before:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    request = TrainRequest(
        sources=(corpus,),
        output=Path(output),
        recipe=Recipe.from_json(recipe),
        resume=resume,
        checkpoint_steps=3,
    )
    train(request, progress=Progress())
