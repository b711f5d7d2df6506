"""One contender learns one task from one seed, until it has solved it or its budget is spent."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from peephole.studies.compare.contenders import Contender
from peephole.studies.compare.study import Stopped
from peephole.studies.compare.task_network import TaskNetwork, loss_of
from peephole.studies.tasks import Batch, Budget, Task
from peephole.studies.tasks.task import Booleans

CLIP = 1.0  # largest norm of a gradient
JUDGED, TESTED = 256, 2560  # sequences of a judgement along the way, and of the test

Ending = Literal["solved", "budget", "diverged"]


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """A judgement along the way.

    Attributes:
        sequences: trained on so far.
        loss: mean training loss since the judgement before: squared error, or nats a step.
        right: share of the judged sequences that are right at all their steps.
    """

    sequences: int
    loss: float
    right: float


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """What a network makes of sequences that it has not seen.

    Attributes:
        right: share that is right at all counted steps, in [0, 1].
        loss: mean squared error, or nats a step; None where it is not finite.
        n: sequences; 0 after a training that diverged.
    """

    right: float
    loss: float | None
    n: int


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What a contender has become.

    Attributes:
        start: with its first weights.
        network: trained.
        ending: ``"solved"``; ``"budget"``: it was spent before; ``"diverged"``: the loss became infinite or undefined.
        sequences: trained on.
            further: what the task alone can tell.
        curve: the judgements.
        seconds: of learning, judgements included.
    """

    start: TaskNetwork
    network: TaskNetwork
    ending: Ending
    sequences: int
    score: Score
    further: dict[str, Any]
    curve: tuple[Point, ...]
    seconds: float


def learn(
    task: Task,
    contender: Contender,
    hidden: int,
    budget: Budget,
    seed: int,
    *,
    hear: Callable[[Point], None] = lambda point: None,
    must_stop: Callable[[], bool] = lambda: False,
) -> Learnt:
    """Train a network on a task.

    Adam at a constant rate, gradients clipped to a norm of 1, float32. Every `budget.judge_steps` steps 256 sequences are judged,
    the same each time; where they are solved, 2,560 others are, and where those are too, the task is. The seed decides the first
    weights and all sequences; the same seed gives the same bits on the same machine.

    Args:
        task: what to learn.
        contender: who learns.
        hidden: units, at least 1.
        budget: how long, and how.
        seed: at least 0.
        hear: hears each judgement.
        must_stop: asked after each judgement.

    Raises:
        Stopped: `must_stop` said so.
    """
    begun = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TaskNetwork(task, contender, hidden, budget.init)
    start = copy.deepcopy(network)
    rate = budget.rates.get(contender.name, budget.learning_rate)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    lessons, judged, tests = (np.random.default_rng([seed, stream]) for stream in range(3))
    exam = task.test(JUDGED, judged)
    curve: list[Point] = []
    losses: list[float] = []
    ending: Ending = "budget"
    result: Score | None = None
    step = 0
    while step * budget.batch < budget.sequences:
        step += 1
        losses.append(take_step(task, network, optimizer, task.batch(budget.batch, lessons)))
        if not math.isfinite(losses[-1]):
            ending, result = "diverged", Score(0.0, None, 0)
            break
        if step % budget.judge_steps:
            continue
        point = Point(step * budget.batch, float(np.mean(losses)), _score(task, network, [exam]).right)
        curve.append(point)
        losses.clear()
        hear(point)
        if must_stop():
            raise Stopped
        if point.right >= task.needed and (result := test(task, network, tests)).right >= task.needed:
            ending = "solved"
            break
        result = None  # of weights that go on changing
    return Learnt(
        start=start,
        network=network,
        ending=ending,
        sequences=step * budget.batch,
        score=test(task, network, tests) if result is None else result,
        further={} if ending == "diverged" else task.further(network.answer),
        curve=tuple(curve),
        seconds=time.perf_counter() - begun,
    )


def test(task: Task, network: TaskNetwork, rng: np.random.Generator) -> Score:
    """Judge a network on 2,560 new sequences, or on all there are."""
    if task.test_is_fixed:
        return _score(task, network, [task.test(TESTED, rng)])
    return _score(task, network, (task.test(JUDGED, rng) for _ in range(TESTED // JUDGED)))


def _score(task: Task, network: TaskNetwork, batches: Iterable[Batch]) -> Score:
    right: list[Booleans] = []
    losses: list[float] = []
    for batch in batches:
        outputs = network.answer(batch)
        right.append(task.right(outputs, batch))
        losses.append(float(loss_of(task.loss, torch.from_numpy(outputs), batch.counted_targets)))
    share, loss = np.concatenate(right), float(np.mean(losses))
    return Score(float(share.mean()), loss if math.isfinite(loss) else None, len(share))


def take_step(task: Task, network: TaskNetwork, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """Take a step, unless the loss or the gradient is not finite; return the loss, or what is not finite."""
    optimizer.zero_grad()
    loss = loss_of(task.loss, network(batch), batch.counted_targets)
    loss.backward()
    norm = float(nn.utils.clip_grad_norm_(network.parameters(), CLIP))
    if not math.isfinite(norm):
        return norm
    optimizer.step()
    return float(loss.detach())
