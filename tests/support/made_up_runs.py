"""A comparison without any training: a study whose runs are made up, who listens, and a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peephole.studies.compare.comparison import Plan
from peephole.studies.compare.contenders import Contender, choose
from peephole.studies.compare.study import Cost, Stopped
from peephole.studies.compare.task_study import TaskStudy
from peephole.studies.listening import Listener
from support.echo_task import ECHO


class Quick(TaskStudy):
    """A study on a task whose runs are made up."""

    def __init__(self) -> None:
        super().__init__(ECHO)
        self.ran: list[tuple[str, int]] = []
        self.stop_at: int | None = None
        self.error: BaseException | None = None
        self.clocks: list[float] = []

    def run(
        self,
        contender: Contender,
        hidden: int,
        seed: int,
        seconds_left: Callable[[], float],
        hear: Callable[[str], None],
    ) -> dict[str, Any]:
        if self.stop_at == len(self.ran):
            raise self.error or Stopped
        self.ran.append((contender.name, seed))
        self.clocks.append(seconds_left())
        hear("half of it")
        solved = contender.name != "rnn"
        lives = [] if contender.name == "rnn" else [1.0 * seed, 5.0, None]
        memory = {"survival": [1.0, 0.5, 0.25], "survival_in_h": [1.0, 0.1, 0.1], "memory_half_lives": lives}
        first = {"survival": [1.0, 0.25, 0.0625], "survival_in_h": [1.0, 0.01], "memory_half_lives": [99.0]}
        return {
            "ending": "solved" if solved else "budget",
            "sequences": 100 * seed,
            "right": 1.0 if solved else seed / 4,
            "tested": 2560,
            "loss": 0.01 * seed,
            "further": {},
            "seconds": 1.0,
            "curve": {"sequences": [50, 100], "loss": [0.7, 0.1], "right": [0.5, 1.0]},
            "parameters": 10,
            "memory": memory,
            "memory_at_start": first,
        }

    def costs(self, sizes: Mapping[str, int]) -> dict[str, Cost]:
        return {name: Cost(2.0, 0.5) for name in sizes}


class Told(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, done: int, total: int, words: str) -> None:
        self.lines.append(f"{done}/{total} {words}")

    def hear(self, words: str) -> None:
        self.lines.append(words)

    def finish(self, words: str) -> None:
        self.lines.append(words)


def plan(folder: Path, **changes: Any) -> Plan:
    usual: dict[str, Any] = {
        "contenders": choose(["rnn", "lstm", "gru"]),
        "seeds": (1, 2, 3),
        "hidden_size": 5,
        "match": "parameters",
        "output": folder,
        "command": "peephole compare --task echo",
    }
    return Plan(**{**usual, **changes})
