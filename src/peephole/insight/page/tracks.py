"""One direction of one layer, as a page holds it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peephole.equations import Expression
from peephole.equations import trace as equations_of
from peephole.equations.conveyor import conveyor
from peephole.equations.expression import complement
from peephole.equations.walk import below
from peephole.insight.belt import Belt
from peephole.insight.highway import TrackGradients
from peephole.insight.memory import gates_of, half_life, roles_of
from peephole.insight.network import Track
from peephole.insight.page.columns import Array, Columns
from peephole.insight.page.packing import pack_signed, pack_unit, short, shorts
from peephole.insight.page.parcels import parcels_of
from peephole.insight.page.schema import BeltItem, GradientItem, TrackItem
from peephole.insight.trace import Trace

MEANINGS = {
    "keep": "how much of its memory it keeps",
    "write": "how much that is new it lets in",
    "show": "how much of it the others see",
    "reset": "how much of the past shapes what is new",
}
_ORDER = ("keep", "write", "show", "reset")


def track_item(
    trace: Trace,
    track: Track,
    belt: Belt | None,
    gradient: TrackGradients | None,
    columns: Columns,
    most_units: int,
) -> TrackItem:
    """Return what a page holds of a track.

    Args:
        trace: of one text or one sequence.
        track: which.
        belt: its conveyor; None where the cell has none.
        gradient: the gradients in it; None where there are none.
        columns: of the figures.
        most_units: how many units it may hold; of more, so many are taken, evenly spaced in order of half-life.
    """
    state = "h" if belt is None else belt.state
    states = trace.rows(f"{track.name}.{state}")
    memory = np.full(states.shape[1], np.nan) if belt is None else half_life(belt.keep)
    follow = _most_moving(states, belt, gradient)
    drawn = _drawn(memory, most_units, follow)
    return {
        "name": track.name,
        "title": _title(track),
        "reverse": track.reverse,
        "units": int(states.shape[1]),
        "drawn": drawn.tolist(),
        "half_life": shorts(memory[drawn]),
        "follow": drawn.tolist().index(follow) if follow is not None else None,
        "state": state,
        "states": pack_signed(columns.last(states, track.reverse)[:, drawn]),
        "gates": [
            {
                "name": name,
                "role": role,
                "meaning": MEANINGS.get(role, "a gate of this cell"),
                "mean": shorts(columns.mean(values.mean(axis=1, dtype=np.float64))),
                "values": pack_unit(columns.mean(values)[:, drawn]),
            }
            for name, role, values in _gates(trace, track, belt)
        ],
        "belt": None
        if belt is None or conveyor(track.cell).is_empty
        else _belt(belt, columns, drawn, track.reverse),
        "gradient": None if gradient is None else _gradient(gradient, columns),
        "notes": {},
    }


def _title(track: Track) -> str:
    layer, _, _ = track.name.partition(".")
    reads = "reads backward, from the end" if track.reverse else "reads forward"
    return f"Layer {int(layer.removeprefix('layer')) + 1}, {reads}"


def _gates(trace: Trace, track: Track, belt: Belt | None) -> list[tuple[str, str, Array]]:
    """Letter, role and values `[T, H]` of each gate; keep and write first, under these names whatever the equations say."""
    cell = track.cell
    if belt is None:
        return [(name, name, trace.rows(f"{track.name}.{name}")) for name in gates_of(cell)]
    found = conveyor(cell)
    if found.is_empty:
        return []
    named, roles = found.named, roles_of(cell)
    result: list[tuple[str, str, Array]] = []
    if belt.keep.size == 0 or (belt.keep.min() >= 0 and belt.keep.max() <= 1):
        result.append((_letters(found.keep, named), "keep", belt.keep))
    for name, role in roles.items():
        values = trace.rows(f"{track.name}.{name}")
        if found.keep in named and named[found.keep] == name:
            continue
        result.append((name, role, values))
    if found.keep in named and not any(role == "write" for _, role, _ in result) and _writes_the_rest(track):
        result.append((f"1 − {named[found.keep]}", "write", 1 - belt.keep))
    return sorted(result, key=lambda gate: _ORDER.index(gate[1]) if gate[1] in _ORDER else len(_ORDER))


def _letters(keep: Expression, named: dict[Expression, str]) -> str:
    """How the factor is written: a gate's letter, one less a gate, or ``keep``."""
    if keep in named:
        return named[keep]
    rest = complement(keep)
    return f"1 − {named[rest]}" if rest is not None and rest in named else "keep"


def _writes_the_rest(track: Track) -> bool:
    """Whether the state's equation holds one less the gate that keeps: then that is how much is written."""
    found = conveyor(track.cell)
    nodes = below([equations_of(track.cell).values[found.state]], lambda node: node is found.keep)
    return any(complement(node) is found.keep for node in nodes)


def _most_moving(states: Array, belt: Belt | None, gradient: TrackGradients | None) -> int | None:
    """The unit whose writes move the margin most, to first order; without gradients, the one that is written to most."""
    if not states.size:
        return None
    moved = states if belt is None else belt.write
    if gradient is not None and gradient.d_state.shape == moved.shape:
        return int(np.abs((gradient.d_state * moved).sum(axis=0)).argmax())
    return int(np.abs(moved).sum(axis=0).argmax())


def _drawn(memory: Array, most: int, follow: int | None) -> npt.NDArray[np.int64]:
    """Units, longest memory first; of more than `most`, evenly spaced ones, with `follow` in place of its neighbour."""
    order = np.argsort(-np.nan_to_num(memory, nan=0.0), kind="stable")
    if len(order) <= most or follow is None:
        return order
    chosen = np.linspace(0, len(order) - 1, most).round().astype(np.int64)
    place = int(np.flatnonzero(order == follow)[0])
    chosen[int(np.abs(chosen - place).argmin())] = place
    return order[chosen]


def _belt(belt: Belt, columns: Columns, drawn: npt.NDArray[np.int64], reverse: bool) -> BeltItem:
    return {
        "put": pack_signed(columns.mean(belt.write[:, drawn])),
        "left": pack_signed(columns.mean(belt.left[:, drawn])),
        "put_size": shorts(columns.mean(np.abs(belt.write).sum(axis=1))),
        "left_size": shorts(columns.mean(np.abs(belt.left).sum(axis=1))),
        "start_size": short(float(np.abs(belt.start_left).sum())),
        "parcels": parcels_of(belt, columns, reverse),
    }


def _gradient(gradient: TrackGradients, columns: Columns) -> GradientItem:
    return {
        "total": shorts(columns.mean(gradient.norms)),
        "direct": shorts(columns.mean(gradient.direct)),
        "gates": shorts(columns.mean(gradient.gates)),
        "half_life": short(gradient.survival.half_life),
    }
