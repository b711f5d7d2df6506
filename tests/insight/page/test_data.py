"""The document of a page against the trace, the measures and the explanation that it is made of."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from peephole import nn
from peephole.equations import Cell, Step, sigmoid, tanh
from peephole.errors import OptionError
from peephole.insight import belts, half_lives, highway, trace
from peephole.insight.explanations import explain, methods
from peephole.insight.page import explained_page, page_data
from peephole.insight.page.packing import unpack
from support.small_models import small_classifier

TEXT = "A good film, not bad at all!\n\nDon't go  on the whole a long evening."
CELLS = ["lstm", "peephole-lstm", "gru", "coupled-lstm", "rnn"]
# Letter and role of each gate, and how its values follow from those of the trace.
GATES = {
    "lstm": {"f": ("keep", lambda v: v["f"]), "i": ("write", lambda v: v["i"]), "o": ("show", lambda v: v["o"])},
    "peephole-lstm": {"f": ("keep", lambda v: v["f"]), "i": ("write", lambda v: v["i"]), "o": ("show", lambda v: v["o"])},
    "gru": {"z": ("keep", lambda v: v["z"]), "1 − z": ("write", lambda v: 1 - v["z"]), "r": ("reset", lambda v: v["r"])},
    "coupled-lstm": {"f": ("keep", lambda v: 1 - v["i"]), "i": ("write", lambda v: v["i"]), "o": ("show", lambda v: v["o"])},
    "rnn": {},
}  # fmt: skip


def made(cell: str = "lstm", text: str = TEXT, **options):
    model = small_classifier(cell=cell, num_layers=2, **options)
    traced = trace(model, text)
    return model, traced, explain(model, text, phrases=True)


def rounded(numbers) -> list[float]:
    return [float(f"{number:.5g}") for number in numbers]


@pytest.mark.parametrize("cell", CELLS)
def test_gates_are_those_of_the_trace_in_order_of_half_life(cell: str) -> None:
    _, traced, _ = made(cell)
    data = page_data(traced)
    assert [track["name"] for track in data["tracks"]] == list(traced.network.tracks)
    for track in data["tracks"]:
        name = track["name"]
        half = half_lives(traced)[name]
        assert sorted(track["drawn"]) == list(range(5))
        assert all(a >= b for a, b in zip(half[track["drawn"]], half[track["drawn"]][1:], strict=False))
        assert track["half_life"] == [None if math.isinf(h) else h for h in rounded(half[track["drawn"]])]
        values = {letter: traced[f"{name}.{letter}"] for letter in traced.network.tracks[name].cell.values}
        assert [gate["name"] for gate in track["gates"]] == list(GATES[cell])
        for gate in track["gates"]:
            role, of = GATES[cell][gate["name"]]
            assert gate["role"] == role
            np.testing.assert_allclose(unpack(gate["values"]), of(values)[:, track["drawn"]], atol=1 / 509)
            np.testing.assert_allclose(gate["mean"], of(values).mean(axis=1), rtol=1e-4)
        state = values[track["state"]][:, track["drawn"]]
        np.testing.assert_allclose(unpack(track["states"]), state, atol=np.abs(state).max() / 250)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "rnn"])
def test_the_belt_and_the_gradients_are_those_of_the_measures(cell: str) -> None:
    _, traced, found = made(cell)
    data = page_data(traced, found)
    weights = [float(label == found.target) - float(label == found.against) for label in found.text.labels]
    gradients = highway(traced, weights).tracks
    for track in data["tracks"]:
        belt, gradient = belts(traced)[track["name"]], gradients[track["name"]]
        for name, values in (("put", belt.write), ("left", belt.left)):
            packed = unpack(track["belt"][name])
            scale = np.abs(values).max(axis=0)[track["drawn"]]
            assert (np.abs(packed - values[:, track["drawn"]]) <= scale / 253 + 1e-12).all()
            assert track["belt"][f"{name}_size"] == rounded(np.abs(values).sum(axis=1))
        # What is left adds up to the final state, on the page too, as far as eight bits go.
        left = unpack(track["belt"]["left"]).sum(axis=0)
        np.testing.assert_allclose(
            left, belt.final[0][track["drawn"]], atol=np.abs(belt.left).max() * len(belt.left) / 253
        )
        for name, values in (
            ("total", gradient.norms),
            ("direct", gradient.direct),
            ("gates", gradient.gates),
        ):
            assert track["gradient"][name] == rounded(values)
        moved = np.abs((gradient.d_state * belt.write).sum(axis=0))
        assert track["drawn"][track["follow"]] == moved.argmax()


@pytest.mark.parametrize("reverse", [False, True])
def test_parcels_are_what_is_carried_from_step_to_step(reverse: bool) -> None:
    _, traced, _ = made()
    name = f"layer1.{'reverse' if reverse else 'forward'}"
    belt = belts(traced)[name]
    track = next(track for track in page_data(traced)["tracks"] if track["name"] == name)
    parcels = track["belt"]["parcels"]
    share, steps = unpack(parcels["share"]), len(belt.keep)
    assert parcels["edges"] == list(range(steps + 1))
    for put in range(steps):
        size = np.abs(belt.write[put])
        for seen in range(steps):
            between = range(seen, put) if reverse else range(put + 1, seen + 1)
            is_there = seen <= put if reverse else seen >= put
            left = (size * belt.keep[list(between)].prod(axis=0)).sum() if is_there else 0.0
            assert abs(share[put, seen] - left / size.sum()) < 1 / 509


def test_scores_verdict_words_and_text() -> None:
    model, traced, found = made()
    data = page_data(traced, found)
    assert [word["score"] for word in data["words"]] == rounded(found.scores)
    assert dict(data["verdict"]["probabilities"]) == pytest.approx(
        dict(zip(model.labels, found.text.probabilities, strict=True)), abs=1e-6
    )
    assert data["verdict"]["label"] == found.text.label == data["verdict"]["probabilities"][0][0]
    assert "".join(word["before"] + word["text"] for word in data["words"]) == TEXT.replace("  ", " ")
    assert [(word["first"], word["end"]) for word in data["words"]] == [
        (word.first, word.end) for word in found.text.words
    ]
    assert data["push"]["value"] == pytest.approx(found.value, rel=1e-4)
    assert (data["push"]["target"], data["push"]["against"]) == (found.target, found.against)
    assert data["model"] == {
        "cell": "LSTM",
        "units": 5,
        "layers": 2,
        "directions": 2,
        "reads": list(traced.readout.forward.statistics),
    }


def test_what_stands_before_a_word_is_told_from_the_first_one_on() -> None:
    words = page_data(None, explain(small_classifier(), " \n\n good  bad\nfilm!", method="conveyor"))["words"]
    assert [(word["before"], word["text"]) for word in words] == [
        ("\n\n", "good"),
        (" ", "bad"),
        ("\n", "film"),
        ("", "!"),
    ]


@pytest.mark.parametrize("method", [method.name for method in methods()])
def test_what_is_pushed_from_where_by_which_method(method: str) -> None:
    found = explain(small_classifier(), TEXT, method=method, faithfulness=False)
    push = page_data(None, found)["push"]
    assert push is not None
    assert (push["method"], push["note"]) == (method, found.note)
    assert push["meaning"] == next(one.summary for one in methods() if one.name == method)
    for name in ("base", "gap"):
        number = getattr(found, name)
        assert push[name] == (None if number is None else rounded([number])[0])


def test_what_was_on_the_belt_at_first_and_how_far_gradients_get() -> None:
    traced = trace(small_classifier(num_layers=2, pooling=("last",)), TEXT)
    gradients = highway(traced).tracks
    lives = {name: track.survival.half_life for name, track in gradients.items()}
    assert any(math.isfinite(life) for life in lives.values())
    for track in page_data(traced)["tracks"]:
        life = lives[track["name"]]
        assert track["gradient"] is not None
        assert track["belt"] is not None
        assert track["gradient"]["half_life"] == (rounded([life])[0] if math.isfinite(life) else None)
        assert track["belt"]["start_size"] == 0.0
    layer = nn.LSTM(3, 4)
    begun = trace(layer, torch.randn(6, 3), hx=(torch.randn(1, 4), torch.tensor([[-1.0, 2.0, -3.0, 4.0]])))
    (track,) = page_data(begun)["tracks"]
    left = belts(begun)["layer0.forward"].start_left
    assert (left < 0).any()
    assert track["belt"] is not None
    assert [track["belt"]["start_size"]] == rounded([np.abs(left).sum()])


def test_of_two_labels_each_keeps_its_colour() -> None:
    model = small_classifier(labels=["bad", "good"])
    sides = {
        label: page_data(None, explain(model, TEXT, target=label))["push"]["up"] for label in model.labels
    }
    assert sides == {"bad": "b", "good": "a"}


def test_phrases_stand_after_their_parts_and_keep_their_scores() -> None:
    _, traced, found = made()
    phrases = page_data(traced, found)["phrases"]
    words = len(found.text.words)
    assert len(phrases) == 2 * words - 1
    assert (phrases[-1]["first"], phrases[-1]["end"], phrases[-1]["score"]) == (
        0,
        words,
        rounded([found.phrases.score])[0],
    )
    for place, phrase in enumerate(phrases):
        if not phrase["parts"]:
            assert (phrase["end"], phrase["level"]) == (phrase["first"] + 1, 0)
            continue
        left, right = (phrases[part] for part in phrase["parts"])
        assert max(phrase["parts"]) < place
        assert (left["first"], left["end"], right["end"]) == (phrase["first"], right["first"], phrase["end"])
        assert phrase["level"] == 1 + max(left["level"], right["level"])
        assert phrase["score"] - left["score"] - right["score"] == pytest.approx(
            phrase["interaction"], abs=1e-3
        )


def test_trust_is_the_measured_faithfulness() -> None:
    _, traced, found = made()
    trust, measured = page_data(traced, found)["trust"], found.faithfulness
    assert trust is not None
    assert measured is not None
    assert [trust["area"], trust["random"], trust["greedy"]] == rounded(
        [measured.area, measured.random, measured.greedy]
    )
    for name in ("normalised", "comprehensiveness", "sufficiency"):
        assert [trust[name]] == rounded([getattr(measured, name)])
    assert trust["comprehensiveness"] != trust["sufficiency"]
    assert (trust["deleted"], trust["units"]) == (rounded(measured.deleted), measured.units)
    assert {curve["name"]: curve["values"] for curve in trust["curves"]} == {
        "scores": rounded(measured.curve),
        "random": rounded(measured.random_curve),
        "greedy": rounded(measured.greedy_curve),
    }


class Chung(Cell):
    """A gated recurrent unit whose z writes, as Chung et al. 2014 have it."""

    gates, states = ("z", "n"), ("h",)

    def step(self, pre, prev):
        z = sigmoid(pre.z)
        n = tanh(pre.n)
        return Step(h=(1 - z) * prev.h + z * n, z=z, n=n)


def test_a_gate_is_called_by_what_it_does_and_not_by_its_letter() -> None:
    """In one convention z keeps, in the other it writes: the page says which."""
    layer = nn.Recurrent(Chung(), 3, 4)
    traced = trace(layer, torch.randn(6, 3))
    data = page_data(traced)
    (track,) = data["tracks"]
    assert [(gate["role"], gate["name"]) for gate in track["gates"]] == [("keep", "1 − z"), ("write", "z")]
    np.testing.assert_allclose(track["gates"][1]["mean"], traced["layer0.forward.z"].mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(
        track["gates"][0]["mean"], 1 - traced["layer0.forward.z"].mean(axis=1), rtol=1e-4
    )
    assert data["verdict"] is None
    assert [word["text"] for word in data["words"]] == ["1", "2", "3", "4", "5", "6"]


class Swinging(Cell):
    """A cell whose state is halved and changes its sign at each step."""

    gates, states = ("n",), ("h",)

    def step(self, pre: Any, prev: Any) -> Step:
        return Step(h=tanh(pre.n) - prev.h / 2)


def test_what_is_carried_with_the_other_sign_is_there_all_the_same() -> None:
    (track,) = page_data(trace(nn.Recurrent(Swinging(), 3, 4), torch.randn(6, 3)))["tracks"]
    assert track["belt"] is not None
    expected = np.triu(0.5 ** np.maximum(np.arange(6) - np.arange(6)[:, None], 0))
    np.testing.assert_allclose(unpack(track["belt"]["parcels"]["share"]), expected, atol=1 / 509)


class Tangled(Cell):
    """A cell without a belt: its state enters the next one inside a tanh."""

    gates, states = ("f", "n"), ("h",)

    def step(self, pre, prev):
        f = sigmoid(pre.f)
        return Step(h=f * tanh(pre.n + prev.h), f=f)


def test_a_cell_without_a_belt_shows_its_gates_all_the_same() -> None:
    data = page_data(trace(nn.Recurrent(Tangled(), 3, 4), torch.randn(6, 3)))
    (track,) = data["tracks"]
    assert (track["belt"], track["gradient"], [gate["name"] for gate in track["gates"]]) == (
        None,
        None,
        ["f"],
    )


def test_a_text_without_words_and_one_word_have_documents() -> None:
    for text, words in (("", 0), ("good", 1)):
        found, data = explained_page(small_classifier(), text)
        assert (len(data["words"]), data["words_total"]) == (words, words)
        assert data["verdict"]["label"] == found.text.label
        json.dumps(data, allow_nan=False)


def test_what_does_not_belong_together_is_refused() -> None:
    model, traced, _ = made()
    with pytest.raises(OptionError, match="of the text of the trace; got that of another"):
        page_data(traced, explain(model, "Another text."))
    with pytest.raises(OptionError, match="needs the trace of one text; got that of 2 in a batch"):
        page_data(trace(model, ["a", "b"]))
    with pytest.raises(OptionError, match="needs a trace, an explanation or both; got neither"):
        page_data()
