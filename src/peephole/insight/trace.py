"""`Trace`: every named value of every step, by name."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from peephole.errors import OptionError, nearest
from peephole.insight.network import Array, Network
from peephole.insight.passage import Passage
from peephole.insight.readout import Readout
from peephole.insight.texts import TracedText
from peephole.ops import Sequences


@dataclasses.dataclass(frozen=True, eq=False)
class Trace(Mapping[str, Array]):
    """What happened inside, by name: ``trace["layer0.forward.f"]`` is the forget gate of the first layer's forward direction.

    Names are ``layer<k>.<forward|reverse>.<value>``, with the values that the cell's equations name (`Cell.values`): its gates,
    its candidate and its states. Steps stand in the order of the text in both directions. An array is `[T, H]` for one text or
    one sequence, and `[T, N, H]` for a batch, zero past each sequence's end; ``h`` is as wide as the projection, if there is one.

    Attributes:
        network: what was traced.
        passage: the run, with packed rows.
        single: whether one sequence was given without a batch axis.
        texts: the texts, for a classifier.
        readout: pooling and head, for a classifier.
    """

    network: Network
    passage: Passage
    single: bool
    texts: tuple[TracedText, ...] = ()
    readout: Readout | None = None

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all values, layer by layer."""
        return tuple(
            f"{track.name}.{value}" for track in self.network.tracks.values() for value in track.cell.values
        )

    @property
    def sequences(self) -> Sequences:
        """The lengths, and the maps between batch and packed rows."""
        return self.passage.sequences

    @property
    def text(self) -> TracedText:
        """The text, where one was traced.

        Raises:
            OptionError: it is a layer's trace, or there are several texts.
        """
        if len(self.texts) != 1 or not self.single:
            raise OptionError(
                f"Trace.text: needs the trace of one text; got that of {len(self.texts)} in a batch"
            )
        return self.texts[0]

    def rows(self, name: str) -> Array:
        """Return a value as packed rows `[R, H]`: real steps only.

        Raises:
            OptionError: there is no such value.
        """
        track, _, value = name.rpartition(".")
        if track not in self.passage.runs or value not in self.passage.runs[track].saved:
            raise OptionError(
                f"Trace: no value is named {name!r}{nearest(name, self.names)}; there are: {', '.join(self.names)}"
            )
        return self.passage.runs[track].saved[value]

    def unpacked(self, rows: Array) -> Array:
        """Return packed rows `[R, F]` in the shape of the trace's arrays: `[T, F]`, or `[T, N, F]` with zeros past the ends."""
        if self.single:
            return rows
        sequences = self.sequences
        result = np.zeros((len(sequences.batch_sizes), len(sequences.lengths), *rows.shape[1:]), rows.dtype)
        result[sequences.row_time, sequences.row_batch] = rows
        return result

    def __getitem__(self, name: str) -> Array:
        return self.unpacked(self.rows(name))

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value by name, or `default` where there is none."""
        return self[key] if key in self.names else default

    def __iter__(self) -> Any:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def _repr_html_(self) -> str:
        """What a notebook shows: the gates of one text or sequence, or a table of the values of a batch."""
        from peephole.insight.page import batch_html, still  # which are made of traces

        return still(self) if self.single else batch_html(self)

    def __repr__(self) -> str:
        steps = f"{len(self.sequences.batch_sizes)} steps" + (
            "" if self.single else f" of {len(self.sequences.lengths)} sequences"
        )
        return f"Trace({steps}; {', '.join(self.names)})"
