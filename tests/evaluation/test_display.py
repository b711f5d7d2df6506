"""An evaluation in a notebook."""

from __future__ import annotations

import re

import numpy as np

from peephole.evaluation import evaluate


def random_evaluation(names: list[str], n: int = 200):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1.0] * len(names), n)
    return evaluate(probabilities, rng.integers(0, len(names), n), names, lengths=rng.integers(0, 90, n))


def test_its_numbers_are_those_of_the_evaluation() -> None:
    found = random_evaluation(["bad", "odd", "good"])
    shown = found._repr_html_()
    assert f"{100 * found.accuracy:.1f} %" in shown
    matrix = shown.split("true ↓ answer →")[1].split("</table>")[0]
    counts = [int(number) for number in re.findall(r">(\d+)</td>", matrix)]
    assert counts == [count for row in found.confusion for count in row]
    assert found.by_length is not None
    assert all(f"{bin.low}–{bin.high}" in shown for bin in found.by_length)


def test_names_of_classes_cannot_act() -> None:
    shown = random_evaluation(["<script>1</script>", '" onload="1', "\u202egood"])._repr_html_()
    assert "<script" not in shown
    assert '" onload="' not in shown
    assert "\u202e" not in shown


def test_many_classes_are_cut_and_the_rest_is_said() -> None:
    shown = random_evaluation([f"class {n} " + "x" * 500 for n in range(300)], 900)._repr_html_()
    assert "… 280 more classes" in shown
    assert re.search(r"… [\d,]+ more kinds of confusion", shown)
    assert len(shown) < 60_000


def test_in_a_line_it_says_how_good_it_is() -> None:
    found = random_evaluation(["bad", "good"])
    assert repr(found).startswith(
        f"Evaluation(n=200, correct={found.correct}, accuracy={found.accuracy:.4f} ("
    )
    assert len(repr(found)) < 200
