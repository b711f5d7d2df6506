"""What the figures of the theory measure, held against numbers worked by hand and against identities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.insight import belts, trace
from peephole.studies.figures import fading, forget_gate, gru, gru_or_lstm, letters, peepholes, shipped
from peephole.studies.figures.additive_updates import follow
from peephole.studies.figures.vanishing_gradient import curves
from peephole.studies.tasks.task import one_hot
from support.tolerances import FLOAT64

LAGS = np.array(fading.LAGS)


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.0, 1.2])
def test_at_rest_a_plain_networks_gradient_is_the_gain_to_the_power_of_the_distance(gain: float) -> None:
    found = curves(cells.RNN(), seeds=1, steps=101, count=2, size=0.0, gain=gain)
    np.testing.assert_allclose(found["survival"][0], gain**LAGS, rtol=1e-3)  # kept with four digits
    expected = np.log(0.5) / np.log(gain) if gain < 1 else None
    assert found["half_life"][0] == (expected if expected is None else pytest.approx(expected, rel=1e-3))


@pytest.mark.parametrize("bias", [-1.0, 0.0, 3.0])
def test_along_the_conveyor_alone_a_constant_gate_gives_the_half_life_of_the_formula(bias: float) -> None:
    made = fading.layer(cells.LSTM(), 0, gain=0.0, forget_bias=bias)
    whole, direct = fading.fading_in(made, np.zeros((30, 2, fading.D)), 0)
    np.testing.assert_allclose(direct.half_life, forget_gate.half_life_of(bias), rtol=1e-9)
    np.testing.assert_allclose(whole.median, direct.median, rtol=1e-9)  # without U there is no other way


def test_half_lives_of_a_bias_by_hand() -> None:
    assert forget_gate.half_life_of(0.0) == pytest.approx(1.0)  # σ(0) = ½
    assert forget_gate.half_life_of(np.log(3)) == pytest.approx(np.log(0.5) / np.log(0.75))  # σ(ln 3) = ¾


@pytest.mark.parametrize(("cell", "gain", "left"), [(cells.RNN(), 0.5, 0.5), (cells.LSTM(), 0.0, 0.5)])
def test_a_value_put_into_the_state_shrinks_by_the_gain_or_by_the_forget_gate(
    cell: cells.Cell, gain: float, left: float
) -> None:
    made = fading.layer(cell, 0, gain=gain)
    size, along = fading.disturbed(made, np.zeros((6, 3, fading.D)), 0)
    np.testing.assert_allclose(size, np.repeat(left ** np.arange(7)[:, None], 3, axis=1), rtol=1e-4)
    np.testing.assert_allclose(along[0], 1.0)
    if gain == 0.0:  # on a conveyor it stays in its units
        np.testing.assert_allclose(along, 1.0)


def test_a_keep_bias_is_that_of_the_gate_that_keeps() -> None:
    settings = {"seeds": 1, "steps": 100, "sequences": 2}
    for cell in ("lstm", "gru"):  # σ(1000) = 1 keeps all: nothing fades, whatever is read
        found = follow(cell, 1000.0, 0.0, settings)
        assert min(found["size"][0]) > 0.99
    assert follow("lstm", -1000.0, 0.0, settings)["size"][0][1] < 1e-3


def test_lines_have_two_letters_and_the_answer_is_the_later_one() -> None:
    symbols, answers = letters.lines(7, 500, 3)
    for line, answer in zip(symbols.T, answers, strict=True):
        there = [symbol for symbol in line if symbol < letters.LETTERS]
        assert len(there) == 2
        assert there[-1] == answer
        assert line[-1] >= letters.LETTERS
    assert (
        len({tuple(np.flatnonzero(line < letters.LETTERS)) for line in symbols.T}) == 15
    )  # all pairs of six places


def test_a_reader_learns_short_lines_and_the_same_seed_gives_the_same_reader() -> None:
    readers = [letters.learn(cells.GRU(), 5, 1, 300) for _ in range(2)]
    assert readers[0].steps == readers[1].steps is not None
    assert readers[0].right >= 0.99
    symbols, answers = letters.lines(5, 200, 99)
    with torch.no_grad():
        outputs = readers[0].head(
            readers[0].layer(torch.from_numpy(one_hot(symbols, letters.SYMBOLS)))[0][-1]
        )
    assert (outputs.argmax(1).numpy() == answers).mean() > 0.95
    assert letters.learn(cells.GRU(), 30, 1, 20).steps is None  # twenty steps are not enough


def test_what_is_left_of_each_word_is_its_write_times_all_later_forget_gates() -> None:
    seen = trace(shipped.model(), "Not bad at all, I must say.")
    left = shipped.remains(seen, "layer0.forward")
    f, i, g = (seen.rows(f"layer0.forward.{name}").astype(np.float64) for name in "fig")
    by_gates = [
        [
            np.abs(np.prod(f[j + 1 : t + 1], axis=0) * i[j] * g[j]).sum() if t >= j else 0
            for t in range(len(f))
        ]
        for j in range(len(f))
    ]
    np.testing.assert_allclose(left, by_gates, rtol=1e-4)
    belt = np.abs(belts(seen)["layer0.forward"].left).sum(axis=1)
    np.testing.assert_allclose(left[:, -1], belt, rtol=1e-9)
    assert (np.tril(left, -1) == 0).all()
    assert (np.diff(left[2, 2:]) <= 0).all()


def test_behind_a_shut_output_gate_only_peepholes_see_the_cell_state() -> None:
    found = peepholes.measure_shut({"cells": ["lstm", "peephole-lstm"], "seeds": 2, "sequences": 3})
    assert found["lstm"] == [0.0, 0.0]
    assert min(found["peephole-lstm"]) > 0.01


def test_the_place_of_the_reset_matters_unless_the_gate_is_open() -> None:
    found = gru.measure_reset({"seeds": 2, "steps": 20, "sequences": 3})
    assert min(found["as they are"]) > 0.01
    assert max(found["reset gate held at 1"]) < 1e-12


def test_sizes_are_those_of_layers() -> None:
    found = gru_or_lstm.measure_size({"cells": ["lstm", "gru", "rnn"], "hidden": 128})
    assert found == {"lstm": 4 * 128 * (128 + 128 + 2), "gru": 3 * 128 * 258, "rnn": 128 * 258}


def test_an_orthogonal_layer_is_scaled_gate_by_gate() -> None:
    made = fading.layer(cells.GRU(), 0, gain=0.5)
    for gate in made.weight_hh_l0.detach().chunk(3):
        torch.testing.assert_close(gate @ gate.T, 0.25 * torch.eye(fading.H, dtype=torch.float64), **FLOAT64)
