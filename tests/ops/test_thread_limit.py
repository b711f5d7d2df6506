"""A limit on the threads of this thread's calls."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from peephole.ops import available_threads, limit_threads
from peephole.ops.structures import threads
from peephole.ops.thread_limit import thread_limit


def test_it_holds_for_this_thread_and_ends_with_its_block(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    elsewhere: list[int] = []
    with limit_threads(3):
        with limit_threads(1):
            assert available_threads() == 1
        assert available_threads() == threads(np.zeros(1)) == 3
        other = threading.Thread(target=lambda: elsewhere.append(available_threads()))
        other.start()
        other.join()
    assert elsewhere == [8]
    assert thread_limit() is None
    with pytest.raises(ZeroDivisionError), limit_threads(2):
        _ = 1 / 0
    assert available_threads() == 8


def test_it_does_not_raise_the_number(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with limit_threads(5):
        assert available_threads() == 2
        assert threads(torch.zeros(1)) == min(torch.get_num_threads(), 5)
