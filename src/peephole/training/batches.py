"""Batches: texts of like length together, as many as a budget of tokens holds, in an order made by chance.

The batches of a pass are a pure function of the corpus, the budgets, the seed and the number of the pass. So a
resumed run needs no state of a generator to find its place: the number of the pass and of the batch are enough.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peephole.nn.part import PackedPart
from peephole.ops import Sequences
from peephole.training.corpus import Corpus

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Budget:
    """How large a batch may be. A single text that is over the budget makes a batch of its own.

    Args:
        tokens: most tokens, counted as the longest text times the number of texts, at least 1.
        rows: most texts, at least 1.
    """

    tokens: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Texts ready for the network.

    Args:
        ids: token ids as packed rows `[R]`, int64.
        sequences: where each row stands.
        labels: class of each text `[N]`, int64; −1 for a text without a label.
        rows: index of each text in its corpus `[N]`.
        targets: probabilities that teachers give the classes `[N, C]`, float32, or None.
        weights: how much each text counts `[N]`, float32, each above 0; None where all count alike.
        whole: the batch that several processes share and this is a part of; None: this is all of it.
        part: where its texts stand in the whole batch; None: this is all of it.
    """

    ids: NDArray[np.int64]
    sequences: Sequences
    labels: NDArray[np.int64]
    rows: Rows
    targets: NDArray[np.float32] | None = None
    weights: NDArray[np.float32] | None = None
    whole: Batch | None = None
    part: PackedPart | None = None

    @property
    def all_texts(self) -> Batch:
        """The whole batch: this one, unless it is a part."""
        return self if self.whole is None else self.whole


def epoch_batches(lengths: NDArray[np.int64], budget: Budget, *, seed: int, epoch: int) -> list[Rows]:
    """Deal every text of a corpus into the batches of one pass.

    Texts are sorted by a length that chance has changed a little, so that each pass has other neighbours, and
    the batches are shuffled.

    Args:
        lengths: tokens of each text `[texts]`.
        budget: how large a batch may be.
        seed: seed of the run, at least 0.
        epoch: number of the pass, at least 0; chance is a function of these two.

    Returns:
        Indices of the texts of each batch; every text stands in exactly one.

    Example:
        >>> batches = epoch_batches(np.array([3, 9, 4, 8]), Budget(tokens=20, rows=2), seed=1, epoch=0)
        >>> sorted(sorted(batch.tolist()) for batch in batches)
        [[0, 2], [1, 3]]
    """
    chance = np.random.default_rng([seed, epoch])
    jittered = lengths * chance.uniform(0.93, 1.07, len(lengths)) + chance.uniform(0, 4, len(lengths))
    batches = fill(np.argsort(jittered, kind="stable"), lengths, budget)
    return [batches[index] for index in chance.permutation(len(batches))]


def sorted_batches(lengths: NDArray[np.int64], budget: Budget) -> list[Rows]:
    """Deal every text into batches by its length alone, longest first: for evaluation."""
    return fill(np.argsort(-lengths, kind="stable"), lengths, budget)


def fill(order: Rows, lengths: NDArray[np.int64], budget: Budget) -> list[Rows]:
    """Cut `order` into batches, each as long as the budget allows."""
    batches: list[Rows] = []
    start, longest = 0, 0
    for end, index in enumerate(order):
        longest = max(longest, int(lengths[index]))
        rows = end - start + 1
        if end > start and (rows > budget.rows or rows * longest > budget.tokens):
            batches.append(order[start:end])
            start, longest = end, int(lengths[index])
    if len(order):
        batches.append(order[start:])
    return batches


def with_labels(batch: Batch) -> tuple[Batch, Rows]:
    """Return the labelled texts of a batch, and the packed rows of the batch that are theirs `[rows]`, in their order.

    Example:
        >>> corpus = Corpus.from_texts([np.array([5]), np.array([6, 7, 8])], [0, -1])
        >>> part, rows = with_labels(gather(corpus, np.array([0, 1])))
        >>> part.ids.tolist(), rows.tolist()
        ([5], [1])
    """
    (chosen,) = np.nonzero(batch.labels >= 0)
    whole, part = batch.sequences, Sequences.from_lengths(batch.sequences.lengths[chosen])
    rows = whole.offsets[part.row_time] + whole.inverse[chosen[part.row_batch]]
    targets = None if batch.targets is None else batch.targets[chosen]
    weights = None if batch.weights is None else batch.weights[chosen]
    labelled = Batch(batch.ids[rows], part, batch.labels[chosen], batch.rows[chosen], targets, weights)
    if batch.whole is not None and batch.part is not None:
        (everywhere,) = np.nonzero(batch.whole.labels >= 0)
        above = with_labels(batch.whole)[0]
        places = np.searchsorted(everywhere, batch.part.places[chosen])
        labelled = dataclasses.replace(labelled, whole=above, part=PackedPart(above.sequences, places))
    return labelled, rows


def gather(corpus: Corpus, rows: Rows) -> Batch:
    """Collect the texts of one batch as packed rows.

    Args:
        corpus: where the texts are.
        rows: indices of the texts `[N]`.

    Example:
        >>> corpus = Corpus.from_texts([np.array([5]), np.array([6, 7, 8])], [0, 1])
        >>> gather(corpus, np.array([0, 1])).ids.tolist()      # step by step, the longest text first
        [6, 5, 7, 8]
    """
    sequences = Sequences.from_lengths(corpus.lengths[rows])
    where = corpus.starts[rows][sequences.row_batch] + sequences.row_time
    targets = None if corpus.targets is None else corpus.targets[rows]
    weights = None if corpus.weights is None else corpus.weights[rows]
    ids = corpus.ids[where].astype(np.int64)
    return Batch(ids, sequences, corpus.labels[rows], rows, targets, weights)
