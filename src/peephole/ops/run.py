"""`run`: a cell over packed rows, and `run_padded`: over a padded batch; one layer and one direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from peephole.equations import Cell
from peephole.errors import LengthError, ShapeError, check_choice
from peephole.ops.arrays import Array, broadcast, kind_of
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import PRECISIONS, Call, call_of
from peephole.ops.checks import check_names
from peephole.ops.packing import Packing
from peephole.ops.request import Output, Request, output_of
from peephole.ops.route import compute
from peephole.ops.torch_state import is_traced


def run(
    cell: Cell,
    rows: Array,
    batch_sizes: object,
    weights: Mapping[str, Array],
    state: Mapping[str, Array],
    *,
    backend: str = "auto",
    reverse: bool = False,
    recurrent_mask: Array | None = None,
    save: Iterable[str] = (),
    clamp: Mapping[str, Array] | None = None,
    want_state: bool = True,
    precision: str = "highest",
) -> Output:
    """Run a cell over the packed rows of a batch of sequences.

    Args:
        cell: the equations.
        rows: inputs `[R, D]`, packed as in `Sequences`: torch tensor or NumPy array. All arrays of a call are of one kind, on one
            device, of float dtypes.
        batch_sizes: `[T]` integers, sequences alive at each step, never growing.
        weights: `weight_ih` `[G·H, D]`, `weight_hh` `[G·H, P]`, `bias_ih` and `bias_hh` `[G·H]` or neither, `weight_hr` `[P, H]`
            with projection (P = H without), and the cell's own parameters. Gates are stacked in the order `cell.gates`.
        state: initial states in sorted order, name → `[N, H]` (h: `[N, P]`); N ≥ `batch_sizes[0]`, the rest have length zero.
        backend: ``"auto"``, or one that is honoured or refused.
        reverse: run each sequence from its own last step to its first; output rows stay where the input rows are.
        recurrent_mask: `[N, P]`, multiplies the operand of every recurrent product at every step (variational dropout,
            Gal & Ghahramani 2016), already scaled by 1 / (1 − p).
        save: names of values (`cell.values`) to return for every row.
        clamp: values to hold, name → array that broadcasts to `[R, H]`; later equations see it (h: before projection). Where it
            is NaN the value is free: so some units, or some steps, can be held alone.
        want_state: False when final states are not needed; lets a backend take a path that does not know them.
        precision: ``"highest"``, or ``"high"``, which allows the compiled backend to multiply float32 as sums of two bfloat16
            where that is faster: the forward pass, on AMX. The error of a product is 2^-16 of it or less, sums are float32; what
            is infinite, or rounds to it in bfloat16, may come out as NaN. Elsewhere, in gradients and in graphs of torch's, it
            changes nothing.

    Returns:
        `Output` with `rows` `[R, P]`, final `state` in sorted order, and `saved` values `[R, H]`.

    Raises:
        ShapeError, LengthError, OptionError: an argument disagrees with the above.
        BackendUnavailable: the named backend cannot do this.
        MemoryError: there is not enough memory (with tensors: torch's RuntimeError).

    Example:
        >>> import numpy as np
        >>> from peephole import cells
        >>> weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
        >>> out = run(cells.RNN(), np.zeros((2, 1)), [1, 1], weights, {"h": np.ones((1, 1))})
        >>> out.rows.round(4).tolist()  # tanh(1), tanh(tanh(1))
        [[0.7616], [0.642]]
    """
    where = f"run({type(cell).__name__})"
    check_choice(where, "precision", precision, PRECISIONS)
    if kind_of(rows) is None or rows.ndim != 2:
        raise ShapeError(f"{where}: rows must be a torch tensor or a NumPy array [R, D]; got {_shown(rows)}")
    check_names(where, cell, weights, state)
    save, clamp = tuple(save), {} if clamp is None else dict(clamp)
    if kind_of(rows) == "torch" and is_traced():
        sizes = _unread(where, rows, batch_sizes)
        request = Request(cell, rows, sizes, weights, state, reverse, recurrent_mask, save, clamp, want_state)
        return _graph().compute_in_graph(request, backend, batch_sizes)
    call = call_of(
        cell, "bias_ih" in weights, "weight_hr" in weights, recurrent_mask is not None, tuple(clamp), save, reverse,
        want_state, precision,
    )  # fmt: skip
    arrays = _in_order(call, rows, weights, state, recurrent_mask, clamp)
    return output_of(call, compute(call, BatchSizes.of(where, batch_sizes), arrays, backend))


def run_padded(
    cell: Cell,
    x: Array,
    lengths: Any,
    weights: Mapping[str, Array],
    state: Mapping[str, Array],
    *,
    backend: str = "auto",
    reverse: bool = False,
    recurrent_mask: Array | None = None,
    save: Iterable[str] = (),
    clamp: Mapping[str, Array] | None = None,
    want_state: bool = True,
) -> Output:
    """Run a cell over a padded batch of sequences. Nothing is computed on padding.

    In a graph of `torch.compile` or `torch.export`, this is one operator, and lengths may be a tensor that nobody has read.

    Args:
        cell: as `run` takes it; so for all that is not named here.
        x: inputs `[T, N, D]`.
        lengths: steps of each sequence `[N]`, each in [0, T], in any order; None means T for all.
        weights: as `run` takes them.
        state: initial states in the batch's order, name → `[N, H]` (h: `[N, P]`).
        backend: as `run` takes it.
        reverse: likewise.
        recurrent_mask: `[N, P]`, in the batch's order.
        save: as `run` takes it.
        clamp: values to hold, name → array that broadcasts to `[T, N, H]`, NaN where a value is free.
        want_state: as `run` takes it.

    Returns:
        `Output` with `rows` `[T, N, P]`, zero past each sequence's end, final `state` in the batch's order, and `saved` values
        `[T, N, H]`.

    Raises:
        ShapeError, LengthError, OptionError: an argument disagrees with the above.
        BackendUnavailable: the named backend cannot do this; or lengths are a tensor in a graph, and the compiled backend cannot.

    Example:
        >>> import numpy as np
        >>> from peephole import cells
        >>> weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
        >>> out = run_padded(cells.RNN(), np.zeros((2, 2, 1)), [2, 1], weights, {"h": np.ones((2, 1))})
        >>> out.rows[:, :, 0].round(4).tolist(), out.state["h"][:, 0].round(4).tolist()
        ([[0.7616, 0.7616], [0.642, 0.0]], [0.642, 0.7616])
    """
    where = f"run_padded({type(cell).__name__})"
    if kind_of(x) is None or x.ndim != 3:
        raise ShapeError(f"{where}: x must be a torch tensor or a NumPy array [T, N, D]; got {_shown(x)}")
    check_names(where, cell, weights, state)
    save, clamp = tuple(save), {} if clamp is None else dict(clamp)
    steps, batch = x.shape[0], x.shape[1]
    for name, value in state.items():
        if getattr(value, "ndim", 0) and value.shape[0] != batch:
            raise ShapeError(f"{where}: state[{name!r}] must have N = {batch} rows; got {list(value.shape)}")
    if kind_of(x) == "torch" and is_traced():
        if kind_of(lengths) == "torch":
            _check_traced(where, "lengths", lengths, batch)
        sizes = BatchSizes.unread(steps, batch if lengths is None else 0, steps * batch)
        request = Request(cell, x, sizes, weights, state, reverse, recurrent_mask, save, clamp, want_state)
        return _graph().compute_in_graph(request, backend, lengths)
    call = call_of(
        cell, "bias_ih" in weights, "weight_hr" in weights, recurrent_mask is not None, tuple(clamp), save, reverse,
        want_state,
    )  # fmt: skip
    packing = Packing.of(where, x, lengths)
    if packing.place is None and not clamp:  # each step's rows lie side by side already
        arrays = _in_order(call, x, weights, state, recurrent_mask, clamp)
        output = output_of(call, compute(call, packing.sizes, arrays, backend))
        saved = {name: v if name == "h" else packing.unpack(v) for name, v in output.saved.items()}
        return Output(output.rows, output.state, saved)
    state = {name: packing.sort(value) for name, value in state.items()}
    mask = None if recurrent_mask is None else packing.sort(recurrent_mask)
    shape = (steps, batch, weights["weight_ih"].shape[0] // len(cell.gates))
    clamp = {name: packing.pack(_spread(where, name, value, shape)) for name, value in clamp.items()}
    arrays = _in_order(call, packing.pack(x), weights, state, mask, clamp)
    output = output_of(call, compute(call, packing.sizes, arrays, backend))
    return Output(
        packing.unpack(output.rows),
        {name: packing.unsort(value) for name, value in output.state.items()},
        {name: packing.unpack(value) for name, value in output.saved.items()},
    )


def _in_order(
    call: Call, rows: Array, weights: Mapping[str, Array], state: Mapping[str, Array], mask: Array | None,
    clamp: Mapping[str, Array],
) -> list[Array]:  # fmt: skip
    """The arrays in the order of `call.names`."""
    return [
        rows,
        *[weights[name] for name in call.weights],
        *[state[name] for name in call.cell.states],
        *clamp.values(),
        *(() if mask is None else (mask,)),
    ]


def _spread(where: str, name: str, value: Array, shape: tuple[int, ...]) -> Array:
    try:
        return broadcast(value, shape)
    except (AttributeError, RuntimeError, ValueError):
        raise ShapeError(
            f"{where}: clamp[{name!r}] must broadcast to [T, N, H] = {list(shape)}; got {_shown(value)}"
        ) from None


def _unread(where: str, rows: Array, batch_sizes: object) -> BatchSizes:
    """Batch sizes inside a graph: a tensor's numbers are known when it runs; the operator checks them then."""
    if kind_of(batch_sizes) != "torch":
        return BatchSizes.of(where, batch_sizes)
    given: Any = batch_sizes
    _check_traced(where, "batch_sizes", given)
    return BatchSizes.unread(given.shape[0], 0, rows.shape[0])


def _graph() -> Any:
    from peephole.ops import graph

    return graph


def _check_traced(where: str, name: str, numbers: Any, count: int | None = None) -> None:
    """What can be said of integers before a graph runs."""
    if numbers.ndim != 1 or numbers.dtype.is_floating_point or numbers.dtype.is_complex:
        raise LengthError(
            f"{where}: {name} must be one axis of integers; got {numbers.dtype} {list(numbers.shape)}"
        )
    if count is not None and numbers.shape[0] != count:
        raise LengthError(
            f"{where}: {name} must be [N] = [{count}], one for each sequence; got {list(numbers.shape)}"
        )


def _shown(x: Any) -> str:
    return str(list(x.shape)) if kind_of(x) is not None else type(x).__name__
