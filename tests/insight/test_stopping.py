"""An explanation that nobody waits for any more stops, whichever method runs; one that somebody waits for is as ever."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from peephole.insight.explanations import again, explain, methods
from peephole.insight.stopping import StoppedError, stoppable
from support.small_models import small_classifier

TEXT = "the good film was bad"
TRACED = {"conveyor"}  # one pass through the text, in which there is nothing to stop


@dataclasses.dataclass
class After:
    """Says that it is time to stop once it was asked so often."""

    often: int
    count: int = 0

    def __call__(self) -> bool:
        self.count += 1
        return self.count > self.often


@pytest.mark.parametrize("method", [one.name for one in methods() if one.name not in TRACED])
def test_any_method_stops(method: str) -> None:
    with stoppable(After(0)), pytest.raises(StoppedError):
        explain(small_classifier(), TEXT, method=method, faithfulness=False)


@pytest.mark.parametrize("wanted", ["faithfulness", "phrases"])
def test_what_is_made_beside_the_scores_stops(wanted: str) -> None:
    both = {"faithfulness": False, "phrases": False}
    never = After(1 << 30)
    with stoppable(never):
        explain(small_classifier(), TEXT, method="conveyor", **both)
    asked = After(never.count)
    with stoppable(asked), pytest.raises(StoppedError):
        explain(small_classifier(), TEXT, method="conveyor", **{**both, wanted: True})
    assert asked.count == never.count + 1


def test_it_is_asked_again_and_again() -> None:
    asked = After(20)
    with stoppable(asked), pytest.raises(StoppedError):
        explain(small_classifier(), TEXT, phrases=True)
    assert asked.count == 21


@pytest.mark.parametrize("method", ["leave-one-out", "integrated-gradients"])
def test_it_is_asked_more_often_where_values_are_held(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They make each run slower, so that fewer go between one question and the next."""
    counts: list[int] = []
    for held in ({}, {"layer0.forward.f": 0.5}):
        asked = After(1 << 30)
        monkeypatch.setattr(again, "_ROWS_AT_ONCE", 10)
        with stoppable(asked):
            explain(small_classifier(), TEXT, method=method, faithfulness=False, held=held)
        counts.append(asked.count)
    assert counts[1] > counts[0] + 2


def test_one_that_goes_on_is_as_ever() -> None:
    expected = explain(small_classifier(), TEXT).to_dict()
    with stoppable(lambda: False):
        assert explain(small_classifier(), TEXT).to_dict() == expected


def test_after_the_block_and_in_other_threads_nothing_stops() -> None:
    with stoppable(lambda: True):
        found: list[str] = []
        other = threading.Thread(target=lambda: found.append(explain(small_classifier(), TEXT).target))
        other.start()
        other.join()
    assert found == [explain(small_classifier(), TEXT).target]
