"""Judging: what is read, what is held out again, what is scored, and the learning curve of a stranger's config."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.classifier import Classifier, texts
from peephole.errors import DataError, ModelError
from peephole.evaluation import judge, judging, learning_history, read_labelled
from peephole.evaluation.judging import HeldOut, development_rule
from peephole.reading import Record, SplitRule, read
from support.models import word_counter

RULE = {"kind": "stratified", "column": None, "fraction": 0.25}
BY_FILM = {"kind": "group", "column": "film", "fraction": 0.5}
EVEN = ("Alien", "Brazil", "Casablanca", "Dune", "Fargo", "Gravity", "Heat", "Ikiru")


def record(text: str, label: str | None, place: str = "here, row 1") -> Record:
    return Record(text, label, None, place)


def changed(**fields: Any) -> Classifier:
    classifier = word_counter()
    return Classifier(classifier.config.replace(**fields), classifier.tokenizer, classifier.weights)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "label", "film"])
        for n in range(16):
            positive = n % 2
            text = f"film {n} was {('bad', 'good')[positive]}"
            table.writerow([text, ("negative", "positive")[positive], EVEN[n // 2]])
    return path


class TestJudge:
    RECORDS = (
        record("the film was good", "positive"),
        record("a dull film it was good", "negative"),
        record("good but awful", "negative"),
        record("fine then bad", "positive"),
        record("great", "positive"),
        record("the a", "positive"),
    )

    def test_the_answers_that_are_known(self):
        judgement = judge(word_counter(), iter(self.RECORDS))
        # A text without a counted word is undecided; the first class is then the answer.
        assert judgement.evaluation.confusion == ((1, 1), (2, 2))
        assert judgement.evaluation.correct == 3
        assert judgement.evaluation.names == ("negative", "positive")
        wrong = judgement.mistakes
        assert {(m.text, m.label, m.predicted) for m in wrong} == {
            ("a dull film it was good", "negative", "positive"),
            ("fine then bad", "positive", "negative"),
            ("the a", "positive", "negative"),
        }
        assert wrong[-1].text == "the a"
        assert wrong[-1].probability == pytest.approx(0.5)
        assert [m.probability for m in wrong] == sorted((m.probability for m in wrong), reverse=True)

    def test_the_temperature_is_applied(self):
        one, ten = (judge(changed(temperature=t), self.RECORDS) for t in (1.0, 10.0))
        assert ten.evaluation.confusion == one.evaluation.confusion
        assert ten.mistakes[0].probability < one.mistakes[0].probability
        said = next(changed(temperature=10.0).predict([ten.mistakes[0].text])).probability
        assert ten.mistakes[0].probability == pytest.approx(said)

    @pytest.mark.parametrize("blocks", ["of one text", "of few characters"])
    def test_blocks_change_nothing(self, monkeypatch: pytest.MonkeyPatch, blocks: str):
        records = [*self.RECORDS, *self.RECORDS[::-1]]
        expected = judge(word_counter(), records)
        if blocks == "of one text":
            monkeypatch.setattr(judging, "BLOCK", 1)
        else:
            monkeypatch.setattr(texts, "_BLOCK_CHARACTERS", 20)
        found = judge(word_counter(), records)
        assert found.evaluation.to_json() == expected.evaluation.to_json()
        assert found.mistakes == expected.mistakes

    def test_a_block_is_bounded_by_its_characters(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(texts, "_BLOCK_CHARACTERS", 1000)
        classifier = word_counter()
        sizes: list[int] = []
        taken = 0
        encode = classifier.tokenizer.encode_batch

        def spy(block: Any, **options: Any) -> Any:
            sizes.append(len(block))
            assert taken == sum(sizes)  # nothing is read ahead
            return encode(block, **options)

        def stream() -> Iterator[Record]:
            nonlocal taken
            for words in (100, 100, 100, 500, 1, 1):
                taken += 1
                yield record("good " * words, "positive")

        monkeypatch.setattr(classifier.tokenizer, "encode_batch", spy)
        assert judge(classifier, stream()).evaluation.n == 6
        assert sizes == [3, 1, 2]

    def test_an_unknown_label(self):
        with pytest.raises(
            DataError, match="x, row 7: the label must be one of 'negative', 'positive'; got 'neutral'"
        ):
            judge(word_counter(), [record("good", "positive"), record("fine", "neutral", "x, row 7")])
        with pytest.raises(DataError, match="got None"):
            judge(word_counter(), [record("good", None)])

    def test_no_records(self):
        with pytest.raises(DataError, match="evaluate: there must be at least one labelled text; got none"):
            judge(word_counter(), [])


class TestDevelopment:
    def test_all_texts_without_it(self, reviews: Path):
        assert len(list(read_labelled(word_counter(), [reviews]))) == 16

    def test_labels_must_be_the_classifiers(self, reviews: Path):
        reviews.write_text(reviews.read_text("utf-8").replace("negative", "neutral"), "utf-8")
        with pytest.raises(DataError, match="neutral"):
            list(read_labelled(word_counter(), [reviews]))

    @pytest.mark.parametrize("rule", [RULE, BY_FILM])
    def test_the_part_is_chosen_by_the_rule(self, reviews: Path, rule: dict[str, Any]):
        from peephole.reading import split_development

        held_out = read_labelled(changed(split=rule), [reviews], development=True)
        every = list(read([reviews], group_column=rule["column"], labels="required"))
        mask = split_development(every, SplitRule.from_json(rule))
        found = [held.text for held in held_out]
        assert found == [one.text for one, held in zip(every, mask, strict=True) if held]
        assert 0 < len(found) < 16

    def test_the_number_must_be_that_of_the_training(self, reviews: Path):
        classifier = changed(split=RULE, data={"development": 4})
        assert len(list(read_labelled(classifier, [reviews], development=True))) == 4
        lines = reviews.read_text("utf-8").splitlines()
        reviews.write_text("\n".join(lines[:9]), "utf-8")
        with pytest.raises(
            DataError, match="must find the 4 texts that were held out at training; got 2"
        ) as caught:
            judge(classifier, read_labelled(classifier, [reviews], development=True))
        assert "other, more or fewer texts than at training: give the same sources" in str(caught.value)
        # Without --development any texts will do.
        assert judge(classifier, read_labelled(classifier, [reviews])).evaluation.n == 8

    @pytest.mark.parametrize("data", [{}, {"development": None}, {"development": True}, {"development": "4"}])
    def test_a_number_that_is_not_known_is_not_compared(self, reviews: Path, data: dict[str, Any]):
        held_out = read_labelled(changed(split=RULE, data=data), [reviews], development=True)
        assert len(list(held_out)) == 4

    def test_skipped_records_are_counted(self, reviews: Path):
        with reviews.open("a", encoding="utf-8") as file:
            file.write("film was good,,Heat\n")
        held_out = read_labelled(changed(split=RULE), [reviews], development=True, skip_bad=True)
        assert isinstance(held_out, HeldOut)
        assert len(list(held_out)) == 4
        assert held_out.skipped.total == 1

    @pytest.mark.parametrize(
        "split", [None, {"kind": "source"}, {"kind": "column", "column": "part"}, {"kind": []}]
    )
    def test_a_part_that_was_given_apart(self, reviews: Path, split: Any):
        with pytest.raises(ModelError, match="this one's was given apart"):
            read_labelled(changed(split=split), [reviews], development=True)

    def test_the_rule(self):
        assert development_rule(changed(split=BY_FILM)) == SplitRule("group", "film", 0.5)

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"fraction": 0.9}, "config.json, split: fraction must be in"),
            ({"fraction": "much"}, "config.json, split: fraction must be a number; got 'much'"),
            ({"column": "film"}, "config.json, split: column must be None for a stratified split"),
            ({"column": 3}, "config.json, split: column must be a string or null; got 3"),
            ({"more": 1}, "config.json, split: the fields must be"),
        ],
    )
    def test_a_rule_that_is_none_is_the_models_fault(self, change: dict[str, Any], problem: str):
        with pytest.raises(ModelError) as caught:
            development_rule(changed(split=RULE | change))
        assert str(caught.value).startswith(problem)


CURVE: dict[str, Any] = {
    "epoch": [1, 2],
    "step": [10, 20],
    "loss": [0.7, 0.5],
    "development_accuracy": [0.5, 1],
    "development_macro_f1": [0.0, 0.75],
}


def history(curve: Any) -> list[dict[str, float]] | None:
    return learning_history(changed(metrics={"learning_curve": curve}))


class TestHistory:
    def test_there_is_none(self):
        assert learning_history(word_counter()) is None
        assert history(None) is None

    def test_one_dict_for_each_pass(self):
        assert history(CURVE) == [{name: CURVE[name][n] for name in CURVE} for n in (0, 1)]
        assert history({}) == history({"epoch": [], "loss": []}) == []

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"loss": [0.7]}, "loss: must be as long as epoch, 2; got 1 numbers"),
            ({"loss": "low"}, "loss: must be a list of numbers; got 'low'"),
            ({"loss": [0.7, "low"]}, "loss: must hold finite numbers of at least 0; got 'low' at [1]"),
            ({"loss": [None, 0.5]}, "loss: must hold finite numbers of at least 0; got None at [0]"),
            ({"loss": [0.7, -1.0]}, "loss: must hold finite numbers of at least 0; got -1.0 at [1]"),
            ({"step": [True, 2]}, "step: must hold finite numbers of at least 0; got True at [0]"),
            (
                {"development_accuracy": [0.5, 1.01]},
                "development_accuracy: must hold numbers from 0 to 1; got 1.01",
            ),
            (
                {"development_macro_f1": [-0.1, 1]},
                "development_macro_f1: must hold numbers from 0 to 1; got -0.1",
            ),
            ({"los": [1, 2]}, "los: is no column of a learning curve (did you mean 'loss'?)"),
        ],
    )
    def test_a_column_at_fault_is_named(self, change: dict[str, Any], problem: str):
        with pytest.raises(ModelError) as caught:
            history(CURVE | change)
        assert str(caught.value).startswith(f"config.json, metrics.learning_curve.{problem}")

    @pytest.mark.parametrize("value", [np.nan, np.inf, 10**400])
    def test_numbers_that_no_file_can_hold(self, value: Any):
        classifier = word_counter()
        object.__setattr__(classifier.config, "metrics", {"learning_curve": {"loss": [value]}})
        with pytest.raises(ModelError, match="loss: must hold finite numbers"):
            learning_history(classifier)

    def test_all_columns_at_fault_are_listed(self):
        with pytest.raises(ModelError) as caught:
            history(CURVE | {"loss": [0.7], "seconds": [1, -2]})
        assert "learning_curve.loss: must be as long" in str(caught.value)
        assert "learning_curve.seconds: must hold finite" in str(caught.value)

    @pytest.mark.parametrize("curve", [[1, 2], "flat", 3])
    def test_a_curve_that_is_none(self, curve: Any):
        with pytest.raises(
            ModelError, match=r"config.json, metrics.learning_curve: must be an object of columns; got"
        ):
            history(curve)
