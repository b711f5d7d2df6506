"""Streams hold every token once, in order, and tell what follows."""

from __future__ import annotations

import numpy as np
import pytest

from peephole.errors import DataError
from peephole.training.corpus import Corpus
from peephole.training.language.streams import BEGIN, make_streams, pass_streams


def corpus(lengths: list[int]) -> Corpus:
    chance = np.random.default_rng(0)
    texts = [chance.integers(3, 99, length).astype(np.int32) for length in lengths]
    return Corpus.from_texts(texts, [-1] * len(texts))


@pytest.mark.parametrize("streams", [1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_streams_are_the_texts_end_to_end(streams: int, reverse: bool) -> None:
    texts = corpus([3, 0, 7, 1, 12, 5])
    line: list[int] = []
    for index in range(len(texts)):
        text = texts.text(index).tolist()
        line += [BEGIN, *(text[::-1] if reverse else text)]
    laid = make_streams(texts, streams, reverse=reverse)
    for stream in range(streams):
        first = stream * laid.steps
        assert laid.ids[:, stream].tolist() == line[first : first + laid.steps + 1]
    assert laid.steps == (len(line) - 1) // streams


def test_a_window_tells_what_follows() -> None:
    laid = make_streams(corpus([40]), 2)
    read, right = laid.at(1, 5)
    assert np.array_equal(read, laid.ids[5:10])
    assert np.array_equal(right, laid.ids[6:11])
    assert laid.windows(5) == laid.steps // 5


def test_a_window_longer_than_the_streams_tells_what_there_is() -> None:
    laid = make_streams(corpus([40]), 2)
    read, right = laid.at(0, 100)
    assert len(read) == len(right) == laid.steps


def test_each_pass_has_an_order_of_its_own_and_both_directions_share_it() -> None:
    texts = corpus([4] * 30)
    one, again, other = (pass_streams(texts, 1, seed=1, epoch=n, reverse=False).ids for n in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    back = pass_streams(texts, 1, seed=1, epoch=0, reverse=True).ids
    assert np.array_equal(one[1:5, 0], back[1:5, 0][::-1])


def test_too_few_tokens() -> None:
    with pytest.raises(DataError, match="8 streams need at least 16 tokens; got 11"):
        make_streams(corpus([10]), 8)
