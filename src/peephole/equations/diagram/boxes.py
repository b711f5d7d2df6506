"""From the traced graph to boxes and wires.

A sum belongs to a layer where it ends in the layer's function and nobody else sees it: σ(W x + b + U h + b' + p ⊙ c) is one
layer, and p ⊙ c comes to it by a wire of its own, marked +. A sum of products that ends in no function is a layer without one.
"""

from __future__ import annotations

from peephole.equations.cell import Cell
from peephole.equations.diagram.picture import Box, Picture, Text, Wire, state_lines
from peephole.equations.expression import PRODUCTS, UNARY, Expression
from peephole.equations.letters import base_and_subscript, count_uses, number_text, parameter_letters, shared
from peephole.equations.text import as_text
from peephole.equations.trace import trace

_SIGN = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "minimum": "min", "maximum": "max"}
_FUNCTION = {"sigmoid": "σ", "negate": "−", "abs": "|·|", "log1p": "log(1+·)"}
_SECOND = {"subtract": "−", "divide": "/"}  # which operand is the second must be seen


def picture(cell: Cell) -> Picture:
    """Return what there is to draw of a cell.

    Raises:
        EquationError: the cell cannot be traced.

    Example:
        >>> from collections import Counter
        >>> from peephole import cells
        >>> sorted(Counter(box.kind for box in picture(cells.LSTM()).boxes).items())
        [('input', 1), ('join', 1), ('layer', 4), ('next', 3), ('operation', 5), ('previous', 2)]
    """
    made = _Builder(cell)
    boxes, wires = _join(made.boxes, made.wires)
    return Picture(cell, tuple(boxes), tuple(wires), state_lines(cell, boxes, wires))


class _Builder:
    """Makes a box when it is first asked for, after those that it takes values from."""

    def __init__(self, cell: Cell) -> None:
        self.boxes: list[Box] = []
        self.wires: list[Wire] = []
        traced = trace(cell)
        self._letters = parameter_letters(cell)
        self._uses = count_uses(traced)
        self._names: dict[Expression, list[str]] = {}
        for name, node in traced.values.items():
            self._names.setdefault(node, []).append(name)
        self._states = cell.states
        self._texts = {node: f"u{k}" for k, node in enumerate(shared(traced), 1)}
        self._texts |= {node: names[0] for node, names in self._names.items() if node.operands}
        self._made: dict[Expression, Box] = {}
        self._input: Box | None = None

        # The cell state first: what it is made of then stands on the left, and what is made of it on the right.
        for name in sorted(traced.values, key=lambda name: (name == "h", name not in cell.states)):
            self._box(traced.values[name])
        for state in cell.states:
            for _ in range(2 if state == "h" else 1):  # h leaves to the next step, and up to whoever reads it
                end = Box("next", value_text(state, "t"), state=state)
                self.boxes.append(end)
                self.wires.append(Wire(self._made[traced.values[state]], end))

    def _box(self, node: Expression) -> Box:
        if node not in self._made:
            self._made[node] = self._make(node)
        return self._made[node]

    def _make(self, node: Expression) -> Box:
        if node.operation == "previous":
            return self._add("previous", node, value_text(node.label, "t−1"))
        if node.operation in ("constant", "parameter"):
            return self._add("leaf", node, self._leaf_text(node))
        if terms := self._layer_terms(node):
            return self._layer(node, terms)
        return self._operation(node)

    def _add(self, kind: str, node: Expression, label: Text, *inputs: tuple[Box, Text]) -> Box:
        names = [name for name in self._names.get(node, ()) if name not in self._states]
        letters: Text = ()
        for name in names:
            letters += ((", ", ""), *value_text(name, "t")) if letters else value_text(name, "t")
        text = self._texts.get(node, "")
        formula = f"{text} = {as_text(node, self._texts)}" if text else as_text(node, self._texts)
        state = node.label if kind == "previous" else ""
        box = Box(kind, label, letters, node, state, formula)
        self.boxes.append(box)
        self.wires.extend(Wire(source, box, mark) for source, mark in dict.fromkeys(inputs))
        return box

    def _is_inside(self, node: Expression) -> bool:
        """Whether nobody but its one reader sees an expression."""
        return self._uses[node] == 1 and node not in self._names

    def _layer_terms(self, node: Expression) -> list[Expression]:
        """The terms of the sum that a layer takes, or nothing if `node` is no layer."""
        if node.operation in UNARY and node.operation != "negate":
            terms = self._terms(node.operands[0]) if self._is_inside(node.operands[0]) else []
            return terms if any(self._is_own(term) for term in terms) else []
        if node.operation == "add":
            terms = [term for operand in node.operands for term in self._terms(operand)]
            return terms if all(self._is_own(term) for term in terms) else []
        return [node] if node.operation in PRODUCTS else []

    def _terms(self, node: Expression) -> list[Expression]:
        if node.operation == "add" and self._is_inside(node):
            return [term for operand in node.operands for term in self._terms(operand)]
        return [node]

    def _is_own(self, term: Expression) -> bool:
        return term.operation in PRODUCTS and self._is_inside(term)

    def _layer(self, node: Expression, terms: list[Expression]) -> Box:
        has_function = node.operation in UNARY
        inputs: list[tuple[Box, Text]] = []
        weights: list[Text] = []
        for term in terms:
            own = term is node or self._is_own(term)
            if not own:
                inputs.append((self._box(term), (("+", ""),)))
                continue
            letter, part = {"input": ("W", term.label), "recurrent": ("U", term.label)}.get(
                term.operation
            ) or self._letters[term.label]
            weight: Text = ((letter, "i"), (part, "_"))
            weights.append(weight)
            is_marked = term.operation == "matrix" and (has_function or len(terms) > 1)
            source = self._box(term.operands[0]) if term.operands else self._x()
            inputs.append((source, weight if is_marked else ()))
        if has_function:
            label: Text = ((_FUNCTION.get(node.operation, node.operation), ""),)
        else:
            label = (*weights[0], (" ", ""), *weights[1]) if len(weights) == 2 else weights[0]
            label = (("Σ", ""),) if len(weights) > 2 else label
        return self._add("layer", node, label, *inputs)

    def _x(self) -> Box:
        if self._input is None:
            self._input = Box("input", (("x", "i"), ("t", "_")), formula="x")
            self.boxes.append(self._input)
        return self._input

    def _operation(self, node: Expression) -> Box:
        operands, sign = node.operands, _SIGN.get(node.operation, "")
        if not sign:
            text = _FUNCTION.get(node.operation, node.operation)
            return self._add("operation", node, ((text, ""),), (self._box(operands[0]), ()))
        first, second = operands
        if second.operation in ("constant", "parameter"):
            label: Text = ((f"{sign} ", ""), *self._leaf_text(second))
            return self._add("operation", node, label, (self._box(first), ()))
        if first.operation in ("constant", "parameter"):
            leaf = self._leaf_text(first)
            if node.operation not in _SECOND:
                label = ((f"{sign} ", ""), *leaf)  # p × a is a × p; 1 − a is not a − 1
            else:
                label = (*leaf, (f" {sign}" if first.operation == "parameter" else sign, ""))
            return self._add("operation", node, label, (self._box(second), ()))
        left, right = self._box(first), self._box(second)
        mark: Text = ((_SECOND[node.operation], ""),) if node.operation in _SECOND else ()
        box = self._add("operation", node, ((sign, ""),))
        self.wires += [Wire(left, box), Wire(right, box, mark)]  # both, even where they come from one box
        return box

    def _leaf_text(self, node: Expression) -> Text:
        if node.operation == "constant":
            number = number_text(node.number).replace("-", "−")
            return ((f"({number})" if number.startswith("−") else number, ""),)
        letter, part = self._letters[node.label]
        return ((letter, "i"), (part, "_"))


def value_text(name: str, time: str) -> Text:
    """The letter of a value, with the time, and what follows its first underscore, as a subscript."""
    base, rest = base_and_subscript(name)
    return ((base, "i"), (f"{rest}, {time}" if rest else time, "_"))


def _join(boxes: list[Box], wires: list[Wire]) -> tuple[list[Box], list[Wire]]:
    """Let x and h_prev run to the layers that read both as one wire, if there is more than one such layer."""
    hidden = next((box for box in boxes if box.kind == "previous" and box.state == "h"), None)
    x = next((box for box in boxes if box.kind == "input"), None)
    if hidden is None or x is None:
        return boxes, wires

    def both(box: Box) -> list[Wire]:
        found = [w for w in wires if w.target is box and w.source in (x, hidden) and not w.mark]
        return found if box.kind == "layer" and len(found) == 2 else []

    if sum(bool(both(box)) for box in boxes) < 2:
        return boxes, wires
    joined = {wire for box in boxes for wire in both(box)}
    join = Box("join", formula="x, h_prev")
    made = [Wire(hidden, join), Wire(x, join)]
    for wire in wires:
        if wire not in joined:
            made.append(wire)
        elif wire.source is x:
            made.append(Wire(join, wire.target))
    return [join, *boxes], made
