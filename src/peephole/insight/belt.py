"""The conveyor: what each step puts on it, and what is left of that at the end.

A cell state is ``c_t = keep_t · c_{t−1} + write_t``. Unrolled, with nothing left out and nothing approximated,

    c_T = Σ_j (Π_{k>j} keep_k) · write_j + (Π_k keep_k) · c_0

so each step's share of the final state is known. For an LSTM, keep is f and write is i · g; for a GRU, whose conveyor is h, keep
is z and write is (1 − z) · n; for coupled gates keep is 1 − i. A plain RNN keeps nothing, and its last step is all there is.

Source: Hochreiter & Schmidhuber's constant error carousel (1997), with the forget gate of Gers et al. (2000), unrolled.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from peephole.equations import Expression
from peephole.equations.conveyor import conveyor
from peephole.equations.evaluate import compute
from peephole.equations.functions import Value
from peephole.errors import EquationError
from peephole.insight.network import Array, Track
from peephole.insight.order import reading_order
from peephole.insight.trace import Trace
from peephole.ops import Sequences


@dataclasses.dataclass(frozen=True, eq=False)
class Belt:
    """The conveyor of one layer and direction. Rows are packed; for one text they are its steps, in the order of the text.

    Attributes:
        state: the state that is carried: ``"c"`` or ``"h"``.
        keep: `[R, H]` the factor on the state before each step, in [0, 1] for the cells that ship.
        write: `[R, H]` what each step adds: the state after it less what was kept. Where the state is held, what holding added.
        left: `[R, H]` what of `write` is left after the last step read.
        start_left: `[N, H]` what is left of the initial state, in the batch's order.
        final: `[N, H]` the final state: the sum of a sequence's `left` and its `start_left`.
    """

    state: str
    keep: Array
    write: Array
    left: Array
    start_left: Array
    final: Array


def belts(trace: Trace) -> dict[str, Belt]:
    """Return the conveyor of every track of a trace. Sums are taken in float64.

    Args:
        trace: of a model or a layer.

    Raises:
        EquationError: a cell of your own has no conveyor, or does not name the values that its state is kept by.

    Example:
        >>> import numpy as np, peephole
        >>> belt = belts(peephole.trace(peephole.load(), "Not bad at all."))["layer0.forward"]
        >>> np.allclose(belt.left.sum(axis=0) + belt.start_left[0], belt.final[0], rtol=0, atol=1e-12)
        True
    """
    return {name: belt_of(trace, track) for name, track in trace.network.tracks.items()}


def keep_of(trace: Trace, track: Track) -> Array:
    """Return the factor on the state before each step `[R, H]` float64, from the values of the trace.

    Raises:
        EquationError: as `belts`.
    """
    found = conveyor(track.cell)
    saved = trace.passage.runs[track.name].saved
    known: dict[Expression, Value] = {
        node: saved[name].astype(np.float64) for node, name in found.named.items()
    }

    def leaf(node: Expression) -> Value:
        if node.operation == "previous":
            return trace.passage.before(track.name, node.label).astype(np.float64)
        return track.by_gate.own[node.label].astype(np.float64)

    def product(node: Expression, operand: Value) -> Value:
        raise EquationError(
            f"{type(track.cell).__name__}: what its state {found.state} is kept by must be among the values that its Step names; "
            f"got {node.operation} {node.label} without a name"
        )

    (keep,) = compute([found.keep], known, leaf, product)
    return np.broadcast_to(np.asarray(keep, np.float64), saved[found.state].shape)


def belt_of(trace: Trace, track: Track) -> Belt:
    """Return the conveyor of one track; see `belts`."""
    passage, sequences, state = trace.passage, trace.sequences, conveyor(track.cell).state
    keep = keep_of(trace, track)
    run = passage.runs[track.name]
    after, before = run.saved[state].astype(np.float64), passage.before(track.name, state).astype(np.float64)
    write = after - keep * before
    left = np.empty_like(write)
    start = passage.starts[track.name][state][sequences.inverse].astype(np.float64)
    start_left = start.copy()
    final = start.copy()
    for n, rows in reading_order(sequences, track.reverse):
        if not len(rows):
            continue
        # What each step's write is multiplied by until the end: the product of all later keeps.
        ahead = np.cumprod(keep[rows][::-1], axis=0)[::-1]
        left[rows[-1]] = write[rows[-1]]
        left[rows[:-1]] = write[rows[:-1]] * ahead[1:]
        start_left[n] *= ahead[0]
        final[n] = after[rows[-1]]
    return Belt(state, keep, write, left, start_left, final)


def seen_along(keep: Array, seen: Array, sequences: Sequences, reverse: bool) -> Array:
    """Return what is seen of each step's state at that step and, along the conveyor, at all later ones: `[R, H]` float64.

    It is ``G_t = seen_t + keep_{t+1} · G_{t+1}``: a gradient on its way back along the conveyor alone.

    Args:
        keep: `[R, H]` the factor on the state before each step.
        seen: `[R, H]` what is seen of a step's state at the step itself.
        sequences: the lengths.
        reverse: whether sequences are read from their ends.

    Example:
        >>> keep, seen = np.array([[9.0], [0.5], [0.5]]), np.array([[0.0], [0.0], [1.0]])
        >>> seen_along(keep, seen, Sequences.from_lengths([3]), reverse=False).ravel().tolist()
        [0.25, 0.5, 1.0]
    """
    found = seen.astype(np.float64)
    for _, rows in reading_order(sequences, reverse):
        for t in range(len(rows) - 2, -1, -1):
            found[rows[t]] += keep[rows[t + 1]] * found[rows[t + 1]]
    return found
