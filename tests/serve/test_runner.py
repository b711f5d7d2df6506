"""The thread that works through what waits: what it takes at once, what it leaves out, and what an error reaches."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from peephole.serve.runner import Runner
from support.gated_work import PATIENCE, GatedWork


@pytest.fixture
def work() -> Iterator[GatedWork]:
    made = GatedWork()
    yield made
    made.open()


def test_what_waits_while_the_thread_is_busy_runs_together_and_in_order(work: GatedWork) -> None:
    runner = Runner("test", work, most=100)
    first = runner.submit(["a"], [1])
    work.wait_until_busy()  # everything from here on arrives while the thread is busy
    others = [runner.submit([letter], [1]) for letter in "bcd"]
    work.open()
    assert [future.result(PATIENCE) for future in [first, *others]] == [["A"], ["B"], ["C"], ["D"]]
    runner.close()
    assert work.batches == [["a"], ["b", "c", "d"]]


def test_a_batch_ends_where_the_cost_would_pass_the_cap_and_a_dear_item_runs_alone(work: GatedWork) -> None:
    seen: list[tuple[int, int]] = []
    runner = Runner("test", work, most=10, seen=lambda count, cost: seen.append((count, cost)))
    first = runner.submit(["x"], [1])
    work.wait_until_busy()
    rest = runner.submit(["a", "b", "c", "huge", "d"], [4, 6, 1, 50, 1])
    work.open()
    assert rest.result(PATIENCE) == ["A", "B", "C", "HUGE", "D"]
    assert first.result(PATIENCE) == ["X"]
    runner.close()
    assert work.batches == [["x"], ["a", "b"], ["c"], ["huge"], ["d"]]
    assert seen == [(1, 1), (2, 10), (1, 1), (1, 50), (1, 1)]


def test_what_was_cancelled_while_it_waited_never_runs(work: GatedWork) -> None:
    runner = Runner("test", work, most=100)
    first = runner.submit(["a"], [1])
    work.wait_until_busy()
    gone, kept = runner.submit(["b"], [1]), runner.submit(["c"], [1])
    assert gone.cancel()
    work.open()
    assert (first.result(PATIENCE), kept.result(PATIENCE)) == (["A"], ["C"])
    with pytest.raises(CancelledError):
        gone.result(PATIENCE)
    runner.close()
    assert work.batches == [["a"], ["c"]]


def test_what_is_cancelled_while_it_runs_answers_nobody_and_the_rest_of_it_is_left_out(
    work: GatedWork,
) -> None:
    runner = Runner("test", work, most=1)
    gone = runner.submit(["a", "b"], [1, 1])
    work.wait_until_busy()
    assert gone.cancel()
    kept = runner.submit(["c"], [1])
    work.open()
    assert kept.result(PATIENCE) == ["C"]
    runner.close()
    assert work.batches == [["a"], ["c"]]


def test_an_item_that_cannot_be_run_fails_alone(work: GatedWork) -> None:
    runner = Runner("test", work, most=100)
    first = runner.submit(["a"], [1])
    work.wait_until_busy()
    good, bad, also_good = runner.submit(["b"], [1]), runner.submit(["fails"], [1]), runner.submit(["c"], [1])
    work.open()
    assert [future.result(PATIENCE) for future in (first, good, also_good)] == [["A"], ["B"], ["C"]]
    with pytest.raises(ValueError, match="cannot be run: fails"):
        bad.result(PATIENCE)
    assert runner.submit(["d"], [1]).result(PATIENCE) == ["D"]  # the thread lives on
    runner.close()


def test_closing_finishes_what_waits_and_refuses_more(work: GatedWork) -> None:
    runner = Runner("test", work, most=1)
    futures = [runner.submit([letter], [1]) for letter in "abc"]
    work.wait_until_busy()
    closing = threading.Thread(target=runner.close)
    closing.start()
    work.open()
    closing.join()
    assert [future.result(timeout=0) for future in futures] == [["A"], ["B"], ["C"]]
    with pytest.raises(RuntimeError, match="after close"):
        runner.submit(["d"], [1])


def test_nothing_at_all_is_answered_at_once(work: GatedWork) -> None:
    runner = Runner("test", work, most=1)
    assert runner.submit([], []).result(timeout=0) == []
    runner.close()
    assert work.batches == []


def test_free_threads_share_what_waits_and_its_answer_is_in_order(work: GatedWork) -> None:
    runner = Runner("test", work, most=100, callers=2)
    wait_until_free(runner, 2)
    future = runner.submit(["a", "b", "c", "d"], [3, 3, 1, 2])
    work.wait_until_busy(2)
    assert sorted(work.batches) == [["a", "b"], ["c", "d"]]
    work.open()
    assert future.result(PATIENCE) == ["A", "B", "C", "D"]
    runner.close()


def test_one_free_thread_takes_all_that_waits(work: GatedWork) -> None:
    runner = Runner("test", work, most=100, callers=2)
    wait_until_free(runner, 2)
    runner.submit(["a"], [1])
    work.wait_until_busy(1)
    rest = runner.submit(["b", "c", "d"], [1, 1, 1])
    work.wait_until_busy(2)
    assert work.batches == [["a"], ["b", "c", "d"]]
    work.open()
    assert rest.result(PATIENCE) == ["B", "C", "D"]
    runner.close()


def test_items_that_fail_in_several_threads_fail_their_job_once(work: GatedWork) -> None:
    runner = Runner("test", work, most=100, callers=2)
    work.open()
    for _ in range(50):
        with pytest.raises(ValueError, match="cannot be run: fails"):
            runner.submit(["fails", "fails", "good"], [1, 1, 1]).result(PATIENCE)
    assert runner.submit(["d"], [1]).result(PATIENCE) == ["D"]
    runner.close()


def test_a_thread_survives_what_goes_wrong_around_its_work() -> None:
    def seen(items: int, cost: int) -> None:
        raise OSError("no room to count")

    runner = Runner("test", lambda items: ["A"] if "a" in items else [], most=100, seen=seen)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a result for each of 1 items; got 0"):
            runner.submit(["nothing comes back"], [1]).result(PATIENCE)
        assert runner.submit(["a"], [1]).result(PATIENCE) == ["A"]
    runner.close()


class Item:
    """Something that can be looked for."""


def test_a_thread_that_waits_keeps_nothing_of_what_it_did() -> None:
    runner: Runner[Item, Item] = Runner("test", lambda items: items, most=100)
    kept = weakref.ref(item := Item())
    runner.submit([item], [1]).result(PATIENCE)
    del item
    wait_until_free(runner, 1)
    gc.collect()
    assert kept() is None
    runner.close()


def wait_until_free(runner: Runner[Any, Any], count: int) -> None:
    """Return once so many threads have nothing to do."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if runner._free == count:
            return
        pause.wait(0.01)
    raise AssertionError("the threads did not become free")
