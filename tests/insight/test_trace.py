"""Traces and holds: the same values as the reference, by name, of classifiers and layers; and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.cases import CELLS
from tests.support.tolerances import FLOAT32, FLOAT64

import peephole
from peephole import cells, nn
from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError, TextTypeError
from peephole.insight import Hold, belts, clamp, highway, trace
from peephole.ops import run_padded

LENGTHS = [3, 0, 6, 1]


def layer_of(cell: Cell, **options: Any) -> nn.Recurrent:
    torch.manual_seed(1)
    return nn.Recurrent(cell, 3, 5, num_layers=2, bidirectional=True, dtype=torch.float64, **options)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_trace_has_the_values_of_the_reference(cell: Cell) -> None:
    """Every value of every layer and direction, computed again by the reference backend, layer by layer."""
    layer, x = layer_of(cell), torch.randn(6, 4, 3, dtype=torch.float64)
    found = trace(layer, x, lengths=LENGTHS)
    rows = x.detach()
    with torch.no_grad():
        for k in range(2):
            parts = []
            for direction, suffix in (("forward", ""), ("reverse", "_reverse")):
                end = f"_l{k}{suffix}"
                weights = {
                    name.removesuffix(end): value
                    for name, value in layer.named_parameters()
                    if name.endswith(end) and not (not suffix and name.endswith("_reverse"))
                }
                state = {name: torch.zeros(4, 5, dtype=torch.float64) for name in cell.states}
                out = run_padded(
                    cell,
                    rows,
                    LENGTHS,
                    weights,
                    state,
                    backend="reference",
                    reverse=bool(suffix),
                    save=cell.values,
                )
                for name, value in out.saved.items():
                    np.testing.assert_allclose(found[f"layer{k}.{direction}.{name}"], value, **FLOAT64)
                parts.append(out.rows)
            rows = torch.cat(parts, -1)
    np.testing.assert_allclose(
        found["layer1.forward.h"], layer(x, lengths=LENGTHS)[0].detach()[..., :5], **FLOAT64
    )
    assert set(found) == set(found.names)
    assert len(found) == 4 * len(cell.values)
    assert "layer0.forward.h" in found
    assert "layer2.forward.h" not in found


def test_torch_layers_are_traced_too() -> None:
    torch.manual_seed(0)
    layer = torch.nn.GRU(3, 5, batch_first=True, bidirectional=True)
    x = torch.randn(2, 4, 3)
    found = trace(layer, x)
    expected = layer(x)[0].detach().numpy().swapaxes(0, 1)
    np.testing.assert_allclose(found["layer0.forward.h"], expected[..., :5], **FLOAT32)
    np.testing.assert_allclose(found["layer0.reverse.h"], expected[..., 5:], **FLOAT32)
    one = trace(layer, x[0])
    np.testing.assert_allclose(one["layer0.forward.z"], found["layer0.forward.z"][:, 0], **FLOAT32)


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU()], ids=repr)
def test_initial_states_are_those_of_the_layer(cell: Cell) -> None:
    """Outputs and gates begin where the layer is told to; a sequence without steps ends there."""
    layer, x = layer_of(cell), torch.randn(6, 4, 3, dtype=torch.float64)
    states = [torch.randn(4, 4, 5, dtype=torch.float64) for _ in cell.states]
    hx = states[0] if len(states) == 1 else tuple(states)
    found = trace(layer, x, lengths=LENGTHS, hx=hx)
    expected = layer(x, hx, lengths=LENGTHS)[0].detach()
    np.testing.assert_allclose(found["layer1.forward.h"], expected[..., :5], **FLOAT64)
    np.testing.assert_allclose(found["layer1.reverse.h"], expected[..., 5:], **FLOAT64)
    for track, belt in belts(found).items():
        whole = found.unpacked(belt.left).sum(axis=0) + belt.start_left
        np.testing.assert_allclose(whole, belt.final, **FLOAT64)
        start = states[cell.states.index(belt.state)][list(found.network.tracks).index(track)]
        np.testing.assert_allclose(belt.final[1], start[1], **FLOAT64)  # LENGTHS[1] is 0
    alone = trace(
        layer, x[:3, 0], hx=hx[:, 0] if isinstance(hx, torch.Tensor) else tuple(h[:, 0] for h in hx)
    )
    np.testing.assert_allclose(alone["layer0.forward.h"], found["layer0.forward.h"][:3, 0], **FLOAT64)
    with pytest.raises(
        ShapeError, match=r"hx .*must be \[L·K, N, H\] = \[4, 1, 5\]; got \[4, 4, 5\]|hx must be"
    ):
        trace(layer, x[:3, 0], hx=hx)


def test_projected_layers() -> None:
    layer = nn.LSTM(3, 5, proj_size=2, dtype=torch.float64)
    found = trace(layer, torch.randn(4, 3, dtype=torch.float64))
    assert found["layer0.forward.h"].shape == (4, 2)
    assert found["layer0.forward.c"].shape == (4, 5)


def test_a_text_is_traced_with_its_words() -> None:
    model, text = peephole.load(), "Not bad at all, is it?"
    found = trace(model, text)
    answer = next(model.predict([text]))
    assert found.text.label == answer.label
    assert found.single
    assert [word.text for word in found.text.words][:2] == ["Not", "bad"]
    assert found["layer0.reverse.c"].shape == (len(found.text.tokens), 192)
    np.testing.assert_allclose(found.text.probabilities, model.predict_proba([text])[0], **FLOAT32)
    several = trace(model, [text, "", "good"])
    assert several["layer0.forward.h"].shape == (len(found.text.tokens), 3, 192)
    assert len(several.texts) == 3
    np.testing.assert_allclose(several["layer0.forward.h"][:, 0], found["layer0.forward.h"], **FLOAT32)
    with pytest.raises(OptionError, match="needs the trace of one text; got that of 3"):
        _ = several.text


def test_a_text_without_words_has_no_steps() -> None:
    found = trace(peephole.load(), " ")
    assert found["layer0.forward.f"].shape == (0, 192)
    assert found.text.words == ()


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU("before"), cells.PeepholeLSTM()], ids=repr)
def test_a_value_is_held_for_some_units_and_steps(cell: Cell) -> None:
    layer, x = layer_of(cell), torch.randn(6, 4, 3, dtype=torch.float64)
    gate = "z" if isinstance(cell, cells.GRU) else "f"
    name = f"layer0.reverse.{gate}"
    free = trace(layer, x, lengths=LENGTHS)
    held = clamp(layer, x, {name: Hold(0.25, units=[1, 4], steps=0)}, lengths=LENGTHS)
    for n, length in enumerate(LENGTHS):
        if length:
            assert (held[name][0, n, [1, 4]] == 0.25).all()
            np.testing.assert_allclose(held[name][0, n, [0, 2, 3]], free[name][0, n, [0, 2, 3]], **FLOAT64)
    assert (held["layer0.reverse.h"] != free["layer0.reverse.h"]).any()
    assert (
        held["layer0.forward.h"] == free["layer0.forward.h"]
    ).all()  # a layer's directions do not see each other
    assert (held["layer1.forward.h"] != free["layer1.forward.h"]).any()


def test_with_the_forget_gate_at_one_and_the_input_gate_at_zero_the_cell_carries_unchanged() -> None:
    layer = layer_of(cells.LSTM())
    track = "layer0.forward"
    found = clamp(layer, torch.randn(9, 3, dtype=torch.float64),
                  {f"{track}.f": Hold(1.0, steps=slice(2, None)), f"{track}.i": Hold(0.0, steps=slice(2, None))})  # fmt: skip
    cell_states = found[f"{track}.c"]
    assert (cell_states[2:] == cell_states[1]).all()
    assert cell_states[1].any()


def test_of_silenced_units_nothing_is_seen_from_the_start() -> None:
    layer, x = nn.GRU(3, 4, dtype=torch.float64), torch.randn(5, 2, 3, dtype=torch.float64)
    start = torch.randn(1, 2, 4, dtype=torch.float64)
    silent = start.clone()
    silent[..., 1:3] = 0
    given = start.numpy().copy()
    found = clamp(layer, x, silence={"layer0.forward": [1, 2]}, hx=start)
    expected = clamp(layer, x, silence={"layer0.forward": [1, 2]}, hx=silent)
    for name in found:
        np.testing.assert_array_equal(found[name], expected[name])
    assert (start.numpy() == given).all()


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_packed_sequence_is_a_batch_with_its_lengths(batch_first: bool) -> None:
    layer, x = nn.LSTM(3, 4, batch_first=batch_first), torch.randn(3, 5, 3)
    x = x if batch_first else x.transpose(0, 1)
    lengths = [2, 5, 3]
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first, False)
    found, expected = trace(layer, packed), trace(layer, x, lengths=lengths)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
    with pytest.raises(OptionError, match="a PackedSequence has its lengths"):
        trace(layer, packed, lengths=lengths)


def test_silenced_units_show_nothing() -> None:
    model = peephole.load()
    found = clamp(model, "Not bad at all.", silence={"layer0.forward": slice(0, 10)})
    assert not found["layer0.forward.h"][:, :10].any()
    assert found["layer0.forward.h"][:, 10:].all()
    whole = clamp(model, "Not bad at all.", silence={"layer0.forward": None, "layer0.reverse": None})
    empty = trace(model, "")
    np.testing.assert_allclose(whole.text.logits, empty.text.logits, **FLOAT32)


def test_a_value_may_be_held_twice() -> None:
    layer, x = layer_of(cells.LSTM()), torch.randn(4, 3, dtype=torch.float64)
    name = "layer0.forward"
    found = clamp(layer, x, {f"{name}.h": Hold(0.25, units=1)}, silence={name: 3})[f"{name}.h"]
    assert (found[:, 1] == 0.25).all()
    assert not found[:, 3].any()
    assert found[:, [0, 2, 4]].all()


def test_an_array_is_held_step_by_step() -> None:
    layer = layer_of(cells.LSTM())
    values = np.linspace(0, 1, 20).reshape(4, 5)
    found = clamp(layer, torch.randn(4, 3, dtype=torch.float64), {"layer1.reverse.o": values})
    np.testing.assert_array_equal(found["layer1.reverse.o"], values)


def test_of_an_array_each_step_and_unit_takes_its_own_number() -> None:
    layer, x = layer_of(cells.LSTM()), torch.randn(4, 3, dtype=torch.float64)
    values, name = np.linspace(0, 1, 20).reshape(4, 5), "layer0.reverse.o"
    for value, whole in ((values, values), (values[1], np.broadcast_to(values[1], (4, 5)))):
        found = clamp(layer, x, {name: Hold(value, units=[4, 1], steps=[-1, 1])})[name]
        held = np.zeros((4, 5), bool)
        held[[1, 1, 3, 3], [1, 4, 1, 4]] = True
        np.testing.assert_array_equal(found == whole, held)


def test_what_cannot_be_traced_or_held() -> None:
    layer, x = layer_of(cells.LSTM()), torch.randn(4, 3, dtype=torch.float64)
    with pytest.raises(
        OptionError,
        match=r"trace: needs a Classifier, a layer of peephole.nn, or torch.nn's RNN, LSTM or GRU; got Linear",
    ):
        trace(torch.nn.Linear(3, 3), x)
    with pytest.raises(ShapeError, match=r"x must be \[T, D\] or \[T, N, D\] with D = 3; got \[4, 2\]"):
        trace(layer, x[:, :2])
    with pytest.raises(ShapeError, match=r"lengths must be N = 1 integers in \[0, T\] with T = 4; got \[5\]"):
        trace(layer, x[:, None], lengths=[5])
    with pytest.raises(OptionError, match="lengths and hx are for layers"):
        trace(peephole.load(), "good", lengths=[1])
    with pytest.raises(TextTypeError, match=r"trace: x\[1\]"):
        trace(peephole.load(), ["good", 3])
    with pytest.raises(OptionError, match=r"no value is named 'layer0\.forward\.q'"):
        _ = trace(layer, x)["layer0.forward.q"]
    with pytest.raises(OptionError, match="must hold or silence something"):
        clamp(layer, x)
    with pytest.raises(
        OptionError, match=r"no value is named 'layer0.forwrd.f' \(did you mean 'layer0.forward.f'\?\)"
    ):
        clamp(layer, x, {"layer0.forwrd.f": 1.0})
    with pytest.raises(OptionError, match=r"units must be in \[0, H\) with H = 5; got 5"):
        clamp(layer, x, {"layer0.forward.f": Hold(1.0, units=5)})
    with pytest.raises(OptionError, match=r"steps must be in \[−T, T\) with T = 4; got -5"):
        clamp(layer, x, {"layer0.forward.f": Hold(1.0, steps=[-5])})
    with pytest.raises(OptionError, match="a held value must be finite"):
        clamp(layer, x, {"layer0.forward.f": float("nan")})
    with pytest.raises(
        ShapeError, match=r"must be a number, \[H\] = \[5\] or \[T, H\] = \[4, 5\]; got \[3\]"
    ):
        clamp(layer, x, {"layer0.forward.f": np.zeros(3)})
    with pytest.raises(OptionError, match=r"silence must name a layer and direction; got 'layer3\.forward'"):
        clamp(layer, x, silence={"layer3.forward": 0})


def test_torch_weights_are_read_as_they_are_seen() -> None:
    """Narrow ones are widened, parametrised ones are taken as they come out, and later training changes no trace."""
    x = torch.randn(6, 2, 4)
    half = trace(torch.nn.LSTM(4, 5).bfloat16(), x.bfloat16())
    assert half["layer0.forward.c"].dtype == np.float32
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.LSTM(4, 5), "weight_hh_l0")
    found = trace(layer, x)
    np.testing.assert_allclose(found["layer0.forward.h"], layer(x)[0].detach(), **FLOAT32)
    before = highway(found, d_outputs=np.ones((6, 2, 5))).tracks["layer0.forward"].d_h
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(3)
    assert np.array_equal(before, highway(found, d_outputs=np.ones((6, 2, 5))).tracks["layer0.forward"].d_h)
    assert found.get("layer9.forward.h") is None
    with pytest.raises(OptionError, match="lengths are for batches; got them with one sequence"):
        trace(layer, x[:, 0], lengths=[3])
