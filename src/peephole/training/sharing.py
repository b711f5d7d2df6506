"""How several processes share a batch: about as many tokens for each, and what each one's loss counts of the whole.

The batches of a run do not depend on the number of processes. Each takes some texts of every batch, its gradients are those of
its texts' share of the batch's loss, and the sum over the processes is what one process would have found, up to rounding.
"""

from __future__ import annotations

import dataclasses
import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peephole.errors import OptionError
from peephole.nn.part import PackedPart
from peephole.training.batches import Batch, Rows, gather
from peephole.training.corpus import Corpus
from peephole.training.recipe import Recipe


def check_shares(recipe: Recipe, processes: int) -> None:
    """Refuse to divide batches that cannot have a text for each process.

    Raises:
        OptionError: `batch_rows` or `batch_tokens` is below the number of processes.
    """
    for name in ("batch_rows", "batch_tokens"):
        if getattr(recipe, name) < processes:
            raise OptionError(
                f"train: the {processes} processes share each batch, so {name} must be at least {processes}; "
                f"got {getattr(recipe, name)}",
                hint="start fewer processes, or give larger batches: sixteen texts or more for each process",
            )


def share_out(lengths: NDArray[np.int64], processes: int) -> list[Rows]:
    """Divide the texts of a batch so that no process waits long for another: the longest first, each to who has least.

    Args:
        lengths: tokens of each text `[N]`.
        processes: how many share them, at least 1.

    Returns:
        For each process the places of its texts, rising; none where there are fewer texts than processes.

    Source: the rule of the longest processing time, Graham, "Bounds on multiprocessing timing anomalies" (1969). A text counts
        one token more than it has, so that texts without any are dealt out too.

    Example:
        >>> [places.tolist() for places in share_out(np.array([3, 9, 4, 8]), 2)]
        [[0, 1], [2, 3]]
    """
    places: list[list[int]] = [[] for _ in range(processes)]
    loads = [(0, process) for process in range(processes)]
    for place in np.argsort(-lengths, kind="stable"):
        load, process = loads[0]
        places[process].append(int(place))
        heapq.heapreplace(loads, (load + int(lengths[place]) + 1, process))
    return [np.sort(np.array(own, dtype=np.int64)) for own in places]


def gather_part(corpus: Corpus, rows: Rows, process: int, processes: int) -> Batch:
    """Collect one process's texts of a batch, and what must be known of the others.

    Args:
        corpus: where the texts are.
        rows: indices of the texts of the whole batch `[N]`.
        process: which process asks, at least 0.
        processes: how many share the batch; one has all of it.
    """
    whole = gather(corpus, rows)
    if processes == 1:
        return whole
    places = share_out(corpus.lengths[rows], processes)[process]
    return dataclasses.replace(
        gather(corpus, rows[places]), whole=whole, part=PackedPart(whole.sequences, places)
    )


@dataclass(frozen=True, slots=True)
class Shares:
    """What the texts of a process count of the whole batch, each in [0, 1]: the factors of its losses, which are means.

    Args:
        labelled: of the texts with a label, weighed by their class and their own weight.
        every: of all texts, weighed by their own weight.
    """

    labelled: float = 1.0
    every: float = 1.0


def shares_of(batch: Batch, balance: NDArray[np.float32] | None) -> Shares:
    """Return what the texts of a batch count of the whole that it is a part of.

    Args:
        batch: the texts of this process.
        balance: weight of each class `[C]`, or None.

    Example:
        >>> corpus = Corpus.from_texts([np.array([5]), np.array([6, 7, 8]), np.array([9])], [0, 1, -1])
        >>> parts = [gather_part(corpus, np.arange(3), process, 2) for process in range(2)]
        >>> [shares_of(part, np.array([1.0, 3.0])) for part in parts]
        [Shares(labelled=0.75, every=0.3333333333333333), Shares(labelled=0.25, every=0.6666666666666666)]
    """
    if batch.whole is None:
        return Shares()
    own, whole = ([_labelled_weight(each, balance), _weight(each)] for each in (batch, batch.whole))
    labelled, every = (mine / of_all if of_all else 0.0 for mine, of_all in zip(own, whole, strict=True))
    return Shares(labelled, every)


def _weight(batch: Batch) -> float:
    return float(len(batch.labels) if batch.weights is None else batch.weights.sum(dtype=np.float64))


def _labelled_weight(batch: Batch, balance: NDArray[np.float32] | None) -> float:
    known = batch.labels >= 0
    weights = np.ones(len(known)) if batch.weights is None else batch.weights.astype(np.float64)
    if balance is not None:
        weights = (
            weights * balance.astype(np.float64)[batch.labels]
        )  # of a text without a label: not looked at
    return float(weights[known].sum())
