"""The batches of every pass, known before the first step: their number decides the schedule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peephole.training.batches import Budget, Rows, epoch_batches
from peephole.training.recipe import Recipe
from peephole.training.sizes import epochs_for


def plan_batches(lengths: NDArray[np.int64], recipe: Recipe, processes: int = 1) -> list[list[Rows]]:
    """Return the batches of every pass, shuffled, of all processes.

    Args:
        lengths: tokens of each training text `[texts]`, as training sees it.
        recipe: with `batch_tokens` and `batch_rows`; without `epochs`, their number follows from the batches.
        processes: how many processes share the batches of a pass, each taking every `processes`-th.

    Raises:
        OptionError: there are fewer texts than processes.
    """
    assert recipe.batch_tokens is not None, "resolve_sizes fills it in"
    assert recipe.batch_rows is not None, "resolve_sizes fills it in"
    budget = Budget(recipe.batch_tokens, recipe.batch_rows)

    def batches(epoch: int) -> list[Rows]:
        return epoch_batches(lengths, budget, seed=recipe.seed, epoch=epoch, processes=processes)

    first = batches(0)
    epochs = recipe.epochs or epochs_for(len(first) // processes)
    return [first, *(batches(epoch) for epoch in range(1, epochs))]
