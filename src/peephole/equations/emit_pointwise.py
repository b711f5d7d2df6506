"""The pointwise functions of a cell in C++: one per phase forwards, one per level backwards.

The functions are templates over a vector type and are called on a tile: a few rows, all lanes of a phase, one vector of units.
What `Load`, `Store`, `Sigmoid` and the tile's members mean is said in ``kernels/cell.h`` and ``kernels/vector.h``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from peephole.equations.body import Body, Dialect
from peephole.equations.expression import Expression
from peephole.equations.plan import BEHIND, Plan, forward_roots

_FORMAT = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negate": "-{}",
    "sigmoid": "Sigmoid({})",
    "tanh": "Tanh({})",
    "relu": "Relu({})",
    "exp": "Exp({})",
    "log1p": "Log1p({})",
    "abs": "Abs({})",
    "minimum": "Minimum({}, {})",
    "maximum": "Maximum({}, {})",
    "positive": "Positive({})",
}


def _constant(number: float) -> str:
    if math.isfinite(number):
        return f"Splat<V>({number!r})"
    return f"Splat<V>({'NAN' if math.isnan(number) else '-' * (number < 0) + 'INFINITY'})"


_CPP = Dialect(_FORMAT, "const V {} = {};", "const V {} = {};", _constant)


def _held(value: int) -> str:
    """What is held of a value, NaN where nothing is."""
    return f"Load<V, full>(t.held[{value}] + row, n)"


def _indices(nodes: Iterable[Expression]) -> dict[Expression, int]:
    return {node: k for k, node in enumerate(nodes)}


def forward(found: Plan, phase: int) -> list[str]:
    """Lines of ``forward_<phase>``: from the lanes of a phase to its slots, states and operands."""
    lanes = [lane for lane in found.lanes if lane.phase == phase]
    lane_of = _indices(lane.root for lane in lanes)
    kept_of, kept_here = _indices(found.all_kept), set(found.kept[phase])
    states = {name: k for k, name in enumerate(found.cell.states)}

    def leaf(body: Body, node: Expression) -> str | None:
        if node in lane_of:
            return body.variable(f"Load<V, true>(lanes + {lane_of[node]} * t.lane, n)")
        if node.operation == "previous":
            return body.variable(f"Load<V, full>(t.prev[{states[node.label]}][r] + at, n)")
        if node.operation == "parameter":
            return f"p{found.vectors.index(node.label)}"
        if node in kept_here:
            return body.variable(f"Load<V, true>(t.kept[{kept_of[node]}] + r * t.scratch_row + at, n)")
        if node.operation == "hold":
            k = found.values.index(node.label)
            inner = body.value(node.operands[0])
            return body.variable(f"t.held[{k}] != nullptr ? Held({_held(k)}, {inner}) : {inner}")
        return None

    body = Body(_CPP, leaf)
    stores: list[str] = []
    for node in forward_roots(found, phase):
        name = body.value(node)
        slot = found.slot_of(node)
        if any(node is operand for operand in found.operands):
            k = next(k for k, operand in enumerate(found.operands) if operand is node)
            stores.append(f"Store<true>(t.operand[{k}] + r * t.scratch_row + at, {name}, n);")
        if slot is None or found.slots[slot] is not node:
            continue
        if node.operation == "hold" and node.label in states:
            stores.append(f"Store<full>(t.state[{states[node.label]}][r] + at, {name}, n);")
        stores.append(f"if (t.slot[{slot}] != nullptr) Store<full>(t.slot[{slot}] + row, {name}, n);")
    for node, k in kept_of.items():
        if found.phase[node] == phase:
            stores.append(f"Store<true>(t.kept[{k}] + r * t.scratch_row + at, {body.value(node)}, n);")
    return _function(
        f"forward_{phase}",
        "ForwardTile",
        [f"const V p{k} = Load<V, full>(t.parameter[{k}] + at, n);" for k in range(len(found.vectors))],
        ["const Scalar<V>* const lanes = t.lanes + r * t.lanes_row;", *body.lines, *dict.fromkeys(stores)],
        [],
    )


def backward(found: Plan, level: int) -> list[str]:
    """Lines of ``backward_<level>``: the gradients that are known once `level` products have been taken backwards."""
    states = {name: k for k, name in enumerate(found.cell.states)}
    values = {name: k for k, name in enumerate(found.values)}
    operands = {leaf.label: k for k, leaf in enumerate(found.back.operands.values())}

    def gradient(body: Body, label: str) -> str:
        if label in operands:
            return body.variable(f"Load<V, true>(t.d_operand[{operands[label]}] + r * t.scratch_row + at, n)")
        if label.endswith(BEHIND):
            name = label.removesuffix(BEHIND)
            whole = body.value(found.back.values[name])
            k = values[name]
            return body.variable(f"t.held[{k}] != nullptr ? WhereFree({_held(k)}, {whole}) : {whole}")
        asked = f"t.d_value[{values[label]}]"
        asked = f"({asked} != nullptr ? Load<V, full>({asked} + row, n) : Splat<V>(0.0))"
        if label in states:
            asked = f"Load<V, true>(t.d_state[{states[label]}][r] + at, n) + {asked}"
        return body.variable(asked)

    def leaf(body: Body, node: Expression) -> str | None:
        if node.operation == "gradient":
            return gradient(body, node.label)
        if node.operation == "previous":
            return body.variable(f"Load<V, full>(t.prev[{states[node.label]}][r] + at, n)")
        if node.operation == "parameter":
            return f"p{found.vectors.index(node.label)}"
        slot = found.slot_of(node)
        if slot is not None:
            return body.variable(f"Load<V, full>(t.slot[{slot}] + row, n)")
        return None

    body = Body(_CPP, leaf)
    stores: list[str] = []
    after: list[str] = []
    if level == 0:
        for k, operand in enumerate(found.operands):
            stores.append(f"Store<true>(t.operand[{k}] + r * t.scratch_row + at, {body.value(operand)}, n);")
    for k in range(len(found.lanes)):
        expression = found.lane_gradient(k)
        if found.level(expression) == level:
            target = f"t.d_lanes + r * t.d_lanes_row + {k} * t.width + at"
            stores.append(f"Store<full>({target}, {body.value(expression)}, n);")
    for name, k in states.items():
        expression = found.back.previous.get(name)
        if expression is None:
            if level == 0:
                stores.append(f"Store<true>(t.d_prev[{k}][r] + at, Splat<V>(0.0), n);")
        elif found.level(expression) == level:
            stores.append(f"Store<true>(t.d_prev[{k}][r] + at, {body.value(expression)}, n);")
    before = [f"const V p{k} = Load<V, full>(t.parameter[{k}] + at, n);" for k in range(len(found.vectors))]
    for k, label in enumerate(found.vectors):
        expression = found.back.parameters[label]
        if found.level(expression) == level:
            before.append(f"V sum{k} = Splat<V>(0.0);")
            stores.append(f"sum{k} += {body.value(expression)};")
            target = f"t.d_parameter[{k}] + at"
            after.append(f"Store<true>({target}, Load<V, true>({target}, n) + sum{k}, n);")
    for name, k in values.items():
        expression = found.back.values[name]
        if found.level(expression) == level:
            stores.append(
                f"if (t.d_value_out[{k}] != nullptr) Store<full>(t.d_value_out[{k}] + row, {body.value(expression)}, n);"
            )
    return _function(f"backward_{level}", "BackwardTile", before, [*body.lines, *stores], after)


def _function(name: str, tile: str, before: list[str], body: list[str], after: list[str]) -> list[str]:
    return [
        "template <class V, bool full>",
        f"void {name}(const {tile}<Scalar<V>>& t) {{",
        "  const int64_t at = t.first, n = t.count;",
        "  (void)n;",
        *(f"  {line}" for line in before),
        "  for (int64_t r = 0; r < t.rows; ++r) {",
        "    const int64_t row = t.row[r] * t.width + at;",
        "    (void)row;",
        *(f"    {line}" for line in body),
        "  }",
        *(f"  {line}" for line in after),
        "}",
    ]
