from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from peephole.training.batches import Budget, epoch_batches, gather, sorted_batches
from peephole.training.corpus import Corpus

LENGTHS = np.random.default_rng(0).integers(0, 400, 500)
BUDGET = Budget(tokens=2_000, rows=20)


@given(
    lengths=st.lists(st.integers(0, 60), min_size=4, max_size=60),
    tokens=st.integers(1, 200),
    rows=st.integers(1, 12),
    epoch=st.integers(0, 3),
)
def test_every_text_once_and_within_the_budget(lengths, tokens, rows, epoch) -> None:
    array = np.array(lengths)
    batches = epoch_batches(array, Budget(tokens, rows), seed=5, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= rows
        assert len(batch) == 1 or array[batch].max() * len(batch) <= tokens


def test_chance_is_a_function_of_seed_and_epoch() -> None:
    def deal(seed: int, epoch: int) -> list[list[int]]:
        return [batch.tolist() for batch in epoch_batches(LENGTHS, BUDGET, seed=seed, epoch=epoch)]

    assert deal(1, 0) == deal(1, 0)
    assert deal(1, 0) != deal(1, 1)
    assert deal(1, 0) != deal(2, 0)
    # Not only the order of the batches changes: a text has other neighbours in each pass.
    assert {tuple(sorted(batch)) for batch in deal(1, 0)} != {tuple(sorted(batch)) for batch in deal(1, 1)}


def test_texts_of_like_length_stand_together() -> None:
    batches = epoch_batches(LENGTHS, BUDGET, seed=1, epoch=0)
    padded = sum(len(batch) * int(LENGTHS[batch].max()) for batch in batches)
    assert padded < 1.25 * LENGTHS.sum()
    shuffled = np.random.default_rng(0).permutation(500).reshape(50, 10)
    assert sum(10 * int(LENGTHS[batch].max()) for batch in shuffled) > 1.7 * LENGTHS.sum()


def test_short_texts_do_not_make_giant_batches() -> None:
    batches = epoch_batches(np.full(1_000, 2), Budget(tokens=8_000, rows=64), seed=1, epoch=0)
    assert max(map(len, batches)) == 64


def test_sorted_batches_begin_with_the_longest() -> None:
    batches = sorted_batches(np.array([3, 9, 1, 9]), Budget(tokens=18, rows=9))
    assert [batch.tolist() for batch in batches] == [[1, 3], [0, 2]]


def test_gather_makes_packed_rows_in_the_batches_order() -> None:
    texts = [np.array([10, 11]), np.array([], dtype=np.int32), np.array([30, 31, 32]), np.array([40])]
    corpus = Corpus.from_texts(texts, [0, 1, 1, 0])
    batch = gather(corpus, np.array([3, 1, 2]))
    assert batch.labels.tolist() == [0, 1, 1]
    assert [batch.ids[batch.sequences.rows_of(n)].tolist() for n in range(3)] == [[40], [], [30, 31, 32]]
    assert batch.ids.dtype == np.int64


def test_cropping_keeps_the_start_and_the_end() -> None:
    corpus = Corpus.from_texts([np.arange(10), np.arange(4), np.arange(5)], [0, 1, 1])
    cut = corpus.cropped(5, 2)
    assert [cut.text(n).tolist() for n in range(3)] == [[0, 1, 7, 8, 9], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert corpus.cropped(5, 5).text(0).tolist() == [0, 1, 2, 3, 4]
    assert corpus.cropped(5, 0).text(0).tolist() == [5, 6, 7, 8, 9]
    assert cut.labels.tolist() == [0, 1, 1]


def test_an_empty_corpus() -> None:
    corpus = Corpus.from_texts([], [])
    assert len(corpus) == 0
    assert corpus.lengths.tolist() == []
    assert sorted_batches(corpus.lengths, BUDGET) == []
