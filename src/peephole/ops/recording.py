"""A run on NumPy arrays that can be gone back through: gradients without torch, by the compiled kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from peephole.equations import Cell
from peephole.errors import OptionError, ShapeError, check_choice
from peephole.ops import compiled
from peephole.ops.arrays import kind_of
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import Call, call_of
from peephole.ops.checks import check, check_names
from peephole.ops.request import Output, output_of, request_of
from peephole.ops.route import settle

Numbers = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """A run, with what its backward pass needs. Immutable: it can be gone back through any number of times.

    Attributes:
        output: what `run` returns.
    """

    output: Output
    _call: Call
    _sizes: BatchSizes
    _arrays: Sequence[Numbers]
    _results: Sequence[Numbers]
    _kept: Numbers | None

    def backward(
        self,
        d_rows: Numbers | None = None,
        d_state: Mapping[str, Numbers] | None = None,
        d_saved: Mapping[str, Numbers] | None = None,
        *,
        wanted: Iterable[str] = ("rows",),
    ) -> dict[str, Numbers]:
        """Return the gradients of a number of which some gradients are known.

        Args:
            d_rows: its gradient in the output's rows `[R, P]`; None: zeros, as for what is left out below.
            d_state: its gradients in final states, name → `[N, H]` (h: `[N, P]`).
            d_saved: its gradients in saved values, name → `[R, H]`.
            wanted: ``"rows"`` for the inputs, names of weights, ``"state.<name>"`` for initial states, ``"value.<name>"`` for a
                value of every step with all that flows into it (of a held value: its own gradient).

        Returns:
            name → gradient, in the shape of its array; of values `[R, H]`.

        Raises:
            OptionError: a name is not one of the run's.
            ShapeError: a gradient has another shape than its array.
        """
        call, results, states, saved = self._call, self._results, d_state or {}, d_saved or {}
        where = f"{type(call.cell).__name__}.backward"
        for given, known in ((states, call.states), (saved, call.save)):
            for name in given:
                check_choice(where, "the name of a gradient", name, known)
        asked: list[Numbers | None] = [None] * call.results
        named = [(0, d_rows), *((1 + k, states.get(name)) for k, name in enumerate(call.states))]
        named += [(call.where(name), value) for name, value in saved.items()]
        for place, gradient in named:
            if gradient is None:
                continue
            if gradient.shape != results[place].shape:
                raise ShapeError(
                    f"{where}: a gradient must be {list(results[place].shape)}, as what it is of; got {list(gradient.shape)}"
                )
            gradient, before = gradient.astype(results[place].dtype, copy=False), asked[place]
            asked[place] = gradient if before is None else before + gradient
        names = {name: self._canonical(where, name) for name in wanted}
        found = compiled.backward(
            call, self._sizes, self._arrays, results, self._kept, asked, dict.fromkeys(names.values())
        )
        return {name: found[own] for name, own in names.items()}

    def _canonical(self, where: str, name: str) -> str:
        kind, _, value = name.partition(".")
        if kind == "value" and value in self._call.plan.alias:
            return f"value.{self._call.plan.alias[value]}"
        if name in self._call.place and kind not in ("clamp", "mask"):
            return name
        values = [f"value.{value}" for value in self._call.cell.values]
        known = [known for known in self._call.place if not known.startswith(("clamp.", "mask"))]
        raise OptionError(
            f"{where}: wanted must name what the run has; got {name!r}; it has: {', '.join([*known, *values])}"
        )


def record(
    cell: Cell,
    rows: Numbers,
    batch_sizes: object,
    weights: Mapping[str, Numbers],
    state: Mapping[str, Numbers],
    *,
    reverse: bool = False,
    save: Iterable[str] = (),
    clamp: Mapping[str, Numbers] | None = None,
) -> Recording:
    """Run a cell as `run` does, on NumPy arrays by the compiled backend, and keep what a backward pass needs.

    Args:
        cell: as `run` takes it, and so all that follow; every array of one dtype, float32 or float64.
        rows: `[R, D]`.
        batch_sizes: `[T]`.
        weights: by name.
        state: name → `[N, H]`.
        reverse: whether each sequence is run from its end.
        save: names of values to return for every row.
        clamp: values to hold.

    Raises:
        ShapeError, LengthError, OptionError: an argument disagrees with the above.
        BackendUnavailable: there is no compiled kernel for this, and why.

    Example:
        >>> from peephole import cells
        >>> weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
        >>> run = record(cells.RNN(), np.zeros((2, 1)), [1, 1], weights, {"h": np.zeros((1, 1))})
        >>> run.backward(np.array([[0.0], [1.0]]))["rows"].tolist()  # tanh'(0) is 1, twice
        [[1.0], [1.0]]
    """
    where = f"record({type(cell).__name__})"
    if kind_of(rows) != "numpy" or rows.ndim != 2:
        raise ShapeError(f"{where}: rows must be a NumPy array [R, D]; got {type(rows).__name__}")
    check_names(where, cell, weights, state)
    held = dict(clamp or {})
    call = call_of(
        cell, "bias_ih" in weights, "weight_hr" in weights, False, tuple(held), tuple(save), reverse, True
    )
    sizes = BatchSizes.of(where, batch_sizes)
    arrays = [
        rows,
        *(weights[name] for name in call.weights),
        *(state[name] for name in cell.states),
        *held.values(),
    ]
    request = request_of(call, sizes, arrays)
    check(request)
    settle(request, arrays, "compiled")
    results, kept = compiled.forward(call, sizes, arrays, keep=True)
    return Recording(output_of(call, results), call, sizes, arrays, results, kept)
