"""The gradient highway, against autograd: the whole gradient, and with h and peepholes cut off where they enter gates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.cases import CELLS
from tests.support.small_models import small_classifier
from tests.support.tolerances import DIFFERENCES, FLOAT32, FLOAT64

import peephole
from peephole import cells, nn
from peephole.equations import Cell
from peephole.equations.conveyor import conveyor
from peephole.errors import OptionError, ShapeError
from peephole.insight import Hold, clamp, highway, trace
from peephole.insight.passage import Passage
from peephole.insight.survival import Survival, survival
from peephole.ops import Sequences, run

STEPS = 6


def by_autograd(
    layer: nn.Recurrent, x: torch.Tensor, weigh: torch.Tensor, *, cut: bool
) -> dict[str, list[torch.Tensor]]:
    """Gradients of ``(weigh * output).sum()`` in the states of every step of a two-layer bidirectional layer, by autograd.

    Each step is a run of its own by the reference, so that states are tensors of the graph. `cut`: every named value that is no
    state is held at what it is, detached, so that nothing goes back through gates and candidates; and lower layers get the whole
    gradient of what reads them, as `outside` does.
    """
    cell, count = layer.cell, 1
    states: dict[str, list[Any]] = {}
    rows = [x[t : t + 1] for t in range(STEPS)]
    for k in range(2):
        outputs: list[list[torch.Tensor]] = []
        for direction, suffix in (("forward", ""), ("reverse", "_reverse")):
            end = f"_l{k}{suffix}"
            weights = {
                name.removesuffix(end): value for name, value in layer.named_parameters()
                if name.endswith(end) and (suffix or not name.endswith("_reverse"))
            }  # fmt: skip
            state = {name: torch.zeros(count, 5, dtype=torch.float64) for name in cell.states}
            order = range(STEPS) if not suffix else range(STEPS - 1, -1, -1)
            made: dict[int, dict[str, torch.Tensor]] = {}
            for t in order:
                whole = run(cell, rows[t], [1], weights, state, backend="reference", save=cell.values)
                gates = {
                    name: value.detach() for name, value in whole.saved.items() if name not in cell.states
                }
                out = (
                    run(
                        cell, rows[t], [1], weights, state, backend="reference", save=cell.values, clamp=gates
                    )
                    if cut
                    else whole
                )
                made[t] = {name: out.saved[name] for name in cell.states}
                # A plain RNN has no value but its state, and no path from one to the next that leads through no candidate.
                ends = cut and isinstance(cell, cells.RNN)
                state = {name: value.detach() if ends else value for name, value in made[t].items()}
            for name in cell.states:
                states[f"layer{k}.{direction}.{name}"] = [made[t][name] for t in range(STEPS)]
            outputs.append([made[t]["h"] for t in range(STEPS)])
        rows = [torch.cat(parts, -1) for parts in zip(*outputs, strict=True)]
    total = (torch.cat(rows) * weigh).sum()
    return {
        name: [
            torch.zeros(1, 5) if g is None else g
            for g in torch.autograd.grad(total, each, retain_graph=True, allow_unused=True)
        ]
        for name, each in states.items()
    }


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_gradients_and_their_split_are_those_of_autograd(cell: Cell) -> None:
    torch.manual_seed(4)
    layer = nn.Recurrent(cell, 3, 5, num_layers=2, bidirectional=True, dtype=torch.float64)
    x, weigh = torch.randn(STEPS, 3, dtype=torch.float64), torch.randn(STEPS, 10, dtype=torch.float64)
    found = highway(trace(layer, x), d_outputs=weigh.numpy()).tracks
    whole = by_autograd(layer, x, weigh, cut=False)
    direct = by_autograd(layer, x, weigh, cut=True)
    state = conveyor(cell).state
    for name, track in found.items():
        np.testing.assert_allclose(track.d_h, torch.cat(whole[f"{name}.h"]), **FLOAT64)
        np.testing.assert_allclose(track.d_state, torch.cat(whole[f"{name}.{state}"]), **FLOAT64)
        if name.startswith("layer1"):
            np.testing.assert_allclose(track.d_direct, torch.cat(direct[f"{name}.{state}"]), **FLOAT64)
        np.testing.assert_allclose(track.norms, np.linalg.norm(track.d_state, axis=1), **FLOAT64)
        np.testing.assert_allclose(
            track.gates, np.linalg.norm(track.d_state - track.d_direct, axis=1), **FLOAT64
        )


def test_the_direct_path_of_a_last_state_is_the_product_of_keeps() -> None:
    """dh_T/dc_T is o (1 − tanh² c); what reaches c_t of it directly is times Π f."""
    torch.manual_seed(0)
    layer = nn.PeepholeLSTM(3, 5, dtype=torch.float64)
    found = trace(layer, torch.randn(STEPS, 3, dtype=torch.float64))
    track = highway(found, d_last={"layer0.forward": np.ones((1, 5))}).tracks["layer0.forward"]
    f, o, c = (found[f"layer0.forward.{name}"] for name in "foc")
    for t in range(STEPS):
        expected = o[-1] * (1 - np.tanh(c[-1]) ** 2) * f[t + 1 :].prod(axis=0)
        np.testing.assert_allclose(track.d_direct[t], expected, **FLOAT64)
    assert track.survival.median[0] == 1
    assert len(track.survival.median) == STEPS


def test_of_a_reverse_direction_the_last_state_is_that_of_the_first_step() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5, bidirectional=True, dtype=torch.float64)
    found = trace(layer, torch.randn(STEPS, 3, dtype=torch.float64))
    tracks = highway(found, d_last={"layer0.reverse": np.ones((1, 5))}).tracks
    f, o, c = (found[f"layer0.reverse.{name}"] for name in "foc")
    for t in range(STEPS):
        expected = o[0] * (1 - np.tanh(c[0]) ** 2) * f[:t].prod(axis=0)
        np.testing.assert_allclose(tracks["layer0.reverse"].d_direct[t], expected, **FLOAT64)
    assert not tracks["layer0.forward"].d_state.any()


def test_gradients_in_outputs_and_in_last_states_add_up() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5, bidirectional=True, dtype=torch.float64)
    found = trace(layer, torch.randn(6, 2, 3, dtype=torch.float64), lengths=[4, 6])
    rng = np.random.default_rng(0)
    weigh = rng.normal(size=found.passage.outputs.shape)
    last = {name: rng.normal(size=(2, 5)) for name in found.network.tracks}
    both = highway(found, d_outputs=weigh, d_last=last).tracks
    one, other = highway(found, d_outputs=weigh).tracks, highway(found, d_last=last).tracks
    for name, track in both.items():
        for kind in ("d_h", "d_state", "d_direct"):
            parts = getattr(one[name], kind) + getattr(other[name], kind)
            np.testing.assert_allclose(getattr(track, kind), parts, **FLOAT64)


def test_of_a_plain_rnn_nothing_is_direct_beyond_its_own_step() -> None:
    layer = nn.RNN(3, 5, dtype=torch.float64)
    track = highway(
        trace(layer, torch.randn(STEPS, 3, dtype=torch.float64)), d_last={"layer0.forward": np.ones((1, 5))}
    ).tracks["layer0.forward"]
    assert not track.direct[:-1].any()
    assert track.direct[-1] > 0
    assert track.norms[:-1].all()


def test_batches_of_different_lengths_are_their_sequences() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5, bidirectional=True, dtype=torch.float64)
    x, lengths = torch.randn(6, 3, 3, dtype=torch.float64), [2, 0, 6]  # sorting them and back are two orders
    last = {name: np.linspace(-1, 1, 15).reshape(3, 5) for name in ("layer0.forward", "layer0.reverse")}
    batch = trace(layer, x, lengths=lengths)
    together = highway(batch, d_last=last).tracks
    for n in (0, 2):
        alone = highway(
            trace(layer, x[: lengths[n], n]), d_last={k: d[n : n + 1] for k, d in last.items()}
        ).tracks
        for name, track in together.items():
            own = batch.sequences.rows_of(n)
            np.testing.assert_allclose(track.d_state[own], alone[name].d_state, **FLOAT64)
            np.testing.assert_allclose(track.d_direct[own], alone[name].d_direct, **FLOAT64)


def test_a_classifiers_margin() -> None:
    """The gradient in the embedded rows is that of `Classifier.gradients`, and the value is the margin."""
    model, text = peephole.load(), "The plot is thin, but the cast is warm."
    found, known = trace(model, text), next(model.gradients([text]))
    highways = highway(found)
    np.testing.assert_allclose(highways.values, [known.value], **FLOAT32)
    assert found.readout is not None
    passage = found.passage.with_back()
    d_rows, d_last = found.readout.backward(
        np.array([[-1.0, 1.0]], np.float32) * (1 if found.text.label == "positive" else -1)
    )
    np.testing.assert_allclose(passage.backward(d_rows, d_last).rows, known.gradient, **FLOAT32)
    with pytest.raises(OptionError, match="for a classifier, say what of with target"):
        highway(found, d_outputs=found.passage.outputs)
    with pytest.raises(
        OptionError, match="d_outputs or d_last must say what the gradient is of; got neither"
    ):
        highway(trace(nn.LSTM(3, 5), torch.zeros(2, 3)))


def test_texts_of_a_batch_are_read_as_each_alone() -> None:
    """Through every way of pooling; sorting these lengths and back are two orders."""
    model = small_classifier(num_layers=2, pooling=("mean", "last", "max"))
    texts = ["good film", "A good film, not bad at all!", "", "not bad at all"]
    batch = trace(model, texts)
    assert not np.array_equal(batch.sequences.order, batch.sequences.inverse)
    together = highway(batch, "good")
    for n, text in enumerate(texts):
        alone = trace(model, text)
        single = highway(alone, "good")
        np.testing.assert_allclose(
            batch.texts[n].logits, model.logits([model.tokenizer.encode(text)])[0], **FLOAT32
        )
        np.testing.assert_allclose(batch.texts[n].logits, alone.text.logits, **FLOAT32)
        np.testing.assert_allclose(together.values[n], single.values[0], **FLOAT32)
        own = batch.sequences.rows_of(n)
        for name, track in together.tracks.items():
            np.testing.assert_allclose(track.d_state[own], single.tracks[name].d_state, **FLOAT32)
            np.testing.assert_allclose(track.d_direct[own], single.tracks[name].d_direct, **FLOAT32)
    known = list(model.gradients(texts, target="good"))
    passage = batch.passage.with_back()
    assert batch.readout is not None
    weights = np.tile(np.array([0, 1, 0], np.float32), (len(texts), 1))
    d_rows = passage.backward(*batch.readout.backward(weights)).rows
    for n, one in enumerate(known):
        np.testing.assert_allclose(d_rows[batch.sequences.rows_of(n)], one.gradient, **FLOAT32)


def test_survival_by_hand() -> None:
    """Rows of two sequences, time-major, longest first: 8 4 2 1 and 0 1."""
    sequences = Sequences.from_lengths([4, 2])
    norms = np.array([8.0, 0.0, 4.0, 1.0, 2.0, 1.0])
    found = survival(norms, sequences)
    assert found.median.tolist() == [1, 1, 4, 8]
    assert found.lower.tolist() == [1, 0.5, 4, 8]
    assert found.half_life == float("inf")
    assert survival(np.array([0.0, 1.0]), Sequences.from_lengths([2])).half_life == 0
    assert np.isnan(survival(np.zeros(0), Sequences.from_lengths([0])).half_life)


@pytest.mark.parametrize(
    "cell", [cells.LSTM(), cells.PeepholeLSTM(), cells.GRU(), cells.GRU("before")], ids=repr
)
def test_gradients_of_a_run_with_values_held(cell: Cell) -> None:
    """Against differences: a value is moved by holding it elsewhere; what is free keeps its gradient, and what is held is cut."""
    torch.manual_seed(3)
    layer = nn.Recurrent(cell, 3, 5, dtype=torch.float64)
    x, weigh = torch.randn(STEPS, 3, dtype=torch.float64), np.random.default_rng(0).normal(size=(STEPS, 5))
    name, state = "layer0.forward", conveyor(cell).state
    held = {
        f"{name}.h": Hold(0.3, units=0),
        f"{name}.{'z' if state == 'h' else 'f'}": Hold(0.9, units=1, steps=2),
    }
    found = clamp(layer, x, held)
    track = highway(found, d_outputs=weigh).tracks[name]

    def moved(value: str, t: int, unit: int, by: float) -> float:
        at = float(found[f"{name}.{value}"][t, unit]) + by
        values = np.full((STEPS, 5), np.nan)
        values[t, unit] = at
        if value == "h":
            values[:, 0] = np.where(np.isnan(values[:, 0]), 0.3, values[:, 0])
        own = {track: dict(each) for track, each in found.passage._holds.items()}
        own[name][value] = values
        passage = Passage(found.network, found.passage.rows, found.sequences, holds=own)
        return float((passage.outputs * weigh).sum())

    for value, gradient in (("h", track.d_h), (state, track.d_state)):
        for t, unit in ((2, 1), (0, 3), (STEPS - 1, 2), (3, 0)):
            slope = (moved(value, t, unit, 1e-5) - moved(value, t, unit, -1e-5)) / 2e-5
            np.testing.assert_allclose(gradient[t, unit], slope, **DIFFERENCES)
    if state == "c":  # nobody sees the unit whose h is held, and so nothing of it comes along the conveyor
        assert not track.d_direct[:, 0].any()
    else:  # each step of a held state is a new beginning
        np.testing.assert_allclose(track.d_direct[:, 0], weigh[:, 0], **FLOAT64)


def test_a_held_cell_state_ends_the_direct_path() -> None:
    layer = nn.LSTM(3, 5, dtype=torch.float64)
    found = clamp(layer, torch.randn(STEPS, 3, dtype=torch.float64), {"layer0.forward.c": Hold(0.5, steps=3)})
    track = highway(found, d_last={"layer0.forward": np.ones((1, 5))}).tracks["layer0.forward"]
    assert not track.direct[:3].any()
    assert track.direct[3:].all()


def test_outputs_of_a_batch_may_come_padded() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5, dtype=torch.float64)
    batch = trace(layer, torch.randn(6, 2, 3, dtype=torch.float64), lengths=[2, 6])
    weigh = np.random.default_rng(0).normal(size=(6, 2, 5))
    packed = weigh[batch.sequences.row_time, batch.sequences.row_batch]
    padded, rows = (highway(batch, d_outputs=d).tracks["layer0.forward"].d_state for d in (weigh, packed))
    assert np.array_equal(padded, rows)
    with pytest.raises(
        ShapeError, match=r"highway: d_outputs must be as the outputs, .* \[8, 5\]; got \[6, 5\]"
    ):
        highway(batch, d_outputs=weigh[:, 0])
    with pytest.raises(OptionError, match=r"d_last must name tracks; got 'layer9\.forward'"):
        highway(batch, d_last={"layer9.forward": np.zeros((2, 5))})
    with pytest.raises(ShapeError, match=r"must be \[N, P\] = \[2, 5\]; got \[5\]"):
        highway(batch, d_last={"layer0.forward": np.zeros(5)})


def test_a_sequence_without_a_gradient_at_its_end_has_no_say() -> None:
    found = survival(np.array([1, 0.5, 1, 1, 0]), Sequences.from_lengths([2, 3]))
    assert found.median.tolist() == [1, 0.5, 1][: len(found.median)]
    assert not np.isnan(found.half_life)


def test_a_gradient_that_overflows_is_the_largest_number_and_warns_of_nothing() -> None:
    """Rows are time-major: each pair is a step of two sequences."""
    found = survival(np.array([1e300, 1e300, 1e-20, 1e-20]), Sequences.from_lengths([2, 2]))
    assert found.median.tolist() == [1.0, np.finfo(np.float64).max]
    assert found.half_life == np.inf
    left_out = survival(np.array([7.0, 1.0, np.inf, 2.0]), Sequences.from_lengths([2, 2]))
    assert left_out.median.tolist() == [1.0, 0.5]


def test_survival_begins_at_the_last_step_that_a_direction_reads() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5, bidirectional=True, dtype=torch.float64)
    weigh = np.random.default_rng(0).normal(size=(STEPS, 10))
    found = highway(trace(layer, torch.randn(STEPS, 3, dtype=torch.float64)), d_outputs=weigh).tracks
    forward, reverse = found["layer0.forward"], found["layer0.reverse"]
    np.testing.assert_allclose(forward.survival.median, forward.h[::-1] / forward.h[-1], **FLOAT64)
    np.testing.assert_allclose(reverse.survival.median, reverse.h / reverse.h[0], **FLOAT64)


def test_survival_in_both_directions_by_hand() -> None:
    """Three sequences of 3, 2 and 4 steps: S(1) is of all of them, S(2) of two, S(3) of one; quartiles lie between neighbours."""
    sequences = Sequences.from_lengths([3, 2, 4])
    norms = np.zeros(sequences.rows)
    for n, own in enumerate(([0.25, 0.5, 1.0], [1.6, 2.0], [8.0, 4.0, 2.0, 4.0])):
        norms[sequences.rows_of(n)] = own
    found = survival(norms, sequences)
    np.testing.assert_allclose(found.lower, [1, 0.5, 0.4375, 2], **FLOAT64)
    np.testing.assert_allclose(found.median, [1, 0.5, 0.625, 2], **FLOAT64)
    np.testing.assert_allclose(found.upper, [1, 0.65, 0.8125, 2], **FLOAT64)
    back = survival(norms, sequences, reverse=True)
    np.testing.assert_allclose(back.lower, [1, 0.875, 1.1875, 0.5], **FLOAT64)
    np.testing.assert_allclose(back.median, [1, 1.25, 2.125, 0.5], **FLOAT64)
    np.testing.assert_allclose(back.upper, [1, 1.625, 3.0625, 0.5], **FLOAT64)
    assert survival(np.array([2.0]), Sequences.from_lengths([1])).median.tolist() == [1.0]


@pytest.mark.parametrize(
    ("curve", "steps"),
    [
        ([1, 0.5, 0.25], 1.0),
        ([1, 0.5, 0.5], 5 / 3),  # −λ = (1 · ln 2 + 2 · ln 2) / (1² + 2²)
        ([1, 2**-0.5, 0.5, 2**-1.5], 2.0),
        ([1, 0.5, 0, 0.5], 1.0),  # no further than where nothing is left
        ([1, 0], 0.0),
        ([1, 1, 1], math.inf),
        ([1, 2], math.inf),
        ([1], math.nan),
        ([], math.nan),
        ([1, math.nan], math.nan),
    ],
)
def test_the_half_life_of_a_gradient_by_hand(curve: list[float], steps: float) -> None:
    values = np.array(curve, np.float64)
    assert Survival(values, values, values).half_life == pytest.approx(steps, nan_ok=True)
