"""Long texts: what shares a column, what is said of it, and how large a page can become."""

from __future__ import annotations

import numpy as np
import pytest

from peephole.classifier import Classifier
from peephole.classifier.pieces import Word
from peephole.insight import belts, half_lives, trace
from peephole.insight.explanations import explain
from peephole.insight.page import explained_page, page_data, page_html, whole
from peephole.insight.page.columns import MOST, columns_of, places_of
from peephole.insight.page.packing import unpack
from support.small_models import random_weights, small_classifier

WORDS = ["good", "film", "bad", "story", "the"]


def large_classifier(hidden_size: int) -> Classifier:
    """With weights so small that no gradient explodes."""
    model = small_classifier("word", hidden_size=hidden_size, num_layers=1)
    return Classifier(model.config, model.tokenizer, random_weights(model.config, scale=0.05))


def text_of(count: int) -> str:
    return " ".join(WORDS[k % 5] for k in range(count))


def test_the_middle_of_a_long_text_is_one_column_with_its_means() -> None:
    model = small_classifier("word")
    text = text_of(1500)
    traced, found = (
        trace(model, text),
        explain(model, text, method="integrated-gradients", faithfulness=False),
    )
    data = page_data(traced, found)
    half = MOST // 2
    assert len(data["tokens"]) == MOST + 1
    (gap,) = [word for word in data["words"] if word["gap"]]
    assert (gap["first"], gap["end"], gap["text"]) == (half, half + 1, f"… {1500 - MOST:,} words …")
    assert gap["score"] == pytest.approx(found.scores[half:-half].sum(), rel=1e-4)
    assert sum(word["score"] for word in data["words"]) == pytest.approx(
        found.scores.sum(), rel=1e-3, abs=1e-3
    )
    for track in data["tracks"]:
        for gate in track["gates"]:
            values = traced[f"{track['name']}.{gate['name']}"]
            expected = [*values[:half].mean(axis=1), values[half:-half].mean(), *values[-half:].mean(axis=1)]
            np.testing.assert_allclose(gate["mean"], expected, rtol=1e-4)
            middle = values[half:-half].mean(axis=0)[track["drawn"]]
            np.testing.assert_allclose(unpack(gate["values"])[half], middle, atol=1 / 509)
        state = traced[f"{track['name']}.{track['state']}"]
        last = state[half if track["reverse"] else -half - 1][
            track["drawn"]
        ]  # of the middle, what is read last
        np.testing.assert_allclose(unpack(track["states"])[half], last, atol=np.abs(state).max() / 250)
    assert data["notes"][0].startswith(
        "This text has 1,500 steps. Its first and last 256 are drawn; the 988 between them were read"
    )


def test_parcels_of_a_long_text_hold_several_columns_and_lose_nothing() -> None:
    model = small_classifier("word")
    traced = trace(model, text_of(400))
    for track in page_data(traced)["tracks"]:
        parcels, belt = track["belt"]["parcels"], belts(traced)[track["name"]]
        assert (len(parcels["put"]), parcels["edges"][0], parcels["edges"][-1]) == (96, 0, 400)
        owner = np.searchsorted(parcels["edges"], np.arange(400), side="right") - 1
        order = range(399, -1, -1) if track["reverse"] else range(400)
        carried, share = np.zeros((96, 5)), np.zeros((96, 96))
        for step in order:
            carried *= belt.keep[step]
            carried[owner[step]] += np.abs(belt.write[step])
            share[:, owner[step]] = carried.sum(axis=1) / parcels["put"]  # the last of a parcel's steps stays
        np.testing.assert_allclose(unpack(parcels["share"]), share, atol=1 / 509)


def test_a_word_of_many_tokens_reaches_into_the_middle_and_out_of_it() -> None:
    words = [Word("a", 0, 1, 0, 3), Word("b", 1, 2, 3, 12), Word("c", 2, 3, 12, 15), Word("d", 3, 4, 15, 20)]
    columns = columns_of(20, most=8)  # steps 4 to 15 share column 4
    assert [(p.first, p.end, list(p.words), p.is_gap) for p in places_of(words, columns)] == [
        (0, 3, [0], False),
        (3, 4, [1], False),
        (4, 5, [2], True),
        (5, 9, [3], False),
    ]
    through = [Word("a", 0, 1, 0, 20)]
    assert [(p.first, p.end) for p in places_of(through, columns)] == [(0, 9)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [60, 1500])
def test_a_page_is_of_bounded_size(count: int) -> None:
    """A model as large as the one in the package; tokens of one word each, and of letters."""
    model = large_classifier(192)
    limit = 400_000 if count == 60 else 1_900_000
    for text in (text_of(count), "x" * count, " ".join("xyzzyq"[k % 6] * 9 for k in range(count))):
        page = page_html(
            page_data(
                trace(model, text), explain(model, text, faithfulness=False, method="integrated-gradients")
            )
        )
        assert len(page.encode()) < limit


def test_units_that_are_left_out_are_told_and_spread_over_all_half_lives() -> None:
    model = large_classifier(400)
    traced = trace(model, text_of(120))
    data = page_data(traced)
    for track in data["tracks"]:
        drawn = len(track["drawn"])
        assert drawn < track["units"] == 400
        assert len(set(track["drawn"])) == drawn
        assert track["half_life"] == sorted(track["half_life"], reverse=True)
        for gate in track["gates"]:  # what is said of all units is of those that are left out, too
            values = traced[f"{track['name']}.{gate['name']}"]
            assert gate["mean"] == pytest.approx(values.mean(axis=1).tolist(), rel=1e-4)
        sizes = np.abs(belts(traced)[track["name"]].left).sum(axis=1)
        assert track["belt"] is not None
        assert track["belt"]["left_size"] == pytest.approx(sizes.tolist(), rel=1e-4)
        every = np.sort(half_lives(traced)[track["name"]])
        assert track["half_life"][0] == pytest.approx(every[-1], rel=1e-3)
        assert track["half_life"][-1] == pytest.approx(every[0], rel=1e-3)
    assert any(
        f"Of 400 units in a layer and direction, {drawn:,} are drawn" in note for note in data["notes"]
    )


def test_of_a_text_that_is_too_long_to_trace_the_words_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MOST_TRACED_TOKENS", 20)
    _, data = explained_page(small_classifier("word"), text_of(30), faithfulness=False, phrases=False)
    assert data["tracks"] == []
    assert len(data["words"]) == 30
    assert data["notes"] == [
        "Gates, belt and gradients are not shown: this text has 30 tokens, and the values of at most 20 are kept."
    ]
