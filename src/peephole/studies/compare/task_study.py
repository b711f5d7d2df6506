"""A task with a known answer as the subject of a comparison."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from peephole.evaluation.metrics import accuracy_interval
from peephole.ops import choose_backend
from peephole.studies.bench.timing import Contestant, take_turns
from peephole.studies.compare.contenders import CONTENDERS, Contender
from peephole.studies.compare.study import Cost, Study
from peephole.studies.compare.task_network import TaskNetwork, task_parameters
from peephole.studies.compare.task_trainer import CLIP, Learnt, Point, learn, take_step
from peephole.studies.measures import Memory, memory_of_layer, rounded
from peephole.studies.tasks import Batch, Budget, Task, make_task

_MEASURED = 64  # sequences that memory is measured on
_TIMED = 0.5  # seconds that turns are taken for


class TaskStudy(Study):
    """A comparison on a task.

    Args:
        task: what is learnt.
        budget: how long, and how; the task's own, or a changed one.
    """

    def __init__(self, task: Task, budget: Budget | None = None) -> None:
        self.task, self.budget = task, task.budget if budget is None else budget

    @classmethod
    def of(
        cls,
        name: str,
        length: int | None = None,
        variant: str | None = None,
        changes: Mapping[str, Any] | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> TaskStudy:
        """Return the comparison on a named task, with its own budget where nothing else is said.

        Args:
            name: as `make_task` takes it.
            length: likewise.
            variant: likewise.
            changes: fields of the `Budget`; those that are None stay as they are. A learning rate is then that of all contenders.
            rates: contender → a learning rate of its own.

        Raises:
            OptionError: something is out of range.

        Example:
            >>> TaskStudy.of("adding", changes={"batch": 10}, rates={"irnn": 1e-4}).budget.batch
            10
        """
        task = make_task(name, length=length, variant=variant)
        given = {key: value for key, value in (changes or {}).items() if value is not None}
        own = {} if "learning_rate" in given else task.budget.rates
        return cls(task, dataclasses.replace(task.budget, **given, rates={**own, **(rates or {})}))

    @property
    def usual_size(self) -> int:
        """The budget's."""
        return self.budget.hidden_size

    @property
    def facts(self) -> dict[str, Any]:
        """The task, what chance does, and the budget."""
        task = self.task
        return {
            "kind": "task",
            "task": task.name,
            "variant": task.variant,
            "variants": list(task.variants),
            "length": task.length,
            "title": task.title,
            "source": task.source,
            "definition": task.definition,
            "criterion": task.criterion,
            "needed": task.needed,
            "loss": {"squared": "mean squared error"}.get(task.loss, "nats a step"),
            "chance": task.chance,
            "budget": dataclasses.asdict(self.budget),
            "clip": CLIP,
        }

    def count(self, contender: Contender, hidden: int) -> int:
        """Recurrent layer and linear layer."""
        return task_parameters(self.task, contender, hidden)

    def what(self, contender: Contender, hidden: int, seed: int) -> dict[str, Any]:
        """Task, contender, size, seed, and what of the budget concerns it."""
        budget = dataclasses.asdict(self.budget)
        rates: dict[str, float] = budget.pop("rates")
        del budget["hidden_size"]
        return {
            "task": self.task.name,
            "variant": self.task.variant,
            "length": self.task.length,
            "contender": contender.name,
            "hidden_size": hidden,
            "seed": seed,
            **budget,
            "learning_rate": rates.get(contender.name, self.budget.learning_rate),
            "init": contender.init or self.budget.init,
        }

    def run(
        self,
        contender: Contender,
        hidden: int,
        seed: int,
        seconds_left: Callable[[], float],
        hear: Callable[[str], None],
    ) -> dict[str, Any]:
        """Learn, test, and measure memory before and after."""
        learnt = learn(
            self.task,
            contender,
            hidden,
            self.budget,
            seed,
            hear=lambda point: hear(_progress(point, self.budget)),
            must_stop=lambda: seconds_left() <= 0,
        )
        batch = self.task.batch(_MEASURED, np.random.default_rng([seed, 3]))
        return {
            **_result(learnt),
            "parameters": self.count(contender, hidden),
            "backend": choose_backend(contender.make_cell()).name,
            "threads": torch.get_num_threads(),
            "memory_at_start": measured(learnt.start, batch).to_json(),
            "memory": None if learnt.ending == "diverged" else measured(learnt.network, batch).to_json(),
        }

    def costs(self, sizes: Mapping[str, int]) -> dict[str, Cost]:
        """A training step on a batch, and an answer to it without what a gradient needs."""
        batch = self.task.batch(self.budget.batch, np.random.default_rng(0))
        contestants: dict[str, Contestant] = {}
        with torch.random.fork_rng(devices=[]):
            for name, hidden in sizes.items():
                network = TaskNetwork(self.task, CONTENDERS[name], hidden, self.budget.init)
                optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
                contestants[f"training {name}"] = Contestant(
                    lambda network=network, optimizer=optimizer: take_step(
                        self.task, network, optimizer, batch
                    )
                )
                contestants[f"inference {name}"] = Contestant(lambda network=network: network.answer(batch))
        times = take_turns(contestants, _TIMED)
        scale = 1e6 / int(batch.lengths.sum())  # seconds for the batch → milliseconds for 1,000 steps
        return {
            name: Cost(*(times[f"{kind} {name}"].median * scale for kind in ("training", "inference")))
            for name in sizes
        }

    def summary(self, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
        """How many seeds solved it, and how far the others came."""
        return {name: _summary(own) for name, own in runs.items()}

    def told(self, run: Mapping[str, Any]) -> str:
        """How it ended."""
        if run["ending"] == "solved":
            return f"solved after {run['sequences']:,} sequences"
        ending = {"budget": "not solved", "diverged": "diverged"}[run["ending"]]
        return f"{ending}: {run['right']:.1%} right"


def measured(network: TaskNetwork, batch: Batch) -> Memory:
    """Return what a network does with time, on a batch."""
    return memory_of_layer(network.layer, batch.inputs, batch.lengths, network.head.weight.detach().numpy())


def _progress(point: Point, budget: Budget) -> str:
    share = min(1.0, point.sequences / budget.sequences)
    return f"{share:.0%} of the budget, loss {point.loss:.4f}, {point.right:.1%} right"


def _result(learnt: Learnt) -> dict[str, Any]:
    return {
        "ending": learnt.ending,
        "sequences": learnt.sequences,
        "right": learnt.score.right,
        "tested": learnt.score.n,
        "loss": learnt.score.loss,
        "further": learnt.further,
        "seconds": round(learnt.seconds, 2),
        "curve": {
            "sequences": [point.sequences for point in learnt.curve],
            "loss": rounded([point.loss for point in learnt.curve]),
            "right": rounded([point.right for point in learnt.curve]),
        },
    }


def _summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    solved = [run for run in runs if run["ending"] == "solved"]
    shares = [run["right"] for run in runs]
    further = {
        name: statistics.median(run["further"][name] for run in runs if name in run["further"])
        for name in {name for run in runs for name in run["further"]}
    }
    losses = [run["loss"] for run in runs if run["loss"] is not None]
    return {
        "solved": len(solved),
        "solved_interval": list(accuracy_interval(len(solved), len(runs))),
        "right": statistics.median(shares),
        "right_range": [min(shares), max(shares)],
        "loss": statistics.median(losses) if losses else None,
        "sequences": statistics.median(run["sequences"] for run in solved) if solved else None,
        "diverged": sum(run["ending"] == "diverged" for run in runs),
        "further": further,
    }
