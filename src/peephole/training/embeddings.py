"""Vectors of tokens from the corpus itself: which tokens stand near each other, compressed by an SVD.

Positive pointwise mutual information of neighbours says how much more often two tokens stand together than
chance would have them; its largest singular vectors are a vector for each token. The matrix `[V, V]` is never
held whole: blocks of its rows are counted, kept as their non-zero entries, and filled again for each product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peephole.training.corpus import Corpus

SPECIAL_TOKENS = 3  # padding, unknown, start: they have no neighbours worth counting
_BLOCK_ENTRIES = 8_000_000  # entries of a block of rows: 32 MB in float32
_SPREAD = 0.2  # standard deviation of a vector's entries, about what the network's first weights expect

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows `first` to `first + rows` of the matrix: its non-zero entries.

    Args:
        first: first row.
        rows: number of rows.
        where: flat index of each entry in the block `[entries]`, int64.
        values: the entries `[entries]`, float32, above 0.
    """

    first: int
    rows: int
    where: NDArray[np.int64]
    values: Floats

    def dense(self, vocabulary: int) -> Floats:
        """Return the rows with their zeros `[rows, V]`."""
        matrix = np.zeros(self.rows * vocabulary, dtype=np.float32)
        matrix[self.where] = self.values
        return matrix.reshape(self.rows, vocabulary)


def corpus_embeddings(
    corpus: Corpus, vocabulary: int, width: int, *, window: int = 5, seed: int = 0
) -> Floats:
    """Return a vector for every token of the vocabulary, from the texts alone; labels are not looked at.

    Args:
        corpus: the training texts, uncut.
        vocabulary: number of tokens V; ids are below it.
        width: features of a vector E.
        window: farthest neighbour that counts, in tokens, at least 1.
        seed: seed of the random projection that starts the SVD.

    Returns:
        Vectors `[V, E]`, float32, each of length ``0.2 · √E``; zero for tokens that no text contains and for
        the special tokens.

    Source: Levy, Goldberg & Dagan, "Improving distributional similarity with lessons learned from word
        embeddings" (2015): contexts to the power 0.75, vectors ``U √S``; the SVD by subspace iteration as in
        Halko, Martinsson & Tropp (2011).

    Example:
        >>> corpus = Corpus.from_texts([np.array([3, 4, 5, 4]), np.array([5, 3])], [0, 1])
        >>> corpus_embeddings(corpus, vocabulary=8, width=4).shape
        (8, 4)
    """
    counts = neighbour_counts(corpus, vocabulary, window)
    blocks = list(ppmi_blocks(corpus, counts, window))
    sketch = min(width + 32, vocabulary)
    basis = np.random.default_rng(seed).standard_normal((vocabulary, sketch), dtype=np.float32)
    for _ in range(4):
        basis = np.linalg.qr(_gram_product(blocks, basis))[0]
    projected = _product(blocks, basis)
    left, values, _ = np.linalg.svd(projected, full_matrices=False)
    left *= np.where(
        left[np.abs(left).argmax(axis=0), np.arange(sketch)] < 0, -1, 1
    )  # the SVD leaves signs open
    kept = min(width, sketch)
    vectors = np.zeros((vocabulary, width), dtype=np.float32)
    vectors[:, :kept] = left[:, :kept] * np.sqrt(values[:kept])
    seen = counts > 0
    if seen.any():
        vectors[seen] -= vectors[seen].mean(axis=0)
        lengths = np.linalg.norm(vectors[seen], axis=1, keepdims=True)
        vectors[seen] *= _SPREAD * np.sqrt(width) / np.maximum(lengths, 1e-3)
    vectors[~seen] = 0
    return vectors


def neighbour_counts(corpus: Corpus, vocabulary: int, window: int) -> NDArray[np.float64]:
    """Return the weighted number of neighbours of each token `[V]`; a neighbour at distance k counts ``1/√k``."""
    counts = np.zeros(vocabulary)
    for distance, (left, right) in _pairs(corpus, window):
        met = np.bincount(left, minlength=vocabulary) + np.bincount(right, minlength=vocabulary)
        counts += met / np.sqrt(distance)
    return counts


def ppmi_blocks(corpus: Corpus, counts: NDArray[np.float64], window: int) -> Iterator[Block]:
    """Yield the matrix of positive pointwise mutual information, block of rows by block of rows.

    Entry `[i, j]` is ``max(0, log(n_ij / (n_i · p_j)))`` with `n` the weighted counts and ``p_j`` the share of
    ``n_j ** 0.75``.

    Args:
        corpus: the training texts.
        counts: what `neighbour_counts` returned for them `[V]`.
        window: as there.
    """
    vocabulary = len(counts)
    share = counts**0.75 / max((counts**0.75).sum(), 1e-12)
    ids, texts = corpus.ids, np.repeat(np.arange(len(corpus)), corpus.lengths)
    by_token = np.argsort(ids, kind="stable")
    first_of = np.searchsorted(ids[by_token], np.arange(vocabulary + 1))
    height = max(1, _BLOCK_ENTRIES // vocabulary)
    for first in range(0, vocabulary, height):
        rows = min(height, vocabulary - first)
        here = by_token[first_of[first] : first_of[first + rows]]
        entries: list[NDArray[np.int64]] = []
        weights: list[Floats] = []
        for distance in range(1, window + 1):
            for step in (-distance, distance):
                there = here + step
                inside = (there >= 0) & (there < len(ids))
                centre, neighbour = here[inside], there[inside]
                same = (texts[centre] == texts[neighbour]) & _counted(ids, centre, neighbour)
                entries.append(
                    (ids[centre[same]].astype(np.int64) - first) * vocabulary + ids[neighbour[same]]
                )
                weights.append(np.full(len(entries[-1]), 1 / np.sqrt(distance), dtype=np.float32))
        met = np.bincount(np.concatenate(entries), np.concatenate(weights), minlength=rows * vocabulary)
        where = np.flatnonzero(met)
        expected = counts[first + where // vocabulary] * share[where % vocabulary]
        values = np.log(met[where] / expected)
        yield Block(first, rows, where[values > 0], values[values > 0].astype(np.float32))


def _pairs(corpus: Corpus, window: int) -> Iterator[tuple[int, tuple[NDArray[np.int32], NDArray[np.int32]]]]:
    """Yield each distance with the left and right tokens of all pairs that far apart in one text."""
    ids, texts = corpus.ids, np.repeat(np.arange(len(corpus)), corpus.lengths)
    for distance in range(1, min(window, len(ids) - 1) + 1):
        left = np.arange(len(ids) - distance)
        left = left[(texts[:-distance] == texts[distance:]) & _counted(ids, left, left + distance)]
        yield distance, (ids[left], ids[left + distance])


def _counted(ids: NDArray[np.int32], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (ids[left] >= SPECIAL_TOKENS) & (ids[right] >= SPECIAL_TOKENS)


def _product(blocks: list[Block], matrix: Floats) -> Floats:
    """Return ``A @ matrix`` `[V, k]` for the matrix A that the blocks make."""
    return np.concatenate([block.dense(len(matrix)) @ matrix for block in blocks])


def _gram_product(blocks: list[Block], matrix: Floats) -> Floats:
    """Return ``Aᵀ (A @ matrix)`` `[V, k]`, filling every block once."""
    total = np.zeros_like(matrix)
    for block in blocks:
        dense = block.dense(len(matrix))
        total += dense.T @ (dense @ matrix)
    return total
