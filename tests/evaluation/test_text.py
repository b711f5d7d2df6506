"""The evaluation as text: within its width, the same words with and without rich, safe names."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from peephole.evaluation import Evaluation, evaluate, summary_rich, summary_text, wording
from peephole.evaluation.wording import percent, printable, short, short_names, width_of


def example(names: list[str], texts: int = 3000, **options: object) -> Evaluation:
    random = np.random.default_rng(len(names))
    labels = random.integers(0, len(names), texts)
    logits = random.normal(size=(texts, len(names)))
    logits[np.arange(texts), labels] += 2
    raised = np.exp(logits)
    lengths = random.integers(0, 3000, texts)
    return evaluate(raised / raised.sum(axis=1, keepdims=True), labels, names, lengths=lengths, logits=logits)


CASES = {
    "two": ["negative", "positive"],
    "six": ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"],
    "twelve long": [f"class number {i} with a very long name" for i in range(12)],
    "twenty": [f"topic {i}" for i in range(20)],
    "long twins": ["the same beginning of a name, one" * 3, "the same beginning of a name, two" * 3],
    "wide": ["悪い" * 12, "良い" * 12, "普通"],
    "hostile": ["\x1b[2J\x1b[31mred", "[bold]markup[/bold]", "\u202eturned", "two\nlines"],
}


def rich_of(result: Evaluation, width: int = 80) -> str:
    written = io.StringIO()
    Console(file=written, width=width, color_system=None).print(summary_rich(result, width=width))
    return written.getvalue()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_both_forms_fit_their_width(case, width):
    result = example(CASES[case])
    for page in (summary_text(result, width=width), rich_of(result, width)):
        widest = max(page.split("\n"), key=cell_len)
        assert cell_len(widest) <= width, widest


@pytest.mark.parametrize("case", CASES)
def test_rich_says_the_same_words(case):
    result = example(CASES[case])
    plain = summary_text(result).split()
    assert [word for word in rich_of(result).split() if set(word) != {"─"}] == plain


@pytest.mark.parametrize("case", CASES)
def test_names_cannot_steer_the_terminal(case):
    page = summary_text(example(CASES[case]))
    assert all(mark == "\n" or mark.isprintable() for mark in page)
    written = io.StringIO()
    Console(file=written, width=80, force_terminal=True, color_system="truecolor").print(
        summary_rich(example(CASES[case]))
    )
    assert "\x1b[2J" not in written.getvalue()
    assert "\u202e" not in written.getvalue()


def test_the_page_of_two_classes():
    probabilities = [[0.9, 0.1]] * 3 + [[0.2, 0.8]] * 4 + [[0.45, 0.55]]
    result = evaluate(
        probabilities, [0, 0, 1, 1, 1, 1, 1, 0], ["negative", "positive"], lengths=[5] * 4 + [30] * 4
    )
    assert (
        summary_text(result)
        == """\
Accuracy           75.0 %  6 of 8; 95 % interval 40.9 to 92.9 %
Baseline           62.5 %  accuracy of always answering positive
Macro-F1           73.3 %  mean of the classes' F1, however rare the class
ROC-AUC             0.867  how often two texts of different class are in order
Log-loss            0.526  nats per text; smaller is better
Calibration error  25.6 %  how far stated probabilities are off, on average

By class
Class     Precision  Recall      F1  Texts
negative     66.7 %  66.7 %  66.7 %      3
positive     80.0 %  80.0 %  80.0 %      5

Confusion (row: true class, column: answer)
          negative  positive
negative         2         1
positive         1         4

By length
Tokens  Texts  Accuracy   95 % interval
   0–8      4    75.0 %  30.1 to 95.4 %
 17–32      4    75.0 %  30.1 to 95.4 %"""
    )


def test_undefined_numbers_and_notes_are_shown():
    page = summary_text(evaluate([[0.9, 0.1]], [0], ["negative", "positive"]))
    assert "ROC-AUC                  –  needs texts of both classes" in page
    assert "positive      0.0 %        –        –      0" in page
    assert "Without any text, so that recall is undefined and not averaged: positive." in page


def test_a_matrix_too_wide_becomes_a_list():
    result = example(CASES["twenty"])
    page = summary_text(result)
    assert "The most frequent confusions; the matrix of 20 classes is wider than 80 columns." in page
    counts = [count for i, row in enumerate(result.confusion) for j, count in enumerate(row) if i != j]
    listed = page.split("Confusions\n")[1].split("\n")[1:11]
    assert [int(line.split()[-1]) for line in listed] == sorted(counts, reverse=True)[:10]
    assert "Confusion (row" in summary_text(result, width=140)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.9194, "91.9 %"), (1.0, "100.0 %"), (0.99999, "99.9 %"), (0.0, "0.0 %"), (None, "–"), (0.5, "50.0 %")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_short_counts_columns():
    assert short("悪い映画", 5) == "悪い…"
    assert width_of("悪い") == 4
    assert width_of("é" + "e\u0301") == 2
    assert short("negative", 8) == "negative"
    assert short("negative", 7) == "negati…"
    assert printable("a\tb\x1b\u200fc\udc80") == "a�b��c�"


def test_short_names_stay_different():
    names = [f"the same long beginning {i}" for i in range(12)]
    cut = short_names(names, 12)
    assert len(set(cut)) == 12
    assert max(map(width_of, cut)) <= 12


def test_every_name_that_clashes_gets_its_number():
    assert short_names(["a long name", "a long one", "other"], 6) == ["a l…1", "a l…2", "other"]


def test_names_are_not_compared_with_each_other(monkeypatch):
    compared = 0

    class Spy(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    monkeypatch.setattr(wording, "short", lambda name, width: Spy(name))
    names = [f"class {i}" for i in range(500)]
    assert short_names(names, 12) == names
    assert compared < 10 * len(names)
