"""`run`: a cell over packed rows, one layer and one direction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from peephole.equations import Cell
from peephole.ops.arrays import Array
from peephole.ops.compiled import dtype_for_kernel, run_compiled
from peephole.ops.dispatch import choose_backend
from peephole.ops.reference import run_reference
from peephole.ops.request import Output, Request, check
from peephole.ops.sequences import check_batch_sizes
from peephole.ops.torch_backend import is_transformed, run_torch

_RUN = {"compiled": run_compiled, "reference": run_reference, "torch": run_torch}


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
) -> Output:
    """Run a cell over the packed rows of a batch of sequences.

    Args:
        cell: the equations.
        rows: inputs `[R, D]`, packed as in `Sequences`: torch tensor or NumPy array, any float dtype.
        batch_sizes: `[T]` integers, sequences alive at each step, never growing.
        weights: `weight_ih` `[G·H, D]`, `weight_hh` `[G·H, P]`, `bias_ih` and `bias_hh` `[G·H]` or neither, `weight_hr` `[P, H]`
            with projection (P = H without), and the cell's own parameters. Gates are stacked in the order `cell.gates`.
        state: initial states in sorted order, name → `[N, H]` (h: `[N, P]`); N ≥ `batch_sizes[0]`, the rest have length zero.
        backend: ``"auto"``, or one that is honoured or refused.
        reverse: run each sequence from its own last step to its first; output rows stay where the input rows are.
        recurrent_mask: `[N, P]`, multiplies the operand of every recurrent product at every step (variational dropout,
            Gal & Ghahramani 2016), already scaled by 1 / (1 − p).
        save: names of values (`cell.values`) to return for every row.
        clamp: values to hold, name → array that broadcasts to `[R, H]`; later equations see it (h: before projection).
        want_state: False when final states are not needed; lets a backend take a path that does not know them.

    Returns:
        `Output` with `rows` `[R, P]`, final `state` in sorted order, and `saved` values `[R, H]`.

    Raises:
        ShapeError, LengthError, OptionError: an argument disagrees with the above.
        BackendUnavailable: the named backend cannot do this.

    Example:
        >>> import numpy as np
        >>> from peephole import cells
        >>> weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
        >>> out = run(cells.RNN(), np.zeros((2, 1)), [1, 1], weights, {"h": np.ones((1, 1))})
        >>> out.rows.round(4).tolist()  # tanh(1), tanh(tanh(1))
        [[0.7616], [0.642]]
    """
    request = Request(
        cell,
        rows,
        check_batch_sizes(f"run({type(cell).__name__})", batch_sizes),
        weights,
        state,
        reverse,
        recurrent_mask,
        tuple(save),
        dict(clamp or {}),
        want_state,
    )
    check(request)
    choice = choose_backend(
        cell,
        backend=backend,
        array=request.kind,
        device=request.device,
        dtype=dtype_for_kernel(request),
        recurrent_mask=recurrent_mask is not None,
        save=request.save,
        clamp=bool(request.clamp),
        transformed=request.kind == "torch" and is_transformed(),
    )
    return _RUN[choice.name](request)
