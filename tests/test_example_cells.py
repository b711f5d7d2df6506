"""The cells in ``examples`` against loops written from the papers, in plain torch: outputs, final states and every gradient."""

from __future__ import annotations

import pytest
import torch

from peephole.equations import Cell
from peephole.errors import BackendUnavailable
from peephole.ops import Sequences, choose_backend, run
from support.cases import case
from support.examples import load_example
from support.tolerances import FLOAT64

GREFF = {type(cell).__name__: cell for cell in load_example("greff_variants").CELLS}
MINIMAL = {
    type(cell).__name__: cell
    for cell in load_example("minimal_gated_unit").CELLS
    if type(cell).__name__ != "GRU"
}
LENGTHS, D, H = [5, 0, 3, 5, 1], 3, 19


def blocks(weights, cell: Cell):
    """W, R and b (the sum of torch's two biases) of each gate, as the papers have them."""
    w, r = (weights[name].split(H) for name in ("weight_ih", "weight_hh"))
    b = [x + y for x, y in zip(weights["bias_ih"].split(H), weights["bias_hh"].split(H), strict=True)]
    return {gate: (w[k], r[k], b[k]) for k, gate in enumerate(cell.gates)}


def greff(name: str, cell: Cell, x, weights, y, c, last):
    """One step of Greff et al. 2017, section II and appendix A.

    Args:
        name: of the variant; "PeepholeLSTM" is the vanilla one.
        cell: only for the order in which its weights are stacked.
        x: `[D]` the input.
        weights: as for `run`.
        y: `[H]` block output of the step before.
        c: `[H]` cell of the step before.
        last: i, f, o of the step before, each `[H]`; FGR alone looks at them.
    """
    at = blocks(weights, cell)
    seen = [gate for gate in "ifo" if gate in at]
    p = dict(zip(seen, weights["weight_ch"], strict=True)) if name != "NP" else {}
    # R_{from to}, by target, then source
    extra = (
        dict(zip([(s, t) for t in "ifo" for s in "ifo"], weights["weight_gates"].split(H), strict=True))
        if name == "FGR"
        else {}
    )

    def net(gate: str):
        w, r, b = at[gate]
        return w @ x + r @ y + b

    def gate(letter: str, cell_state):
        total = net(letter)
        if p:
            total = total + p[letter] * cell_state
        for source in "ifo" if extra else "":
            total = total + extra[source, letter] @ last[source]
        return 1 / (1 + torch.exp(-total))

    one = torch.ones_like(c)
    z = net("g") if name == "NIAF" else torch.tanh(net("g"))
    i = one if name == "NIG" else gate("i", c)
    f = one if name == "NFG" else 1 - i if name == "CIFG" else gate("f", c)
    c = z * i + c * f
    o = one if name == "NOG" else gate("o", c)
    y = (c if name == "NOAF" else torch.tanh(c)) * o
    return y, c, {"i": i, "f": f, "o": o}


def minimal(name: str, cell: Cell, x, weights, h):
    """One step of Zhou et al. 2016, equations 7 to 9, or of Heck & Salem 2017."""
    at = blocks(weights, cell)
    if name == "MGU":
        w, u, b = at["f"]
        f = torch.sigmoid(w @ x + u @ h + b)
    else:
        total = torch.zeros_like(h)
        if name in ("MGU1", "MGU2"):
            total = total + weights["weight_f"] @ h
        if name in ("MGU1", "MGU3"):
            total = total + weights["bias_f"][0]
        f = torch.sigmoid(total)
    # The candidate's recurrent bias stands beside the product, so that the two biases are one.
    w, u, b = at["n"]
    candidate = torch.tanh(w @ x + u @ (f * h) + b)
    return (1 - f) * h + f * candidate


def loop(cell: Cell, rows, weights, state, reverse: bool):
    """Each sequence by itself: outputs `[R, H]` and final states, sorted as `run` sorts them."""
    name = type(cell).__name__
    sequences = Sequences.from_lengths(LENGTHS)
    outputs: dict[int, torch.Tensor] = {}
    finals = {key: [torch.empty(0)] * len(LENGTHS) for key in cell.states}
    for n in range(len(LENGTHS)):
        place = int(sequences.inverse[n])
        now = {key: value[place] for key, value in state.items()}
        order = sequences.rows_of(n).tolist()
        for row in order[::-1] if reverse else order:
            if name in MINIMAL:
                now = {"h": minimal(name, cell, rows[row], weights, now["h"])}
            else:
                y, c, gates = greff(name, cell, rows[row], weights, now["h"], now["c"], now)
                now = {key: {"h": y, "c": c, **gates}[key] for key in cell.states}
            outputs[row] = now["h"]
        for key in cell.states:
            finals[key][place] = now[key]
    return torch.stack([outputs[row] for row in range(len(rows))]), {
        k: torch.stack(v) for k, v in finals.items()
    }


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("backend", ["reference", "compiled"])
@pytest.mark.parametrize("cell", [*GREFF.values(), *MINIMAL.values()], ids=lambda cell: type(cell).__name__)
def test_a_cell_computes_what_its_paper_says(cell: Cell, backend: str, reverse: bool) -> None:
    try:
        choose_backend(cell, backend=backend, dtype="float64")
    except BackendUnavailable as error:
        pytest.skip(error.message)
    rows, sizes, weights, state = case(cell, LENGTHS, D, H)
    weights = {name: (w.detach() / w.shape[-1] ** 0.5).requires_grad_() for name, w in weights.items()}
    leaves = {"rows": rows, **weights, **{f"state {name}": value for name, value in state.items()}}
    out = run(cell, rows, sizes, weights, state, backend=backend, reverse=reverse)
    expected_rows, expected_state = loop(cell, rows, weights, state, reverse)
    pairs = [(out.rows, expected_rows), *((out.state[name], expected_state[name]) for name in cell.states)]
    gradients = []
    for side in (0, 1):
        results = [pair[side] for pair in pairs]
        total = sum((r * torch.sin(torch.arange(r.numel()) + 1.0).reshape(r.shape)).sum() for r in results)
        gradients.append(
            torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
        )
    for actual, expected in pairs:
        torch.testing.assert_close(actual, expected, **FLOAT64)
    for name, actual, expected in zip(leaves, *gradients, strict=True):
        torch.testing.assert_close(
            actual, expected, **FLOAT64, msg=lambda text, name=name: f"d {name}: {text}"
        )


def test_a_missing_gate_is_a_gate_held_at_one() -> None:
    # Holding a gate of the vanilla LSTM gives the variant that lacks it: the two say the same thing.
    vanilla = GREFF["PeepholeLSTM"]
    rows, sizes, weights, state = case(vanilla, LENGTHS, D, H)
    for letter, name in (("i", "NIG"), ("f", "NFG"), ("o", "NOG")):
        cell = GREFF[name]
        keep = [k for k, gate in enumerate(vanilla.gates) if gate != letter]
        less = {
            key: torch.cat([weights[key].split(H)[k] for k in keep])
            for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        less["weight_ch"] = torch.stack(
            [weights["weight_ch"]["ifo".index(gate)] for gate in "ifo" if gate != letter]
        )
        held = run(
            vanilla, rows, sizes, weights, state, clamp={letter: torch.ones((), dtype=torch.float64)}
        ).rows
        without = run(cell, rows, sizes, less, state).rows
        torch.testing.assert_close(without, held, **FLOAT64)
