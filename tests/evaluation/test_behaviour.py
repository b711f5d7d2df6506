"""Judging on the behaviour suite, by classifiers whose right figures are known."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from peephole.errors import DataError, ModelError, OptionError, ShapeError
from peephole.evaluation import accuracy_interval, behaviour_text, judge_behaviour, write_errors
from peephole.evaluation.behaviour import (
    CERTAIN,
    FAILURE_COLUMNS,
    Case,
    Failure,
    Polarity,
    behaviour_suite,
    find_polarity,
)
from support.models import word_counter


class Stub:
    """Answers each text as it is told to."""

    def __init__(self, labels: Sequence[str], answer: Callable[[str], Sequence[float]]) -> None:
        self.labels = tuple(labels)
        self.answer = answer

    def predict_proba(self, texts: Iterable[str], /) -> np.ndarray:
        return np.array([self.answer(text) for text in texts], np.float64)


TWO = ("negative", "positive")
TRUTH = {case.text: case.label for case in behaviour_suite()}
ROWS = {"negative": (0.7, 0.3), "positive": (0.3, 0.7), "neutral": (0.5, 0.5)}


def test_a_constant_answer_passes_half_everywhere():
    for constant in ((0.05, 0.95), (0.95, 0.05)):
        behaviour = judge_behaviour(Stub(TWO, lambda text, row=constant: row))
        assert [capability.all.rate for capability in behaviour.capabilities] == [0.5] * 11
        assert all(rate.rate == 0.5 for c in behaviour.capabilities for rate in c.by_kind)
        assert behaviour.overall.rate == 0.5
        assert behaviour.neutral is not None
        assert behaviour.neutral.all.passed == 0
        said = TWO[int(np.argmax(constant))]
        for capability in behaviour.capabilities:
            assert {rate.name: rate.rate for rate in capability.by_label} == {
                label: float(label == said) for label in TWO
            }


def test_who_knows_the_answers_passes_all():
    behaviour = judge_behaviour(Stub(TWO, lambda text: ROWS[TRUTH[text]]))
    assert behaviour.overall.rate == 1
    assert behaviour.neutral is not None
    assert behaviour.neutral.all.rate == 1
    assert behaviour.failures == ()


def test_who_says_the_opposite_passes_none():
    behaviour = judge_behaviour(Stub(TWO, lambda text: ROWS[TRUTH[text]][::-1]))
    assert behaviour.overall.passed == 0
    assert len(behaviour.failures) == behaviour.overall.total


def test_the_order_and_the_names_of_the_labels_do_not_matter():
    def swapped(text: str) -> Sequence[float]:
        return ROWS[TRUTH[text]][::-1]

    for labels in (("positive", "negative"), ("POS", "NEG"), ("1", "0"), ("1", "-1"), ("good", "bad")):
        assert judge_behaviour(Stub(labels, swapped)).overall.rate == 1
    named = find_polarity(("thumbs up", "thumbs down"), positive="thumbs up", negative="thumbs down")
    assert judge_behaviour(Stub(("thumbs up", "thumbs down"), swapped), polarity=named).overall.rate == 1


def test_one_capability_failed_costs_that_one_only():
    but = {case.text for case in behaviour_suite() if case.capability == "but"}

    def answer(text: str) -> Sequence[float]:
        row = ROWS[TRUTH[text]]
        return row[::-1] if text in but else row

    behaviour = judge_behaviour(Stub(TWO, answer))
    rates = {capability.all.name: capability.all.rate for capability in behaviour.capabilities}
    assert rates.pop("but") == 0
    assert set(rates.values()) == {1.0}
    assert {failure.text for failure in behaviour.failures} == but
    assert behaviour.overall.passed == behaviour.overall.total - len(but)


FEW = (
    Case("fine", "positive", "plain", "a"),
    Case("poor", "negative", "plain", "a"),
    Case("so so", "negative", "plain", "b"),
    Case("it is blue", "neutral", "neutral", "fact"),
)


@pytest.mark.parametrize(("certainty", "passed"), [(0.5, 1), (CERTAIN, 1), (CERTAIN + 1e-6, 0), (1.0, 0)])
def test_a_neutral_text_is_passed_by_doubt(certainty: float, passed: int):
    for row in ((certainty, 1 - certainty), (1 - certainty, certainty)):
        behaviour = judge_behaviour(Stub(TWO, lambda text, row=row: row), cases=FEW)
        assert behaviour.neutral is not None
        assert behaviour.neutral.all.passed == passed


def test_a_third_label_for_neutral():
    three = ("negative", "neutral", "positive")
    behaviour = judge_behaviour(Stub(three, lambda text: (0.02, 0.95, 0.03)), cases=FEW)
    # "Neutral" is right for the neutral text and wrong for all others.
    assert behaviour.overall.passed == 0
    assert behaviour.neutral is not None
    assert behaviour.neutral.all.passed == 1
    assert {failure.predicted for failure in behaviour.failures} == {"neutral"}
    sure = judge_behaviour(Stub(three, lambda text: (0.03, 0.02, 0.95)), cases=FEW)
    assert sure.overall.passed == 1
    assert sure.neutral is not None
    assert sure.neutral.all.passed == 0


def test_failures_say_what_was_expected_and_what_was_said():
    behaviour = judge_behaviour(Stub(("neg", "pos"), lambda text: (0.1, 0.9)), cases=FEW)
    assert behaviour.failures == (
        Failure("poor", "neg", "pos", 0.9, "plain", "a"),
        Failure("so so", "neg", "pos", 0.9, "plain", "b"),
        Failure("it is blue", "neutral", "pos", 0.9, "neutral", "fact"),
    )


def test_equal_probabilities_mean_the_first_label():
    behaviour = judge_behaviour(Stub(TWO, lambda text: (0.5, 0.5)), cases=FEW)
    assert [failure.text for failure in behaviour.failures] == ["fine"]


def test_the_document_is_strict_json_with_the_figures():
    behaviour = judge_behaviour(Stub(TWO, lambda text: (0.1, 0.9)), cases=FEW)
    document = json.loads(json.dumps(behaviour.to_json(), allow_nan=False))
    assert document["labels"] == {"positive": "positive", "negative": "negative"}
    assert (document["overall"]["passed"], document["overall"]["total"]) == (1, 3)
    assert document["overall"]["interval"] == pytest.approx(list(accuracy_interval(1, 3)))
    (plain,) = document["capabilities"]
    assert [(kind["name"], kind["passed"], kind["total"]) for kind in plain["by_kind"]] == [
        ("a", 1, 2),
        ("b", 0, 1),
    ]
    assert document["neutral"]["passed"] == 0
    assert document["failures"][0]["capability"] == "plain"


def test_the_page():
    behaviour = judge_behaviour(Stub(TWO, lambda text: (0.1, 0.9)), cases=FEW)
    assert (
        behaviour_text(behaviour, verbose=True)
        == """\
Capability    Passed    Rate  95 % interval  Positive  Negative
plain            1/3  33.3 %  6.1 to 79.2 %       1/1       0/2
all of these     1/3  33.3 %  6.1 to 79.2 %
neutral          0/1   0.0 %  0.0 to 79.3 %

A neutral text is passed if neither positive nor negative gets more than 80 %.

Not passed: plain
  - poor
    positive 90.0 %, should be negative (a)
  - so so
    positive 90.0 %, should be negative (b)

Not passed: neutral
  - it is blue
    positive 90.0 %, should be neutral (fact)"""
    )
    assert "Not passed" not in behaviour_text(behaviour)


def test_the_page_fits_its_width():
    behaviour = judge_behaviour(Stub(TWO, lambda text: ROWS[TRUTH[text]][::-1]))
    for width in (72, 80, 100):
        lines = behaviour_text(behaviour, verbose=True, width=width).split("\n")
        assert max(map(len, lines)) <= width


def test_failures_as_a_file(tmp_path: Path):
    behaviour = judge_behaviour(Stub(TWO, lambda text: (0.1, 0.9)), cases=FEW)
    table = tmp_path / "failures.csv"
    assert write_errors(table, behaviour.failures, columns=FAILURE_COLUMNS) == 3
    rows = list(csv.DictReader(table.read_text("utf-8").split("\n")))
    assert rows[1] == {
        "text": "so so",
        "label": "negative",
        "predicted": "positive",
        "probability": "0.9",
        "capability": "plain",
        "kind": "b",
    }
    lines = tmp_path / "failures.jsonl"
    write_errors(lines, behaviour.failures, columns=FAILURE_COLUMNS)
    assert [json.loads(line)["kind"] for line in lines.read_text("utf-8").splitlines()] == ["a", "b", "fact"]


def test_a_classifier_of_the_package_is_judged_by_its_labels():
    cases = (
        Case("the film was good", "positive", "plain", "a"),
        Case("good but awful", "negative", "plain", "a"),
        Case("bad", "positive", "plain", "a"),
    )
    behaviour = judge_behaviour(word_counter(), cases=cases)
    assert (behaviour.overall.passed, behaviour.neutral) == (2, None)
    assert [failure.text for failure in behaviour.failures] == ["bad"]


PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "behaviour.md"


def test_the_page_about_the_suite_is_true():
    page = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (.+?) \| (.+?) \|$", page, flags=re.M)
    cases = behaviour_suite()
    counts = Counter(case.capability for case in cases)
    assert {name: int(count) for name, count, *_ in rows} == counts
    assert [name for name, *_ in rows] == list(counts)
    labels = {(case.text, case.capability): case.label for case in cases}
    for name, _, *examples in rows:
        for example, label in zip(examples, ("positive", "negative"), strict=True):
            assert example == "–" or labels[example.strip('"'), name] == label
    assert f"It is {len(cases)} short English texts" in page
    assert f"all\n  {len(cases) - counts['neutral']} texts" in page
    assert f"more than {100 * CERTAIN:g} %" in page


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]):
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.M | re.S)
    exec(compile(block, str(PAGE), "exec"), {"__name__": "page"})
    assert capsys.readouterr().out.startswith("Capability ")


class TestPolarity:
    @pytest.mark.parametrize(
        ("labels", "found"),
        [
            (("negative", "positive"), Polarity("positive", "negative")),
            (("Positive", "Neutral", "Negative"), Polarity("Positive", "Negative", "Neutral")),
            (("neg", "pos"), Polarity("pos", "neg")),
            (("bad", "good"), Polarity("good", "bad")),
            (("0", "1"), Polarity("1", "0")),
            (("-1", "1"), Polarity("1", "-1")),
            (("-1", "0", "+1"), Polarity("+1", "-1", "0")),
        ],
    )
    def test_known_by_name(self, labels: tuple[str, ...], found: Polarity):
        assert find_polarity(labels) == found

    @pytest.mark.parametrize(
        "labels",
        [
            ("0", "1", "2"),
            ("1", "2"),
            ("joy", "anger", "sadness"),
            ("positive", "other"),
            ("positive", "pos", "negative"),
            ("neutral", "positive"),
            ("negative", "positive", "mixed"),
            tuple("abcdefghijklmnop"),
        ],
    )
    def test_other_labels_are_refused(self, labels: tuple[str, ...]):
        with pytest.raises(ModelError, match=re.escape(repr(labels[0]))) as caught:
            judge_behaviour(Stub(labels, lambda text: [1 / len(labels)] * len(labels)))
        assert "--positive LABEL --negative LABEL" in str(caught.value)

    def test_named_by_the_caller(self):
        labels = ("1", "2", "3", "4", "5")
        assert find_polarity(labels, positive="5", negative="1") == Polarity("5", "1")
        with pytest.raises(OptionError, match=r"positive must be one of '1', .* got '6'"):
            find_polarity(labels, positive="6", negative="1")
        with pytest.raises(OptionError, match="must be two labels; got '1' for both"):
            find_polarity(labels, positive="1", negative="1")
        with pytest.raises(OptionError, match="must be given together; got positive='5', negative=None"):
            find_polarity(labels, positive="5")

    def test_a_polarity_of_another_model(self):
        with pytest.raises(OptionError, match="polarity must name labels of"):
            judge_behaviour(Stub(TWO, lambda text: (0.5, 0.5)), polarity=Polarity("pos", "neg"))


def test_answers_of_the_wrong_form_are_refused():
    with pytest.raises(ShapeError):
        judge_behaviour(Stub(TWO, lambda text: (0.2, 0.3, 0.5)))
    with pytest.raises(OptionError, match="sum to 1"):
        judge_behaviour(Stub(TWO, lambda text: (0.9, 0.9)))


def test_no_cases():
    with pytest.raises(DataError, match="at least one positive or negative text; got none"):
        judge_behaviour(Stub(TWO, lambda text: (0.5, 0.5)), cases=FEW[3:])
