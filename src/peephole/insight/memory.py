"""How long units remember, and how open their gates are."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from peephole.equations import Cell
from peephole.equations import trace as equations_of
from peephole.equations.conveyor import conveyor
from peephole.equations.expression import Expression, complement
from peephole.insight.belt import keep_of
from peephole.insight.network import Array
from peephole.insight.trace import Trace

OPEN, CLOSED = 0.9, 0.1


def half_lives(trace: Trace) -> dict[str, Array]:
    """Return the memory half-life of each unit in steps: track → `[H]` float64.

    On the conveyor a value is multiplied by keep at every step, so after k steps by exp(k · mean log keep); half of it is left
    after ln(1/2) / mean log keep steps. The mean is taken over all real steps of the trace. Infinite where it is 0 or above, as
    where keep is always one; 0 where keep is ever zero, as a plain RNN's always is. It says how long the direct path remembers,
    and nothing of what the gates and the candidate carry on from h.

    Args:
        trace: of a model or a layer, over as many texts as the mean shall speak for. Without any step half-lives are NaN.

    Raises:
        EquationError: as `belts`.

    Example:
        >>> import peephole
        >>> found = half_lives(peephole.trace(peephole.load(), "Not bad at all."))
        >>> found["layer0.forward"].shape
        (192,)
    """
    return {name: half_life(keep_of(trace, track)) for name, track in trace.network.tracks.items()}


def half_life(keep: Array) -> Array:
    """Return ln(1/2) / mean log |keep| of each unit, from keep `[R, H]` → `[H]`.

    Example:
        >>> half_life(np.array([[0.5, 1.0, 0.0, 0.25], [0.5, 1.0, 0.9, 1.0]])).tolist()
        [1.0, inf, 0.0, 1.0]
    """
    if not len(keep):
        return np.full(keep.shape[1], np.nan)
    with np.errstate(divide="ignore"):
        mean = np.log(np.abs(keep, dtype=np.float64)).mean(axis=0)
        steps = np.where(mean < 0, math.log(0.5) / np.where(mean < 0, mean, -1.0), np.inf)
        return np.where(np.isnan(mean), np.nan, steps)


@dataclasses.dataclass(frozen=True, eq=False)
class Openness:
    """How open a gate was, unit by unit, over all real steps.

    Attributes:
        mean: `[H]` its mean, in [0, 1].
        open: `[H]` share of steps in which it was above 0.9 (right-saturated).
        closed: `[H]` share of steps in which it was below 0.1 (left-saturated).
    """

    mean: Array
    open: Array
    closed: Array


def openness(trace: Trace) -> dict[str, Openness]:
    """Return how open every gate of a trace was, ``"layer0.forward.f"`` → `Openness`; padding is not counted.

    Args:
        trace: of a model or a layer. Without any step the numbers are NaN.

    Example:
        >>> import peephole
        >>> found = openness(peephole.trace(peephole.load(), "Not bad at all."))
        >>> [name.split(".")[-1] for name in found][:3]
        ['i', 'f', 'o']

    Source: Karpathy, Johnson & Li 2015 (arXiv:1506.02078), section 4.2: the thresholds 0.1 and 0.9.
    """
    found: dict[str, Openness] = {}
    for track in trace.network.tracks.values():
        for gate in gates_of(track.cell):
            rows = trace.rows(f"{track.name}.{gate}").astype(np.float64)
            if not len(rows):
                rows = np.full((1, rows.shape[1]), np.nan)
            parts = (
                rows,
                np.where(np.isnan(rows), rows, rows > OPEN),
                np.where(np.isnan(rows), rows, rows < CLOSED),
            )
            found[f"{track.name}.{gate}"] = Openness(*(part.mean(axis=0) for part in parts))
    return found


def gates_of(cell: Cell) -> tuple[str, ...]:
    """Return the names of the values that are gates, in [0, 1]: a sigmoid, or one less a sigmoid.

    Example:
        >>> from peephole import cells
        >>> gates_of(cells.GRU()), gates_of(cells.CoupledLSTM())
        (('r', 'z'), ('i', 'f', 'o'))
    """
    return tuple(name for name, node in equations_of(cell).values.items() if _is_gate(node))


def roles_of(cell: Cell) -> dict[str, str]:
    """Return what each gate is to a person.

    That is ``"keep"`` for a gate that the state is kept by, ``"write"`` for one where it is kept by one less the gate, and for
    others what their letters say, or the letter. A GRU's z keeps in this package (and in Cho et al. 2014 and torch) and writes
    in others; so it is shown as what it does.

    Example:
        >>> from peephole import cells
        >>> roles_of(cells.GRU()), roles_of(cells.LSTM())
        ({'r': 'reset', 'z': 'keep'}, {'i': 'write', 'f': 'keep', 'o': 'show'})
    """
    found = conveyor(cell)
    roles = {"i": "write", "o": "show", "r": "reset"}
    for node, role in ((found.keep, "keep"), (complement(found.keep), "write")):
        if node is not None and node in found.named:
            roles[found.named[node]] = role
    return {name: roles.get(name, name) for name in gates_of(cell)}


def _is_gate(node: Expression) -> bool:
    rest = complement(node)
    return node.operation == "sigmoid" if rest is None else _is_gate(rest)
