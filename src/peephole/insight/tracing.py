"""`trace` and `clamp`: run a model or a layer and keep every value; run it again with some of them held."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.classifier import Classifier
from peephole.classifier.storage import gather
from peephole.classifier.texts import checked
from peephole.errors import OptionError, ShapeError
from peephole.insight.holds import Held, Indices, holds_of, silence_start
from peephole.insight.network import Array, Network, network_of, numbers_of
from peephole.insight.passage import Passage
from peephole.insight.readout import read_out
from peephole.insight.texts import Reading
from peephole.insight.trace import Trace
from peephole.ops import Sequences


def trace(
    model: Any, x: Any, *, lengths: Sequence[int] | npt.ArrayLike | None = None, hx: Any = None
) -> Trace:
    """Run a model or a layer and return every named value of every step.

    Args:
        model: a `Classifier`; a layer of `peephole.nn`; or `torch.nn`'s RNN, LSTM or GRU.
        x: for a classifier a text, or a list of texts. For a layer, `[T, D]` or `[T, N, D]` (`[N, T, D]` if it is batch-first): a
            tensor or an array, or a `PackedSequence`. Dropout is off.
        lengths: for a batch of a layer: steps of each sequence `[N]`, each in [0, T]; None means T for all.
        hx: for a layer: initial states as the layer takes them, `[L·K, N, H]` or a tuple of such, without N for one
            sequence; None means zeros.

    Returns:
        The `Trace`. Arrays are NumPy's, in the precision of the weights.

    Raises:
        OptionError: the model is nothing that can be traced, or `lengths` come with texts.
        ShapeError: `x` has another shape.
        TextTypeError: something is no `str`.

    Example:
        >>> import peephole
        >>> found = peephole.trace(peephole.load(), "Not bad at all.")
        >>> found["layer0.forward.f"].shape, found.text.label
        ((5, 192), 'positive')
    """
    return _traced(model, x, lengths, hx, {}, {}, "trace")


def clamp(
    model: Any,
    x: Any,
    held: Held | None = None,
    *,
    silence: Mapping[str, Indices] | None = None,
    lengths: Sequence[int] | npt.ArrayLike | None = None,
    hx: Any = None,
) -> Trace:
    """Run a model or a layer as `trace` does, with some values held.

    Args:
        model: as `trace` takes it.
        x: likewise.
        held: name of a value, such as ``"layer0.forward.f"``, → a number, an array, or a `Hold`, which may hold some units or
            some steps alone.
        silence: a layer and direction, such as ``"layer0.forward"``, → units whose h is 0 at every step.
        lengths: as `trace` takes it.
        hx: likewise.

    Raises:
        OptionError, ShapeError: nothing is held, or something that is not there; and as `trace`.

    Example:
        >>> import peephole
        >>> found = peephole.clamp(peephole.load(), "Not bad at all.", {"layer0.forward.f": 0.0})
        >>> float(found["layer0.forward.f"].max())
        0.0
    """
    if not held and not silence:
        raise OptionError(
            "clamp: must hold or silence something; got nothing", hint="use trace to hold nothing"
        )
    return _traced(model, x, lengths, hx, held or {}, silence or {}, "clamp")


def _traced(
    model: Any, x: Any, lengths: Any, hx: Any, held: Held, silence: Mapping[str, Indices], where: str
) -> Trace:
    network = network_of(model, where)
    if network.classifier is not None:
        if lengths is not None or hx is not None:
            raise OptionError(
                f"{where}: lengths and hx are for layers; a text has a length, and begins at zero"
            )
        return _of_texts(network, network.classifier, x, held, silence, where)
    rows, sequences, single = _packed(network, x, lengths, where)
    holds = holds_of(network, sequences, held, silence, where)
    states = _states(network, sequences, hx, single, where)
    silence_start(network, states, silence)
    return Trace(network, Passage(network, rows, sequences, holds=holds, states=states), single)


def _of_texts(
    network: Network, classifier: Classifier, x: Any, held: Held, silence: Mapping[str, Indices], where: str
) -> Trace:
    single = isinstance(x, str)
    texts = [checked(text, f"{where}: x[{n}]") for n, text in enumerate([x] if single else x)]
    readings = [Reading.of(classifier, text) for text in texts]
    sequences = Sequences.from_lengths([len(one.ids) for one in readings])
    rows = gather(classifier.forward.embedding, sequences.pack([one.ids for one in readings], np.int32))
    passage = Passage(network, rows, sequences, holds=holds_of(network, sequences, held, silence, where))
    readout = read_out(classifier.forward, passage)
    traced = tuple(
        one.answered(classifier, logits) for one, logits in zip(readings, readout.logits, strict=True)
    )
    return Trace(network, passage, single, traced, readout)


def _states(
    network: Network, sequences: Sequences, hx: Any, single: bool, where: str
) -> dict[str, dict[str, Array]]:
    """Initial states in the shape that torch gives them: track → name → `[N, H]`, in sorted order."""
    if hx is None:
        return {}
    tracks = network.tracks
    names = next(iter(tracks.values())).cell.states
    given = (hx,) if len(names) == 1 else tuple(hx)
    if len(given) != len(names):
        raise ShapeError(f"{where}: hx must be {len(names)} states, {', '.join(names)}; got {len(given)}")
    found: dict[str, dict[str, Array]] = {track: {} for track in tracks}
    for name, value in zip(names, given, strict=True):
        array = _numbers(value, network)
        array = array[:, None] if single and array.ndim == 2 else array
        first = next(iter(tracks.values()))
        width = first.output_size if name == "h" else first.hidden_size
        if array.shape != (len(tracks), len(sequences.lengths), width):
            raise ShapeError(
                f"{where}: hx ({name}) must be [L·K, N, H] = [{len(tracks)}, {len(sequences.lengths)}, {width}]; "
                f"got {list(array.shape)}"
            )
        for track, own in zip(tracks, array, strict=True):
            found[track][name] = np.ascontiguousarray(own[sequences.order])
    return found


def _numbers(x: Any, network: Network) -> Array:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        x = numbers_of(x)
    return np.asarray(x, network.dtype)


def _packed(network: Network, x: Any, lengths: Any, where: str) -> tuple[Array, Sequences, bool]:
    """Packed rows `[R, D]` of a batch or of one sequence."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.nn.utils.rnn.PackedSequence):
        if lengths is not None:
            raise OptionError(f"{where}: a PackedSequence has its lengths; got others with it")
        x, lengths = torch.nn.utils.rnn.pad_packed_sequence(x, batch_first=network.batch_first)
    array = _numbers(x, network)
    width = network.input_size
    if array.ndim not in (2, 3) or array.shape[-1] != width:
        axes = "[N, T, D]" if network.batch_first else "[T, N, D]"
        raise ShapeError(f"{where}: x must be [T, D] or {axes} with D = {width}; got {list(array.shape)}")
    single = array.ndim == 2
    if single and lengths is not None:
        raise OptionError(f"{where}: lengths are for batches; got them with one sequence [T, D]")
    dense = array[:, None] if single else array.swapaxes(0, 1) if network.batch_first else array
    steps, count = dense.shape[:2]
    sequences = Sequences.from_lengths([steps] * count if lengths is None else np.asarray(lengths))
    if len(sequences.lengths) != count or (count and int(sequences.lengths.max()) > steps):
        raise ShapeError(
            f"{where}: lengths must be N = {count} integers in [0, T] with T = {steps}; got {sequences.lengths.tolist()}"
        )
    return np.ascontiguousarray(dense[sequences.row_time, sequences.row_batch]), sequences, single
