"""The reference backend: the equations of a cell, looped over time. Any device, any dtype, any order of differentiation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from peephole.equations import Cell, Expression, Matrix, trace
from peephole.equations.evaluate import evaluate
from peephole.ops.arrays import Array, broadcast, concatenate, empty_rows, kind_of, linear
from peephole.ops.gate_weights import GateWeights
from peephole.ops.request import Output, Request


def run_reference(request: Request) -> Output:
    """Run a checked request step by step."""
    cell, sizes = request.cell, request.batch_sizes
    steps = len(sizes)
    offsets = [0, *itertools.accumulate(sizes)]
    weights = _Weights(cell, request.weights, request.hidden_size)
    x_gates = weights.input(request.rows)  # [R, G·H]
    # All steps at once: the gradient of one slice is as large as the whole, which would make T of them quadratic in T.
    x_of_step = _split(x_gates, sizes)
    names = tuple(dict.fromkeys(("h", *request.save)))
    collected: dict[str, list[Array]] = {name: [] for name in names}
    alive = {
        name: value[: (sizes[-1] if request.reverse else sizes[0]) if steps else 0]
        for name, value in request.state.items()
    }
    finished: dict[str, list[Array]] = {
        name: [value[alive[name].shape[0] :]] for name, value in request.state.items()
    }

    for t in range(steps - 1, -1, -1) if request.reverse else range(steps):
        count, start = sizes[t], offsets[t]
        already = alive["h"].shape[0]
        if count > already:  # backwards in time: more sequences begin, at their own last step
            alive = {
                name: concatenate([alive[name], request.state[name][already:count]]) for name in cell.states
            }
        elif count < already:  # forwards: the shortest sequences have ended
            for name in cell.states:
                finished[name].insert(0, alive[name][count:])
            alive = {name: value[:count] for name, value in alive.items()}
        mask = None if request.recurrent_mask is None else request.recurrent_mask[:count]
        pre = _Pre(weights, x_of_step[t], alive["h"], mask)
        values = _step(request, pre, alive, slice(start, start + count))
        if "weight_hr" in request.weights:
            values["h"] = linear(values["h"], request.weights["weight_hr"])
        alive = {name: values[name] for name in cell.states}
        for name in names:
            collected[name].append(values[name])

    joined: dict[str, Array] = {}
    for name, parts in collected.items():
        width = request.output_size if name == "h" else request.hidden_size
        joined[name] = (
            concatenate(parts[::-1] if request.reverse else parts) if parts else empty_rows(x_gates, width)
        )
    state: dict[str, Array] = {}
    if request.want_state:
        if request.reverse and steps:  # those that never began keep their initial state
            finished = {name: [request.state[name][sizes[0] :]] for name in cell.states}
        state = {name: concatenate([alive[name], *finished[name]]) for name in cell.states}
    return Output(joined["h"], state, {name: joined[name] for name in request.save})


def _split(rows: Array, sizes: list[int]) -> Sequence[Array]:
    """Rows `[R, …]` → the rows of each step."""
    if not sizes:
        return ()
    if kind_of(rows) == "numpy":
        return np.split(rows, list(itertools.accumulate(sizes[:-1])))
    return rows.split(sizes)


def _step(request: Request, pre: _Pre, previous: Mapping[str, Array], at: slice) -> dict[str, Array]:
    cell, weights = request.cell, pre.weights
    if request.clamp:
        held = {name: _at(value, at, request) for name, value in request.clamp.items()}

        def leaf(node: Expression) -> Array:
            return previous[node.label] if node.operation == "previous" else weights.own_value(node.label)

        return evaluate(trace(cell), leaf, pre.product, held)
    own = (weights.own,) if cell.parameters else ()
    return dict(cell.step(pre, _Named(previous), *own).values)


def _at(value: Array, at: slice, request: Request) -> Array:
    """The part `[n, H]` of a held value that belongs to the rows `at`; a value without a row axis holds for all."""
    if value.ndim == 2 and value.shape[0] == request.rows.shape[0]:
        value = value[at]
    return broadcast(value, (at.stop - at.start, request.hidden_size))


class _Named:
    """Attribute access to a mapping."""

    def __init__(self, values: Mapping[str, Array]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Array:
        raise AttributeError(f"no {name!r} here; there are: {', '.join(self.__dict__)}")


class _MatrixValue:
    """A declared matrix: `P @ v` is v Pᵀ on rows."""

    __array_ufunc__ = None

    def __init__(self, weight: Array) -> None:
        self.weight = weight

    def __matmul__(self, value: Array) -> Array:
        return linear(value, self.weight)


class _Weights:
    """The weights of one layer and direction, by gate."""

    def __init__(self, cell: Cell, weights: Mapping[str, Array], hidden: int) -> None:
        cut = GateWeights(cell, weights, hidden)
        self.gate = cut.at
        self.weight_ih, self.weight_hh = weights["weight_ih"], weights["weight_hh"]
        self.bias_ih, self.bias_hh = weights.get("bias_ih"), weights.get("bias_hh")
        self._parts: dict[str, Array | _MatrixValue] = {
            label: _MatrixValue(weight)
            if isinstance(cell.parameters[label.rpartition(".")[0]], Matrix)
            else weight
            for label, weight in cut.own.items()
        }
        self.own = _Named(
            {
                name: _Named({part: self._parts[f"{name}.{part}"] for part in parameter.parts})
                for name, parameter in cell.parameters.items()
            }
        )

    def own_value(self, label: str) -> Array:
        return self._parts[label]

    def input(self, rows: Array) -> Array:
        return linear(rows, self.weight_ih, self.bias_ih)

    def recurrent(self, operand: Array, gate: str | None = None) -> Array:
        """U v + b' for all gates side by side, or for one."""
        at = slice(None) if gate is None else self.gate[gate]
        return linear(operand, self.weight_hh[at], None if self.bias_hh is None else self.bias_hh[at])


class _Pre:
    """What a cell's step is given as `pre`, on arrays."""

    def __init__(self, weights: _Weights, x_gates: Array, h_prev: Array, mask: Array | None) -> None:
        self.weights, self._mask, self._h_prev = weights, mask, h_prev
        h_gates = weights.recurrent(self._masked(h_prev))
        self.x = _Named({gate: x_gates[:, at] for gate, at in weights.gate.items()})
        self.h = _Named({gate: h_gates[:, at] for gate, at in weights.gate.items()})

    def __getattr__(self, gate: str) -> Array:
        return getattr(self.x, gate) + getattr(self.h, gate)

    def _masked(self, operand: Array) -> Array:
        return operand if self._mask is None else operand * self._mask

    def recurrent(self, operand: Array) -> _Recurrent:
        return _Recurrent(self.weights, self._masked(operand))

    def product(self, node: Expression, operand: Array) -> Array:
        """The same products for the graph evaluator."""
        if node.operation == "input":
            return getattr(self.x, node.label)
        if node.operation == "matrix":
            return self.weights.own_value(node.label) @ operand
        if operand is self._h_prev:  # and not a value held in its place
            return getattr(self.h, node.label)
        return self.weights.recurrent(self._masked(operand), node.label)


class _Recurrent:
    """`pre.recurrent(v)`: each gate's product is taken when it is asked for."""

    def __init__(self, weights: _Weights, operand: Array) -> None:
        self._weights, self._operand = weights, operand

    def __getattr__(self, gate: str) -> Array:
        if gate not in self._weights.gate:
            raise AttributeError(f"no gate {gate!r}; there are: {', '.join(self._weights.gate)}")
        return self._weights.recurrent(self._operand, gate)


def initial_state(
    cell: Cell, like: Array, batch: int, hidden: int, width: int | None = None
) -> dict[str, Array]:
    """Zero states, name → `[N, H]` (h: `[N, P]`), of the kind, dtype and device of `like`."""
    shapes = {name: (batch, width if name == "h" and width else hidden) for name in cell.states}
    if kind_of(like) == "numpy":
        return {name: np.zeros(shape, like.dtype) for name, shape in shapes.items()}
    return {name: like.new_zeros(shape) for name, shape in shapes.items()}
