"""The pointwise functions of a cell for Triton: one per phase forwards, one per level backwards.

A function takes blocks ``[rows, units]`` and gives blocks; where they lie in memory is the driver's business (`ops.gpu`). Names
of arguments and results say what they are:

    ``lane_K``      a lane (see `lanes`)              ``slot_K``       a value or an unnamed lane (see `plan`)
    ``prev_NAME``   a state before the step           ``operand_K``    a computed operand of products
    ``vector_K``    a parameter per unit              ``kept_K``       what a later phase needs of an earlier one
    ``held_K``      what is held of a value, NaN where nothing is

and of gradients ``d_lane_K``, ``d_prev_NAME`` (along pointwise paths), ``d_vector_K`` (of each row), ``d_state_NAME`` and
``d_value_K`` (what later steps, and the loss, ask of a state and a value), ``d_operand_K`` (what comes back through products) and
``d_value_out_K`` (the whole gradient of a value).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

from peephole.equations.body import Body, Dialect
from peephole.equations.expression import Expression
from peephole.equations.plan import BEHIND, Plan, forward_roots

# The capitalised functions are those of `ops.gpu.functions`.
_OPERATIONS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negate": "-{}",
    "sigmoid": "sigmoid({})",
    "tanh": "tanh({})",
    "relu": "relu({})",
    "exp": "tl.exp({})",
    "log1p": "log1p({})",
    "abs": "tl.abs({})",
    "minimum": "minimum({}, {})",
    "maximum": "maximum({}, {})",
    "positive": "positive({})",
}


def _constant(number: float) -> str:
    return repr(number) if math.isfinite(number) else f'float("{number}")'


# A plain name of a number is one of float32 to Triton, whatever it meets later.
_TRITON = Dialect(_OPERATIONS, "{} = {}", "{}: tl.constexpr = {}", _constant)


@dataclasses.dataclass(frozen=True)
class Pointwise:
    """A function in Triton.

    Attributes:
        name: its name.
        arguments: names of what it takes.
        results: names of what it returns, in order.
        text: its source.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    text: str

    def call(self) -> str:
        """A statement that calls it with variables of these names, and gives its results to variables of theirs."""
        return f"{', '.join(self.results)} = {self.name}({', '.join(self.arguments)})"


def forward(found: Plan, phase: int, stored: Collection[int], held: Collection[int]) -> Pointwise:
    """``forward_<phase>``: from the lanes of a phase to its slots and operands.

    Args:
        found: the cell's plan.
        phase: the phase.
        stored: slots that are wanted.
        held: values that are held.

    Example:
        >>> from peephole import cells
        >>> from peephole.equations.plan import plan
        >>> print(forward(plan(cells.RNN()), 0, (0,), ()).text)
        @triton.jit
        def forward_0(lane_0):
            v0 = tanh(lane_0)
            return v0
    """
    lane_of = {lane.root: k for k, lane in enumerate(found.lanes) if lane.phase == phase}
    kept_of = {node: k for k, node in enumerate(found.all_kept)}
    kept_here = set(found.kept[phase])
    states = {found.slot_of_state(name) for name in found.cell.states}
    arguments: dict[str, None] = {}

    def argument(name: str) -> str:
        arguments[name] = None
        return name

    def leaf(body: Body, node: Expression) -> str | None:
        if node in lane_of:
            return argument(f"lane_{lane_of[node]}")
        if node.operation == "previous":
            return argument(f"prev_{node.label}")
        if node.operation == "parameter":
            return argument(f"vector_{found.vectors.index(node.label)}")
        if node in kept_here:
            return argument(f"kept_{kept_of[node]}")
        if node.operation == "hold":
            inner, k = body.value(node.operands[0]), found.values.index(node.label)
            return body.variable(f"held({argument(f'held_{k}')}, {inner})") if k in held else inner
        return None

    body = Body(_TRITON, leaf)
    results: dict[str, str] = {}
    for node in forward_roots(found, phase):
        slot = found.slot_of(node)
        if slot is not None and found.slots[slot] is node and (slot in stored or slot in states):
            results[f"slot_{slot}"] = body.value(node)
        for k, operand in enumerate(found.operands):
            if operand is node:
                results[f"operand_{k}"] = body.value(node)
    for node, k in kept_of.items():
        if found.phase[node] == phase:
            results[f"kept_{k}"] = body.value(node)
    return _function(f"forward_{phase}", tuple(arguments), results, body)


def backward(
    found: Plan,
    level: int,
    held: Collection[int],
    asked: Collection[int],
    wanted: Collection[int],
    parameters: bool,
) -> Pointwise:
    """``backward_<level>``: the gradients that are known once `level` products have been taken backwards.

    Args:
        found: the cell's plan.
        level: the level.
        held: values that are held.
        asked: values of which the loss asks something.
        wanted: values whose gradient is wanted.
        parameters: whether those of parameters per unit are wanted.

    Example:
        >>> from peephole import cells
        >>> from peephole.equations.plan import plan
        >>> print(backward(plan(cells.RNN()), 0, (), (), (), False).text)
        @triton.jit
        def backward_0(d_state_h, slot_0):
            v0: tl.constexpr = 1.0
            v1 = slot_0 * slot_0
            v2 = v0 - v1
            v3 = d_state_h * v2
            return v3
    """
    states, values = found.cell.states, {name: k for k, name in enumerate(found.values)}
    operands = {leaf.label: k for k, leaf in enumerate(found.back.operands.values())}
    arguments: dict[str, None] = {}

    def argument(name: str) -> str:
        arguments[name] = None
        return name

    def gradient(body: Body, label: str) -> str:
        if label in operands:
            return argument(f"d_operand_{operands[label]}")
        if label.endswith(BEHIND):
            whole = body.value(found.back.values[label.removesuffix(BEHIND)])
            k = values[label.removesuffix(BEHIND)]
            return body.variable(f"where_free({argument(f'held_{k}')}, {whole})") if k in held else whole
        parts = [argument(f"d_state_{label}")] if label in states else []
        parts += [argument(f"d_value_{values[label]}")] if values[label] in asked else []
        return body.variable(" + ".join(parts)) if len(parts) != 1 else parts[0]

    def leaf(body: Body, node: Expression) -> str | None:
        if node.operation == "gradient":
            label = node.label
            if label in values and label not in states and values[label] not in asked:
                return body.variable("0.0")
            return gradient(body, label)
        if node.operation == "previous":
            return argument(f"prev_{node.label}")
        if node.operation == "parameter":
            return argument(f"vector_{found.vectors.index(node.label)}")
        slot = found.slot_of(node)
        return None if slot is None else argument(f"slot_{slot}")

    body = Body(_TRITON, leaf)
    results: dict[str, str] = {}
    if level == 0:
        for k, operand in enumerate(found.operands):
            results[f"operand_{k}"] = body.value(operand)
    for k in range(len(found.lanes)):
        if found.level(found.lane_gradient(k)) == level:
            results[f"d_lane_{k}"] = body.value(found.lane_gradient(k))
    for name in states:
        expression = found.back.previous.get(name)
        if expression is not None and found.level(expression) == level:
            results[f"d_prev_{name}"] = body.value(expression)
    if parameters:
        for k, label in enumerate(found.vectors):
            if found.level(found.back.parameters[label]) == level:
                results[f"d_vector_{k}"] = body.value(found.back.parameters[label])
    for name, k in values.items():
        if k in wanted and found.level(found.back.values[name]) == level:
            results[f"d_value_out_{k}"] = body.value(found.back.values[name])
    return _function(f"backward_{level}", tuple(arguments), results, body)


def _function(name: str, arguments: tuple[str, ...], results: dict[str, str], body: Body) -> Pointwise:
    lines = ["@triton.jit", f"def {name}({', '.join(arguments)}):"]
    lines += [f"    {line}" for line in [*body.lines, f"return {', '.join(results.values())}"]]
    return Pointwise(name, arguments, tuple(results), "\n".join(lines))
