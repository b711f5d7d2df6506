"""The comparison on labelled texts: real training, in seconds."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole import load
from peephole.errors import DataError
from peephole.evaluation.paired import compare as paired
from peephole.studies.compare import text_study
from peephole.studies.compare.comparison import Plan, compare
from peephole.studies.compare.contenders import CONTENDERS, choose
from peephole.studies.compare.page import page
from peephole.studies.compare.study import Stopped
from peephole.studies.compare.text_scores import text_scores
from peephole.studies.compare.text_study import TextStudy
from peephole.training import Progress, Recipe, TrainingDiverged, TrainRequest

RECIPE = Recipe(
    embedding=6, hidden_size=5, head=0, epochs=1, vocabulary=300, batch_rows=40, pooling=("last",)
)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = {"pos": ("fine", "good"), "neg": ("dull", "bad")}
    rows = [f"a {word} day {n},{label}" for n in range(40) for label, own in words.items() for word in own]
    path = tmp_path_factory.mktemp("texts") / "days <b>.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return path


def study_of(days: Path, folder: Path, **changes: Any) -> TextStudy:
    recipe = dataclasses.replace(RECIPE, **changes.pop("recipe", {}))
    return TextStudy(TrainRequest(sources=(days,), output=folder / "models", recipe=recipe), **changes)


def plan_of(folder: Path, *names: str, seeds: tuple[int, ...] = (1, 2), **changes: Any) -> Plan:
    return Plan(
        contenders=choose(names), seeds=seeds, hidden_size=5, match="parameters", output=folder, **changes
    )


@pytest.fixture(scope="module")
def whole(days: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, compare(study_of(days, folder, rates={"irnn": 1e-3}), plan_of(folder, "irnn", "lstm"))


def test_models_scores_and_measures(whole: tuple[Path, dict[str, Any]], days: Path) -> None:
    folder, document = whole
    assert document["complete"]
    subject = document["subject"]
    assert (subject["kind"], subject["training"], subject["development"], subject["chance"]) == (
        "texts",
        144,
        16,
        0.5,
    )
    irnn, lstm = document["contenders"]
    assert (lstm["hidden_size"], lstm["parameters"]) == (5, 2 * (4 * 5 * (6 + 5 + 2)) + 2 * 11)
    for contender in (irnn, lstm):
        own = [
            json.loads((folder / "runs" / f"{contender['name']}-{seed}.json").read_text()) for seed in (1, 2)
        ]
        for run in own:
            model = load(folder / "models" / f"{contender['name']}-{run['what']['seed']}")
            study = study_of(days, folder)
            right = model.predict_proba(study.texts).argmax(axis=1) == study.truth
            assert run["right_texts"] == "".join("01"[int(one)] for one in right)
            assert run["accuracy"] == right.mean()
            assert np.mean(run["losses"]) == pytest.approx(run["log_loss"], abs=1e-5)
            assert run["what"]["recipe"]["init"] == (
                "identity" if contender["name"] == "irnn" else "orthogonal"
            )
            assert run["what"]["recipe"]["learning_rate"] == (1e-3 if contender["name"] == "irnn" else 3e-3)
        assert contender["score"]["accuracy"]["value"] == pytest.approx(
            np.mean([run["accuracy"] for run in own])
        )
        assert contender["milliseconds"]["training"] > 0
        assert contender["survival"][0] == 1.0
        assert len(contender["runs"][0]["curve"]["epoch"]) == 1
        assert "losses" not in contender["runs"][0]
    assert irnn["score"]["less_reference"]["seeds"] == [1, 2]
    assert "less_reference" not in lstm["score"]
    assert irnn["memory_half_lives"] == []
    assert len(lstm["memory_half_lives"]) == 21
    made = (folder / "report.html").read_text("utf-8")
    assert "days &lt;b&gt;.csv" in made
    assert made.count("<figure>") == 5  # nothing is measured before training
    assert "but " in made  # the recipe's settings that are not the default


def test_it_goes_on_after_the_runs_that_are_there(
    whole: tuple[Path, dict[str, Any]], days: Path, monkeypatch
) -> None:
    folder, document = whole

    def no_training(*arguments: Any, **options: Any) -> None:
        raise AssertionError("nothing is left to train")

    monkeypatch.setattr(text_study, "train", no_training)
    again = compare(study_of(days, folder, rates={"irnn": 1e-3}), plan_of(folder, "irnn", "lstm"))
    for one, other in zip(document["contenders"], again["contenders"], strict=True):
        assert {**one, "milliseconds": None} == {**other, "milliseconds": None}


def test_a_run_that_was_cut_short_goes_on_to_the_same_end(
    whole: tuple[Path, dict[str, Any]], days: Path, tmp_path: Path
) -> None:
    _, document = whole
    study = study_of(days, tmp_path)
    left = iter([1e-3, 1e-3])
    with pytest.raises(Stopped):
        study.run(CONTENDERS["lstm"], 5, 1, lambda: next(left), lambda words: None)
    assert (tmp_path / "models" / "lstm-1.checkpoint").exists()
    with pytest.raises(Stopped):
        study.run(CONTENDERS["lstm"], 5, 1, lambda: 0.0, lambda words: None)
    ended = study.run(CONTENDERS["lstm"], 5, 1, lambda: math.inf, lambda words: None)
    uncut = document["contenders"][1]["runs"][0]
    assert ended["accuracy"] == uncut["accuracy"]
    assert ended["log_loss"] == uncut["log_loss"]
    assert not (tmp_path / "models" / "lstm-1.checkpoint").exists()


def test_a_run_that_diverges_is_part_of_the_result(days: Path, tmp_path: Path, monkeypatch) -> None:
    original = text_study.train

    def train(request: TrainRequest, *, progress: Progress) -> Any:
        if request.recipe.cell == "rnn":
            raise TrainingDiverged("training: loss and gradient must stay finite; got loss nan")
        return original(request, progress=progress)

    monkeypatch.setattr(text_study, "train", train)
    document = compare(study_of(days, tmp_path), plan_of(tmp_path, "rnn", "gru", seeds=(1,)))
    rnn, gru = document["contenders"]
    assert rnn["score"] == {"diverged": 1}
    assert rnn["milliseconds"] is None
    assert gru["milliseconds"] is not None
    assert "less_reference" not in gru["score"]  # without an LSTM
    assert "diverged" in page(document)


def test_sizes_count_all_but_the_vectors_of_tokens(days: Path, tmp_path: Path) -> None:
    study = study_of(days, tmp_path, recipe={"layers": 2, "head": 7, "pooling": ("max", "mean")})
    two_layers = 2 * 4 * 5 * (6 + 5 + 2) + 2 * 4 * 5 * (10 + 5 + 2)
    assert study.count(CONTENDERS["lstm"], 5) == two_layers + 7 * (20 + 1) + 2 * (7 + 1)
    assert study.usual_size == 5


def test_texts_that_cannot_be_used_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text,label\na,x\nb,x\n")
    with pytest.raises(DataError, match="two classes"):
        study_of(tmp_path / "one.csv", tmp_path)


def run(seed: int, right: str, losses: list[float], ending: str = "complete") -> dict[str, Any]:
    accuracy = right.count("1") / len(right)
    return {
        "what": {"seed": seed},
        "ending": ending,
        "right_texts": right,
        "losses": losses,
        "accuracy": accuracy,
        "seconds": 60.0,
    }


def test_differences_are_taken_text_by_text_and_seed_by_seed() -> None:
    chance = np.random.default_rng(0)
    losses = {name: chance.uniform(0.1, 1.0, (2, 50)) for name in ("lstm", "gru")}
    flags = {name: chance.integers(0, 2, (2, 50)) for name in losses}
    runs = {
        name: [
            run(seed, "".join(map(str, flags[name][k])), losses[name][k].tolist())
            for k, seed in enumerate((1, 2))
        ]
        for name in losses
    }
    found = text_scores(runs)
    less = found["gru"]["less_reference"]
    assert less["accuracy"]["value"] == pytest.approx(flags["gru"].mean() - flags["lstm"].mean())
    assert less["log_loss"]["value"] == pytest.approx((losses["gru"] - losses["lstm"]).mean())
    assert found["gru"]["accuracies"] == [own.mean() for own in flags["gru"]]
    # Of one seed, the error is that of `evaluation.paired`, and nothing is said of chance.
    one = text_scores({name: own[:1] for name, own in runs.items()})["gru"]["less_reference"]
    both = [np.exp(-losses[name][0]) for name in ("gru", "lstm")]
    theirs = paired(*(np.stack([p, 1 - p], axis=1) for p in both), np.zeros(50, int))
    assert one["log_loss"]["value"] == pytest.approx(theirs.difference)
    assert one["log_loss"]["error"] == pytest.approx(theirs.standard_error)
    assert one["log_loss"]["p"] is None
    # A seed that only one of them has is left out of the difference.
    alone = text_scores({"lstm": runs["lstm"][:1], "gru": runs["gru"]})["gru"]["less_reference"]
    assert alone["seeds"] == [1]
    assert alone["accuracy"]["value"] == pytest.approx(flags["gru"][0].mean() - flags["lstm"][0].mean())
    assert text_scores({"lstm": runs["lstm"][:1], "gru": runs["gru"][1:]})["gru"]["less_reference"] is None


def test_an_interval_stays_within_what_can_be() -> None:
    found = text_scores({"lstm": [run(1, "1110", [0.1, 0.1, 0.1, 4.0])]})["lstm"]
    assert found["accuracy"]["error"] == pytest.approx(0.25)
    assert found["accuracy"]["interval"] == pytest.approx([0.75 - 1.96 * 0.25, 1.0], abs=1e-3)
    assert found["log_loss"]["interval"][0] == 0.0


def test_scores_of_each_contender_by_hand() -> None:
    """The LSTM from seeds 1 and 2, the GRU from 2 and, diverged, from 3: four texts, of which they share one seed."""
    runs = {
        "lstm": [run(1, "1100", [0.1, 0.2, 0.3, 0.4]), run(2, "1110", [0.2, 0.2, 0.4, 0.4])],
        "gru": [run(2, "1111", [0.1] * 4), run(3, "0", [9.0], "diverged")],
    }
    found = text_scores(runs)
    lstm, gru = found["lstm"], found["gru"]
    assert (lstm["diverged"], gru["diverged"]) == (0, 1)
    assert (lstm["minutes"], gru["accuracies"]) == (1.0, [1.0])
    # By seed 0.5 and 0.75, 0.25 and 0.3: deviations of 0.25 / √2 and 0.05 / √2, which two seeds halve once more. By text 1, 1,
    # 0.5, 0 and 0.15, 0.2, 0.35, 0.4.
    assert lstm["accuracy"]["value"] == pytest.approx(0.625)
    assert lstm["accuracy"]["error"] == pytest.approx(math.hypot(math.sqrt(0.6875 / 3) / 2, 0.125))
    assert lstm["log_loss"]["value"] == pytest.approx(0.275)
    assert lstm["log_loss"]["error"] == pytest.approx(math.hypot(math.sqrt(0.0425 / 3) / 2, 0.025))
    less = gru["less_reference"]
    assert less["seeds"] == [2]
    assert less["accuracy"]["value"] == pytest.approx(1 - 0.75)
    assert less["log_loss"]["value"] == pytest.approx(0.1 - 0.3)
