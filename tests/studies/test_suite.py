"""What names stand for, and that the whole suite shows all that it should."""

from __future__ import annotations

import pytest

from peephole.errors import OptionError
from peephole.studies.bench.cases import CASES, CELLS, REVIEWS
from peephole.studies.bench.comparisons import COMPARISONS
from peephole.studies.bench.suite import Suite, chosen, everything


def choose(*names: str, cells=("lstm",), rivals=("torch",), dtypes=("float32",), threads: int = 2) -> Suite:
    return chosen(names, cells, rivals, dtypes, threads)


def test_the_cases_are_those_of_the_documentation() -> None:
    sizes = {
        name: (case.steps, case.batch, case.inputs, case.hidden, case.layers, case.directions)
        for name, case in CASES.items()
    }
    assert sizes == {
        "single": (100, 1, 128, 128, 1, 1),
        "review": (200, 32, 128, 128, 1, 1),
        "review-256": (200, 32, 256, 256, 1, 1),
        "wide": (200, 64, 512, 512, 1, 1),
        "odd": (187, 13, 100, 150, 1, 1),
        "packed": (602, 32, 128, 128, 1, 1),
        "packed-deep": (602, 32, 128, 128, 2, 2),
        "short": (25, 32, 128, 128, 1, 1),
    }
    assert (len(REVIEWS), sum(REVIEWS)) == (32, 7680)


def test_a_case_is_a_race_for_each_cell_dtype_and_pass() -> None:
    suite = choose(
        "review", "3,2,4,5", cells=("lstm", "own"), rivals=("torch", "jax"), dtypes=("float32", "float64")
    )
    assert len(suite.races) == 2 * 2 * 2 * 2
    assert [race.title for race in suite.races[:4]] == ["review · lstm"] * 2 + ["review · lstm · float64"] * 2
    assert [race.training for race in suite.races[:4]] == [False, True] * 2
    assert all(list(race.entrants) == ["peephole", "torch", "jax"] for race in suite.races)
    assert {entrant.threads for race in suite.races for entrant in race.entrants.values()} == {2}
    assert suite.memory == ()


def test_no_rival_is_possible() -> None:
    assert list(choose("review", rivals=("none",)).races[0].entrants) == ["peephole"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cells": ["lstn"]}, "did you mean 'lstm'"),
        ({"rivals": ["tensorflow"]}, "--rival must be one of 'torch'"),
        ({"dtypes": ["float16"]}, "--dtype must be one of"),
    ],
)
def test_an_unknown_word_is_refused(options: dict[str, list[str]], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        choose("review", **options)


def test_an_unknown_case_is_refused_with_all_names() -> None:
    with pytest.raises(
        OptionError,
        match=r"'reviw' \(did you mean 'review'\?\); there are the cases single, .* comparisons cells",
    ):
        choose("reviw")


def test_two_threads_are_needed_to_compare_two() -> None:
    assert COMPARISONS["threads"](2)
    with pytest.raises(OptionError, match="at least two threads; got one"):
        COMPARISONS["threads"](1)
    assert everything(1).races  # which leaves that comparison out


def test_every_comparison_is_there() -> None:
    for name in (*COMPARISONS, "memory"):
        suite = choose(name)
        assert bool(suite.races) != bool(suite.memory)
        for race in suite.races:
            assert race.title.startswith(name)
            assert len(race.entrants) > 1


def test_everything_holds_every_ratio_that_is_claimed() -> None:
    suite = everything(2)
    pairs = {(race.title, race.training, label) for race in suite.races for label in race.entrants}
    table = [name for name in CASES if name != "short"]
    for case in table:
        for cell in ("lstm", "gru", "rnn"):
            for training in (False, True):
                assert (f"{case} · {cell}", training, "torch") in pairs
        for cell in set(CELLS) - {"own"}:
            assert (f"{case} · {cell}", False, "onnxruntime") in pairs
    for case in ("review", "review-256"):
        assert (f"{case} · peephole-lstm", True, "reference") in pairs
        assert (f"{case} · peephole-lstm", True, "jax") in pairs
    for case in ("review", "review-256", "wide"):
        for cell in CELLS:
            assert (f"cells · {case}", True, cell) in pairs
        for label in ("float32", "bfloat16", "torch bfloat16"):
            assert (f"dtypes · {case} · lstm", True, label) in pairs
    assert ("dtypes · review · gru", False, "torch float64") in pairs
    assert ("gates · review · lstm", False, "all values") in pairs
    assert ("threads · review-256 · lstm", True, "1 thread") in pairs
    assert ("long · lstm", True, "10,000 steps") in pairs
    assert ("short · lstm", True, "compile") in pairs
    assert {(e.case.name, e.cell) for e in suite.memory} == {
        (c, k) for c in table for k in ("lstm", "gru", "rnn")
    }
    assert {e.who for e in suite.memory} == {"peephole", "torch"}


def test_the_races_of_a_table_stand_together() -> None:
    titles = [race.title for race in everything(2).races]
    firsts = [title for k, title in enumerate(titles) if k == 0 or titles[k - 1] != title]
    assert len(firsts) == len(set(firsts))
