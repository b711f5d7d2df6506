"""Holding values: what to hold, of which units, at which steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.errors import OptionError, ShapeError, nearest
from peephole.insight.network import Array, Network, Track
from peephole.ops import Sequences

Indices = slice | Sequence[int] | int | None


@dataclasses.dataclass(frozen=True, eq=False)
class Hold:
    """A value held in place of the one that the equations give; all later equations see it.

    Args:
        value: a number, `[H]`, or `[T, H]` for a single sequence; finite.
        units: which units, as positions in [0, H), a slice, or one of them; None: all.
        steps: which steps of each sequence, in the order of the text in both directions; negative ones count from its end;
            None: all. In a batch, a sequence that is too short for a step does without.

    Example:
        >>> Hold(1.0, units=[3], steps=slice(0, 10))
        Hold(value=1.0, units=[3], steps=slice(0, 10, None))
    """

    value: float | npt.ArrayLike
    units: Indices = None
    steps: Indices = None


Held = Mapping[str, "Hold | float | npt.ArrayLike"]


def holds_of(
    network: Network, sequences: Sequences, held: Held, silence: Mapping[str, Indices], where: str
) -> dict[str, dict[str, Array]]:
    """Return the arrays that hold what is asked for: track → value → `[R, H]`, NaN where a value is free.

    Args:
        network: the layers.
        sequences: the lengths of the batch.
        held: name of a value, such as ``"layer0.forward.f"`` → what to hold.
        silence: track, such as ``"layer0.forward"`` → units whose h is 0 at every step, so that nobody sees them.
        where: the call, for messages.

    Raises:
        OptionError: a name, unit or step does not exist, or a value is not finite.
        ShapeError: a value does not fit.
    """
    tracks = network.tracks
    asked: list[tuple[str, Hold]] = [
        (name, value if isinstance(value, Hold) else Hold(value)) for name, value in held.items()
    ]
    for track, units in silence.items():
        if track not in tracks:
            raise OptionError(
                f"{where}: silence must name a layer and direction; got {track!r}{nearest(track, tracks)}; "
                f"there are: {', '.join(tracks)}"
            )
        asked.append((f"{track}.h", Hold(0.0, units)))
    result: dict[str, dict[str, Array]] = {}
    for name, hold in asked:
        track, value = _find(tracks, name, where)
        own = result.setdefault(track.name, {})
        if value not in own:
            own[value] = np.full((sequences.rows, track.hidden_size), np.nan, network.dtype)
        _fill(own[value], sequences, hold, f"{where}: {name}")
    return result


def silence_start(
    network: Network, states: Mapping[str, Mapping[str, Array]], silence: Mapping[str, Indices]
) -> None:
    """Make the initial h of silenced units 0, in place; a projected h is not of units, and stays.

    Args:
        network: what is run.
        states: initial states, track → name → `[N, H]`.
        silence: as `holds_of` takes it, and has checked it.
    """
    for name, units in silence.items():
        track = network.tracks[name]
        if name in states and "weight_hr" not in track.weights:
            states[name]["h"][:, _positions(units, track.hidden_size, "")] = 0


def _find(tracks: Mapping[str, Track], name: str, where: str) -> tuple[Track, str]:
    """The track and the value that a name stands for."""
    known = [f"{track.name}.{value}" for track in tracks.values() for value in track.cell.values]
    if name not in known:
        raise OptionError(
            f"{where}: no value is named {name!r}{nearest(name, known)}; there are: {', '.join(known)}"
        )
    track, _, value = name.rpartition(".")
    return tracks[track], value


def _fill(target: Array, sequences: Sequences, hold: Hold, where: str) -> None:
    """Write what is held into `[R, H]`."""
    hidden = target.shape[1]
    units = _positions(hold.units, hidden, f"{where}: units must be in [0, H) with H = {hidden}")
    value = np.asarray(hold.value, target.dtype)
    if not np.isfinite(value).all():
        raise OptionError(f"{where}: a held value must be finite; got NaN or infinite ones")
    longest = len(sequences.batch_sizes)
    _positions(hold.steps, longest, f"{where}: steps must be in [−T, T) with T = {longest}", signed=True)
    for n, length in enumerate(sequences.lengths.tolist()):
        rows = sequences.rows_of(n)
        steps = _positions(hold.steps, length, "", signed=True)
        try:
            every = np.broadcast_to(value, (length, hidden))
        except ValueError:
            raise ShapeError(
                f"{where}: a held value must be a number, [H] = [{hidden}] or [T, H] = [{length}, {hidden}]; "
                f"got {list(value.shape)}"
            ) from None
        at = np.ix_(steps, units)
        target[np.ix_(rows[steps], units)] = every[at]


def _positions(chosen: Indices, count: int, rule: str, *, signed: bool = False) -> npt.NDArray[np.int64]:
    """Positions in [0, count); others break the rule, or are left out where there is none."""
    every = np.arange(count)
    if chosen is None or isinstance(chosen, slice):
        return every[slice(None) if chosen is None else chosen]
    given: Any = [chosen] if isinstance(chosen, (int, np.integer)) else list(chosen)
    least = -count if signed else 0
    for one in given if rule else ():
        is_whole = isinstance(one, (int, np.integer)) and not isinstance(one, bool)
        if not is_whole or not least <= one < count:
            raise OptionError(f"{rule}; got {one!r}")
    return every[np.array([one for one in given if least <= one < count], np.int64)]
