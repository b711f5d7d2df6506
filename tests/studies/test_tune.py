"""A search of the recipe: what it tries, that it goes on where it was stopped, and what it leaves."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from peephole.errors import OptionError
from peephole.studies.listening import Listener
from peephole.studies.tune.page import notes, page, table
from peephole.studies.tune.plan import Plan
from peephole.studies.tune.space import SPACE, Dimension, first_trial, space_of
from peephole.studies.tune.study import Trials
from peephole.studies.tune.trial import best_of
from peephole.studies.tune.tuning import tune
from peephole.training import Progress, Recipe, TrainRequest, train
from support.small_estimators import labelled
from support.small_searches import NARROW, TINY


@pytest.fixture
def request_(tmp_path) -> TrainRequest:
    texts, labels = labelled(80)
    with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    return TrainRequest(sources=(tmp_path / "texts.csv",), output=tmp_path / "unused", recipe=TINY)


def plan(folder: Path, trials: int, **changes) -> Plan:
    return Plan(**{"space": NARROW, "trials": trials, "seed": 1, "output": folder, **changes})


def test_the_default_space_is_legal_and_holds_the_defaults() -> None:
    recipe = Recipe()
    assert space_of([], recipe) == SPACE
    for dimension in SPACE:
        for bound in (dimension.low, dimension.high):
            dataclasses.replace(recipe, **{dimension.name: int(bound) if dimension.whole else bound})
        assert dimension.low <= getattr(recipe, dimension.name) <= dimension.high
    assert Recipe(**first_trial(SPACE, recipe)) == recipe


def test_a_space_of_ones_own() -> None:
    found = space_of(["cell", "learning-rate=1e-5..1e-4", "epochs=2..4", "bidirectional"], Recipe(epochs=8))
    assert [dimension.name for dimension in found] == ["cell", "learning_rate", "epochs", "bidirectional"]
    assert "gru" in found[0].choices
    assert (found[1].low, found[1].high, found[1].log) == (
        1e-5,
        3e-3,
        True,
    )  # wide enough for the recipe's own
    assert (found[2].low, found[2].high, found[2].whole) == (2, 8, True)
    assert found[3].choices == (False, True)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("learning_rat", r"is no setting to search \(did you mean 'learning_rate'\?\)"),
        ("seed", "is no setting to search"),
        ("clip", "clip needs a range, such as clip=1..4"),
        ("clip=3..1", "the range must rise"),
        ("clip=0..1", "clip: must be a number, above 0"),
        ("epochs=1..3", "epochs must be a number to be searched from; got None"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(item, words) -> None:
    with pytest.raises(OptionError, match=words):
        space_of([item], Recipe())
    with pytest.raises(OptionError, match="word_dropout stands twice"):
        space_of(["word_dropout", "word-dropout=0..0.5"], Recipe())


def test_a_trial_that_is_behind_ends_early_but_not_after_one_pass(tmp_path) -> None:
    trials = Trials(tmp_path, {}, NARROW, first_trial(NARROW, TINY), 1)
    for _ in range(5):
        trial = trials.begin()
        assert not trial.hopeless(1, 0.9)
        assert not trial.hopeless(2, 0.9)
        trial.end(0.9, {}, pruned=False)
    trial = trials.begin()
    assert not trial.hopeless(1, 0.5)
    assert trial.hopeless(2, 0.5)
    trial.end(0.5, {}, pruned=True)
    assert len(trials.results) == 6


def drawn(folder: Path, count: int, *, stopped: tuple[int, ...] = ()) -> list[dict]:
    """Draw trials whose score is a function of their values, each of `stopped` being killed once before it ends."""
    found = []
    for number in range(count):
        for killed in (True, False) if number in stopped else (False,):
            trials = Trials(folder, {}, NARROW, first_trial(NARROW, TINY), 1)
            trial = trials.begin()
            if not killed:
                trial.end(trial.values["hidden_size"] / 10, {}, pruned=False)
                found.append(trial.values)
    return found


def test_a_search_that_was_killed_draws_what_one_that_was_not_draws(tmp_path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = drawn(tmp_path / "whole", 14)
    assert whole == drawn(tmp_path / "killed", 14, stopped=(0, 3, 12))
    assert whole[0] == {"learning_rate": 0.02, "hidden_size": 4}
    assert len({trial["learning_rate"] for trial in whole}) == 14


class Stops(Listener):
    """Presses Ctrl-C within one trial."""

    def __init__(self, at: int) -> None:
        self.begun, self._at = 0, at

    def begin(self, done, total, words):
        self.begun = done + 1

    def hear(self, words):
        if self.begun == self._at:
            raise KeyboardInterrupt


def plain(document: dict) -> list[dict]:
    return [
        {name: value for name, value in trial.items() if name != "seconds"} for trial in document["trials"]
    ]


@pytest.mark.slow
def test_a_search_from_texts_to_the_recipe_that_trains_the_best_model(request_, tmp_path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(
        KeyboardInterrupt, match=r"1 of 3 trials are kept.*\nhint: run the same command again"
    ):
        tune(request_, plan(folder, 3), Stops(2))
    assert "Not finished: 1 of 3" in (folder / "report.html").read_text("utf-8")
    document = tune(request_, plan(folder, 3))
    assert document["complete"]
    assert plain(document) == plain(tune(request_, plan(tmp_path / "again", 3)))
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.json",
        "model",
        "report.html",
        "trials.journal",
        "tune.json",
    ]
    assert document == json.loads((folder / "tune.json").read_text("utf-8"))
    best = document["trials"][document["best"]]
    recipe = Recipe.from_json(json.loads((folder / "best.json").read_text("utf-8")))
    assert recipe == dataclasses.replace(TINY, **best["values"])
    result = train(
        dataclasses.replace(request_, output=tmp_path / "trained", recipe=recipe), progress=Progress()
    )
    assert max(line.accuracy for line in result.history) == best["score"]
    weights = [
        (where / "model.safetensors").read_bytes() for where in (folder / "model", tmp_path / "trained")
    ]
    assert weights[0] == weights[1]

    assert tune(request_, plan(folder, 3))["trials"] == document["trials"]  # nothing is left to do
    with pytest.raises(OptionError, match="it is another one: seed differ"):
        tune(request_, plan(folder, 3, seed=2))
    with pytest.raises(OptionError, match="it is another one: recipe differ"):
        tune(dataclasses.replace(request_, recipe=dataclasses.replace(TINY, clip=2.0)), plan(folder, 3))


def test_an_output_that_holds_something_else_is_refused(request_, tmp_path) -> None:
    with pytest.raises(OptionError, match="must be a new or empty folder"):
        tune(request_, plan(tmp_path, 1))
    with pytest.raises(OptionError, match="space must name at least one setting; got none; trials must be"):
        plan(tmp_path, 0, space=())


def trial(score: float, ending: str = "complete", log_loss: float | None = 0.5, **values) -> dict:
    values = {"learning_rate": 0.01, "hidden_size": 4, **values}
    return {
        "values": values,
        "ending": ending,
        "score": score,
        "log_loss": log_loss,
        "epoch": 1,
        "seconds": 60.0,
        "curve": [score / 2, score],
    }


def test_the_best_trial_ran_to_its_end_and_loss_decides_between_equals() -> None:
    results = [trial(0.8), trial(0.9, "pruned"), trial(0.8, log_loss=0.4), trial(0.0, "diverged", None)]
    assert best_of(results) == 2
    assert best_of(results[1:2]) is None


def test_the_page_and_the_table(request_) -> None:
    trials = [trial(0.8), trial(0.9, "pruned"), trial(0.85, hidden_size=6), trial(0.0, "diverged", None)]
    chance = np.random.default_rng(0)
    trials += [trial(float(chance.uniform(0.5, 0.8))) for _ in range(3)]
    document = {
        "format": 1,
        "command": "peephole tune <b>.csv",
        "date": "2026-01-01",
        "complete": False,
        "asked": 9,
        "machine": {"processor": "x"},
        "versions": {"torch": "1"},
        "title": "<b>.csv",
        "training": 10,
        "development": 2,
        "labels": ["bad", "good"],
        "sha256": "0" * 64,
        "score": "macro_f1",
        "seed": 1,
        "recipe": TINY.to_json(),
        "space": {dimension.name: str(dimension) for dimension in NARROW},
        "best": best_of(trials),
        "trials": trials,
    }
    made = page(document)
    assert made == page(document)
    assert "<b>" not in made.replace("<b>85.0 %</b>", "").replace("<b>7</b>", "").replace("<b>80.0 %</b>", "")
    assert '<tr class="best"><th scope="row">3</th>' in made
    assert made.count("<svg") == 3
    assert "http" not in made.replace("http-equiv", "")
    assert "Not finished: 7 of 9 trials" in made
    assert len(notes(document)) == 2
    lines = table(document).plain().split("\n")
    assert lines[2].split()[:2] == ["3", "85.0"]


def test_the_page_of_the_documents_lists_the_default_space() -> None:
    how_to = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "search-the-recipe.md"
    lines = how_to.read_text("utf-8").split("\n")
    recipe = Recipe()
    expected = [f"| `{one.name}` | {one} | {getattr(recipe, one.name):g} |" for one in SPACE]
    assert [line for line in lines if line.startswith("| `") and line.count("|") == 4] == expected


def test_a_trial_that_is_given_up_and_one_that_diverges_leave_no_model(
    request_, tmp_path, monkeypatch
) -> None:
    from peephole.errors import TrainingDiverged
    from peephole.studies.tune import trial as module
    from peephole.studies.tune.study import Trial

    monkeypatch.setattr(Trial, "hopeless", lambda self, epoch, score: epoch == 2)
    document = tune(request_, plan(tmp_path / "out", 1))
    (given_up,) = document["trials"]
    assert (given_up["ending"], len(given_up["curve"])) == ("pruned", 2)

    def diverge(request, *, progress, parts):
        raise TrainingDiverged("training: loss and gradient must stay finite")

    monkeypatch.setattr(module, "train", diverge)
    document = tune(request_, plan(tmp_path / "out", 2))
    assert [one["ending"] for one in document["trials"]] == ["pruned", "diverged"]
    assert document["best"] is None
    assert not (tmp_path / "out" / "model").exists()
    assert not list((tmp_path / "out").glob(".trial*"))
    assert table(document).plain().split("\n")[0] == "A search of the recipe on texts.csv"


def test_a_budget_that_is_over_at_once_leaves_an_empty_report(request_, tmp_path) -> None:
    document = tune(request_, plan(tmp_path / "out", 2, time_budget=1e-9))
    assert document["trials"] == []
    assert table(document).plain()
    assert "Not finished: 0 of 2" in (tmp_path / "out" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "rai"}, r"engine must be 'local' or 'ray'; got 'rai' \(did you mean 'ray'\?\)"),
        ({"engine": "ray", "workers": 0}, "workers must be at least 1; got 0"),
        (
            {"workers": 2, "address": "auto"},
            "address needs engine 'ray'; got 'local'; workers needs engine 'ray'",
        ),
    ],
)
def test_an_engine_that_cannot_be_had_is_refused(tmp_path, changes, words) -> None:
    with pytest.raises(OptionError, match=words):
        plan(tmp_path, 1, **changes)


def test_what_varies_the_texts_is_not_searched_on_ray(request_, tmp_path) -> None:
    space = (Dimension("development_share", 0.05, 0.2),)
    with pytest.raises(OptionError, match="sends the same texts to all trials; got development_share"):
        tune(request_, plan(tmp_path / "out", 1, engine="ray", space=space))
