"""The batches of every pass, known before the first step: their number decides the schedule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peephole.training.batches import Budget, Rows, epoch_batches
from peephole.training.recipe import Recipe
from peephole.training.sizes import epochs_for


def plan_batches(lengths: NDArray[np.int64], recipe: Recipe) -> list[list[Rows]]:
    """Return the batches of every pass, shuffled; they do not depend on how many processes share each.

    Args:
        lengths: tokens of each training text `[texts]`, as training sees it.
        recipe: with `batch_tokens` and `batch_rows`; without `epochs`, their number follows from the batches.
    """
    assert recipe.batch_tokens is not None, "resolve_sizes fills it in"
    assert recipe.batch_rows is not None, "resolve_sizes fills it in"
    budget = Budget(recipe.batch_tokens, recipe.batch_rows)

    def batches(epoch: int) -> list[Rows]:
        return epoch_batches(lengths, budget, seed=recipe.seed, epoch=epoch)

    first = batches(0)
    epochs = recipe.epochs or epochs_for(len(first))
    return [first, *(batches(epoch) for epoch in range(1, epochs))]
