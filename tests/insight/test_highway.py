"""The gradient highway, against autograd: the whole gradient, and with h and peepholes cut off where they enter gates."""

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
from peephole.equations.conveyor import conveyor
from peephole.errors import OptionError
from peephole.insight import highway, trace
from peephole.insight.survival import survival
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
    x, lengths = torch.randn(6, 3, 3, dtype=torch.float64), [2, 6, 0]
    last = {name: np.linspace(-1, 1, 15).reshape(3, 5) for name in ("layer0.forward", "layer0.reverse")}
    batch = trace(layer, x, lengths=lengths)
    together = highway(batch, d_last=last).tracks
    for n in (0, 1):
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
