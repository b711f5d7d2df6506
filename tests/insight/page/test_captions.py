"""The sentences of the figures, on numbers made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from peephole.insight.page import captions, track_captions

PUSH: Any = {"target": "positive", "against": "negative", "up": "a"}


def words(*scores: float, text: str = "w") -> list[Any]:
    return [
        {"text": f"{text}{n}", "before": " ", "first": n, "end": n + 1, "score": score, "gap": False}
        for n, score in enumerate(scores)
    ]


def verdict(*shares: float) -> Any:
    return {"label": "positive", "probabilities": [(f"label{n}", share) for n, share in enumerate(shares)]}


def text(caption: list[str | int], named: list[Any]) -> str:
    return "".join(part if isinstance(part, str) else f"[{named[part]['text']}]" for part in caption)


NO_PULL = " No word of weight pulls the other way."


@pytest.mark.parametrize(
    ("scores", "shares", "said"),
    [
        ((2.0, -1.0, 0.1), (0.9, 0.1), "[w0] pushes most towards positive. [w1] pushes most towards negative."),
        ((2.0, 1.9, 0.1), (0.9, 0.1), "[w0] and [w1] push most towards positive." + NO_PULL),
        ((-1.0, 0.1), (0.55, 0.45), "It is a close call. [w0] pushes most towards negative." + NO_PULL),
        ((0.0, 0.0), (0.9, 0.1), "No word pushes either way."),
        ((4.0, 3.0, 2.0, 1.0), (0.9, 0.1), "[w0], [w1] and [w2] push most towards positive." + NO_PULL),
        ((-1.0, -2.0, -3.0, -4.0), (0.9, 0.1), "[w3], [w2] and [w1] push most towards negative." + NO_PULL),
        ((1.0, 0.2, -0.1), (0.7, 0.3), "[w0] and [w1] push most towards positive." + NO_PULL),
    ],
)  # fmt: skip
def test_the_words_that_push_are_named_by_size_and_side(scores: Any, shares: Any, said: str) -> None:
    named = words(*scores)
    assert text(captions.sentence_caption(verdict(*shares), PUSH, named), named) == said


def test_a_word_that_is_met_twice_is_named_once() -> None:
    named = words(2.0, 1.9, 1.5)
    named[0]["text"], named[1]["text"] = "Good", "good"
    assert text(captions.sentence_caption(verdict(0.9, 0.1), PUSH, named), named).startswith(
        "[Good] and [w2] push"
    )


def track(**changes: Any) -> Any:
    gates = [{"role": "keep", "mean": [0.9, 0.2, 0.7]}, {"role": "write", "mean": [0.1, 0.3, 0.8]}]
    belt = {"put_size": [4.0, 2.0, 2.0], "left_size": [0.5, 0.5, 1.0]}
    gradient = {"total": [0.5, 1.0, 2.0], "direct": [0.3, 1.0, 2.0], "gates": [0.1, 0.0, 0.0]}
    return {"units": 5, "reverse": False, "gates": gates, "belt": belt, "gradient": gradient} | changes


def test_gates_say_what_they_do_on_average_and_where_most() -> None:
    named = words(0, 0, 0)
    assert text(track_captions.gates_caption(track(), named), named) == (
        "From one step to the next, units keep 60 % of what they hold and let in 40 % of what is new, on average. "
        "Most is let go at [w1] (keep 20 %); most is let in at [w2] (write 80 %)."
    )
    assert "no gates" in text(track_captions.gates_caption(track(gates=[]), named), named)


def test_the_belt_says_whose_parcels_are_left() -> None:
    named = words(0, 0, 0)
    said = text(track_captions.belt_caption(track(), named), named)
    assert said == (
        "Of what is left at the end of reading, most was put on by [w2] (50 %), [w0] (25 %) and [w1] (25 %). "
        "Of all that was ever put on the belt, 25 % is still there."
    )
    assert "which is the start of the text" in text(
        track_captions.belt_caption(track(reverse=True), named), named
    )


@pytest.mark.parametrize(("reverse", "said"), [(False, "0.25 times as"), (True, "4 times as")])
def test_the_gradient_is_compared_between_the_two_ends(reverse: bool, said: str) -> None:
    named = words(0, 0, 0)
    first, last = ("w2", "w0") if reverse else ("w0", "w2")
    caption = text(track_captions.gradient_caption(track(reverse=reverse), named), named)
    assert caption.startswith(
        f"The verdict reacts {said} strongly to the memory at [{first}], the first word read, as to that at [{last}]"
    )
    assert f"{100 if reverse else 75} % came along the belt alone" in caption
    without = text(track_captions.gradient_caption(track(reverse=reverse, belt=None), named), named)
    assert "belt" not in without


def test_the_phrase_whose_words_change_each_other_most_is_named() -> None:
    named = words(0.5, -1.0, 0.0)
    named[1]["before"] = ""
    phrases: Any = [
        {"first": n, "end": n + 1, "score": score, "interaction": 0.0, "parts": [], "level": 0}
        for n, score in enumerate((0.5, -1.0, 0.0))
    ]
    phrases += [
        {"first": 0, "end": 2, "score": 1.25, "interaction": 1.75, "parts": [0, 1], "level": 1},
        {"first": 0, "end": 3, "score": 1.3, "interaction": 0.05, "parts": [3, 2], "level": 2},
    ]
    assert text(captions.phrases_caption(phrases, PUSH, named), named) == (
        "Words change each other most in “[w0][w1]”: they push 1.25 towards positive together; "
        "apart, added up, 0.50 towards negative."
    )


def test_a_phrase_that_takes_away_counts_as_one_that_adds_unless_it_is_long() -> None:
    named = words(*[1.0] * 7)
    phrases: Any = [
        {"first": 0, "end": 2, "score": 5.0, "interaction": 3.0, "parts": [0, 0], "level": 1},
        {"first": 0, "end": 6, "score": -1.0, "interaction": -4.0, "parts": [0, 0], "level": 2},
        {"first": 0, "end": 7, "score": 9.0, "interaction": 9.0, "parts": [0, 0], "level": 3},
    ]
    said = text(captions.phrases_caption(phrases, PUSH, named), named)
    assert "“[w0] [w1] [w2] [w3] [w4] [w5]”" in said
    assert said.endswith("push 1.00 towards negative together; apart, added up, 3.00 towards positive.")


def test_the_middle_of_a_long_text_is_not_named_as_a_word_that_pushes() -> None:
    named = words(1.0, 9.0, -0.5)
    named[1]["gap"] = True
    said = text(captions.sentence_caption(verdict(0.9, 0.1), PUSH, named), named)
    assert said == "[w0] pushes most towards positive. [w2] pushes most towards negative."


def test_scores_that_do_no_better_than_chance_are_not_to_be_trusted() -> None:
    trust: Any = {"area": 0.3, "random": 0.43, "greedy": 0.76, "normalised": -0.4}
    said = "".join(map(str, captions.trust_caption(trust, PUSH)))
    assert (
        "by 30 points on average; deleting them at random, by 43 points; in the best order that a search found, by 76 points"
        in said
    )
    assert said.endswith("do not trust them.")
    said = "".join(map(str, captions.trust_caption(trust | {"normalised": 0.975}, PUSH)))
    assert said.endswith("the scores get 98 % of the way from chance to that order.")
    said = "".join(map(str, captions.trust_caption(trust | {"normalised": 0.25}, PUSH)))
    assert said.endswith("the scores get 25 % of the way from chance to that order.")
