"""The gradients of a window: each direction by itself, and on a CPU the two side by side.

The two networks of a language model share the vectors of tokens and nothing else, so neither waits for the other: each gets
half of the threads. Chance is drawn before they part, and gradients are added in one order, so the bits are a function of the
number of threads alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from peephole.training.language.learner import LanguageLearner
from peephole.training.language.network import LanguageModel
from peephole.training.language.sampled import Candidates, sampled_loss
from peephole.training.language.streams import Ids, Streams
from peephole.training.machine import Machine

Masks = tuple[Tensor | None, ...]


def add_language_gradients(
    learner: LanguageLearner,
    laid: Sequence[Streams],
    window: int,
    choice: Candidates,
    chance: np.random.Generator,
    machine: Machine,
) -> float:
    """Add the gradients of a window's loss, the mean of all directions, and return it, in nats a token.

    Each of several processes has some of the streams, adds the gradients of their share of the mean, and returns that share;
    chance is drawn for all streams.
    """
    model, count = learner.model, len(laid)
    each = len(learner.carried) // count
    jobs: list[tuple[Ids, Ids, Ids, list[Tensor], Masks]] = []
    for direction, streams in enumerate(laid):
        ids, right = streams.at(window, model.recipe.window)
        chosen, place = choice.choose(right.ravel(), chance)
        masks = model.draw_masks(ids.shape[1])
        if machine.processes > 1:
            own = slice(machine.process, None, machine.processes)
            place = place.reshape(right.shape)[:, own].ravel()
            ids = ids[:, own]
            masks = tuple(None if mask is None else mask[:, own] for mask in masks)
        before = learner.carried[direction * each : (direction + 1) * each]
        jobs.append((ids, chosen, place, before, masks))

    def lose(direction: int) -> tuple[Tensor, list[Tensor]]:
        ids, chosen, place, before, masks = jobs[direction]
        with machine.autocast():
            said, after = model(machine.tensor(ids), before, direction, masks)
        among = machine.tensor(chosen)
        correction = machine.tensor(choice.log_chance[chosen]) if choice.drawn else None
        vectors = torch.nn.functional.embedding(among, model.embedding.weight)
        loss = sampled_loss(said.float(), vectors, model.bias[among], machine.tensor(place), correction)
        return loss if machine.processes == 1 else loss / machine.processes, after

    results: list[tuple[Tensor, list[Tensor]]] = []
    with machine.autocast_products():
        if _may_part(model, machine):
            results = _side_by_side(model, lose, count)
        else:
            for direction in range(count):
                results.append(lose(direction))
                machine.accelerator.backward(results[-1][0] / count)
    learner.carried = [state for _, after in results for state in after]
    return sum(float(loss.detach()) for loss, _ in results) / count


def _may_part(model: LanguageModel, machine: Machine) -> bool:
    """Tell whether directions can run in threads: on a CPU with one for each, and where no chance is drawn on the way."""
    return (
        model.directions > 1
        and machine.device.type == "cpu"
        and torch.get_num_threads() >= model.directions
        and model.recipe.recurrent_dropout == 0
    )


def _side_by_side(
    model: LanguageModel, lose: Callable[[int], tuple[Tensor, list[Tensor]]], count: int
) -> list[tuple[Tensor, list[Tensor]]]:
    """Run every direction in a thread of its own, and add the gradients in the directions' order."""
    own = [
        [*model.networks[direction].parameters(), *model.projections[direction].parameters()]
        for direction in range(count)
    ]
    shared = [model.embedding.weight, model.bias]

    share = torch.get_num_threads() // count

    def work(direction: int) -> tuple[tuple[Tensor, list[Tensor]], tuple[Tensor, ...]]:
        torch.set_num_threads(share)
        result = lose(direction)
        return result, torch.autograd.grad(result[0] / count, [*own[direction], *shared])

    threads = torch.get_num_threads()
    try:
        # Leaving the block waits for both, also where one fails.
        with ThreadPoolExecutor(count, "direction") as pool:
            done = list(pool.map(work, range(count)))
    finally:
        torch.set_num_threads(threads)  # a worker's number is the process's too, for threads that begin later
    for direction, (_, gradients) in enumerate(done):
        for weight, gradient in zip([*own[direction], *shared], gradients, strict=True):
            weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
    return [result for result, _ in done]
