"""What is in the drawing of a cell, against the traced graph."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from peephole import cells
from peephole.equations import Cell, Step, Vector, emit_diagram, sigmoid, tanh, trace
from peephole.equations.diagram.boxes import picture
from peephole.equations.diagram.grid import Grid
from peephole.equations.diagram.picture import Box, Picture
from peephole.equations.expression import BINARY, PRODUCTS, UNARY, Expression
from peephole.errors import EquationError
from support.drawings import ALL, SVG, MinimalGatedUnit, Rectangle, Wide, drawing, outline
from support.random_cells import RandomCell

# What there is to draw, told from the graph a second time: which nodes are layers, which are inside of something else.


@dataclasses.dataclass
class Expected:
    layers: dict[Expression, list[Expression]]  # layer → its terms that are not its own products
    inside: set[Expression]


def expected(cell: Cell) -> Expected:
    traced = trace(cell)
    nodes = traced.nodes()
    readers = Counter(id(operand) for node in nodes for operand in node.operands)
    named = {id(value) for value in traced.values.values()}

    def is_hidden(node: Expression) -> bool:
        return readers[id(node)] == 1 and id(node) not in named

    def summands(node: Expression) -> tuple[list[Expression], list[Expression]]:
        """The sums that a node is made of, and their terms."""
        if node.operation != "add" or not is_hidden(node):
            return [], [node]
        below = [summands(operand) for operand in node.operands]
        return [node, *below[0][0], *below[1][0]], [*below[0][1], *below[1][1]]

    found = Expected({}, set())
    for node in reversed(nodes):
        if node in found.inside:
            continue
        if node.operation in UNARY and node.operation != "negate" and is_hidden(node.operands[0]):
            sums, terms = summands(node.operands[0])
            own = [term for term in terms if term.operation in PRODUCTS and is_hidden(term)]
            if own:
                found.layers[node] = [
                    term for term in terms if term not in set(own)
                ]  # a set compares by identity
                found.inside |= {*sums, *own}
                continue
        if node.operation == "add":
            parts = [summands(operand) for operand in node.operands]
            terms = [term for _, found_terms in parts for term in found_terms]
            if all(term.operation in PRODUCTS and is_hidden(term) for term in terms):
                found.layers[node] = []
                found.inside |= {*terms, *(s for sums, _ in parts for s in sums)}
                continue
        if node.operation in PRODUCTS:
            found.layers[node] = []
    return found


def is_leaf(node: Expression) -> bool:
    return node.operation in ("constant", "parameter")


def sources_of(node: Expression, about: Expected) -> Counter[object]:
    """What must run into the box of a node: expressions, or "x"."""
    if node in about.layers:
        into: set[object] = set(about.layers[node])
        stack = [node] if node.operation in PRODUCTS else list(node.operands)
        while stack:
            term = stack.pop()
            if term.operation in PRODUCTS and (term is node or term in about.inside):
                into |= {
                    (operand, term.label if term.operation == "matrix" else "")
                    for operand in term.operands or ("x",)
                }
            elif term in about.inside:
                stack.extend(term.operands)
        return Counter(entry[0] if isinstance(entry, tuple) else entry for entry in into)
    if node.operation in BINARY and any(is_leaf(operand) for operand in node.operands):
        kept = node.operands[0] if is_leaf(node.operands[1]) else node.operands[1]
        return Counter([kept])
    return Counter(node.operands)


def drawn_sources(drawn: Picture, wires: list[tuple[int, int]], box: Box) -> Counter[object]:
    """What runs into a box, by way of the join if it does."""
    found: Counter[object] = Counter()
    for source in [drawn.boxes[a] for a, b in wires if drawn.boxes[b] is box]:
        if source.kind == "join":
            found += drawn_sources(drawn, wires, source)
        else:
            found["x" if source.kind == "input" else source.node] += 1
    return found


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_every_edge_of_the_graph_is_drawn_once(cell: Cell) -> None:
    drawn, about = picture(cell), expected(cell)
    wires = [(a, b) for a, b, _ in drawing(cell).wires]
    seen: set[Expression] = set()
    for box in drawn.boxes:
        if box.node is not None:
            assert box.node not in seen
            seen.add(box.node)
            assert drawn_sources(drawn, wires, box) == sources_of(box.node, about), box.formula
        elif box.kind == "next":
            assert drawn_sources(drawn, wires, box) == Counter([trace(cell).values[box.state]])
    # Nothing of the graph is left out but what stands inside of something.
    missing = [node for node in trace(cell).nodes() if node not in seen and node not in about.inside]
    assert all(is_leaf(node) for node in missing)
    ends = Counter(box.state for box in drawn.boxes if box.kind == "next")
    assert ends == Counter({state: 2 if state == "h" else 1 for state in cell.states})


@pytest.mark.parametrize("cell", ALL, ids=repr)
def test_one_yellow_layer_per_activation_and_one_red_box_per_operation(cell: Cell) -> None:
    about = expected(cell)
    kinds = Counter(kind for kind, _, _ in drawing(cell).boxes.values())
    red = [
        node
        for node in trace(cell).nodes()
        if node.operation in (*UNARY, *BINARY) and node not in about.layers and node not in about.inside
    ]
    assert (kinds["layer"], kinds["operation"]) == (len(about.layers), len(red))


@pytest.mark.parametrize(
    ("cell", "layers", "operations"),
    [  # counted by hand in the textbook's drawings
        (cells.RNN(), ["tanh"], []),
        (cells.LSTM(), ["tanh", "σ", "σ", "σ"], ["+", "tanh", "×", "×", "×"]),
        (
            cells.PeepholeLSTM(),
            ["tanh", "σ", "σ", "σ"],
            ["+", "tanh", "×", "×", "×", "× pf", "× pi", "× po"],
        ),
        (cells.PeepholeLSTM("full"), ["tanh", "σ", "σ", "σ"], ["+", "tanh", "×", "×", "×"]),
        (cells.GRU(), ["Un", "tanh", "σ", "σ"], ["+", "1−", "×", "×", "×"]),
        (cells.GRU("before"), ["tanh", "σ", "σ"], ["+", "1−", "×", "×", "×"]),
        (cells.CoupledLSTM(), ["tanh", "σ", "σ"], ["+", "1−", "tanh", "×", "×", "×"]),
        (MinimalGatedUnit(), ["tanh", "σ"], ["+", "1−", "×", "×", "×"]),
    ],
    ids=repr,
)
def test_the_boxes_of_known_cells(cell: Cell, layers: list[str], operations: list[str]) -> None:
    labels: dict[str, list[str]] = {"layer": [], "operation": []}
    for kind, _, label in drawing(cell).boxes.values():
        labels.setdefault(kind, []).append(label)
    assert sorted(labels["layer"]) == layers
    assert sorted(labels["operation"]) == operations


@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU(), Wide()], ids=repr)
def test_the_file_stands_alone(cell: Cell) -> None:
    text, root = drawing(cell).text, drawing(cell).root
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "g", "title", "desc", "rect", "path", "polygon", "circle", "text", "tspan",
    }  # fmt: skip
    assert not re.search(r"href|url\(|@import| style=|\son\w+=", text)
    assert root[0].tag == f"{SVG}title"
    assert (root[0].text or "").startswith(type(cell).__name__)
    assert root[1].tag == f"{SVG}desc"
    assert "h = " in (root[1].text or "")
    ground = outline(root.findall(f"{SVG}rect")[0])
    left, top, width, height = (float(n) for n in root.attrib["viewBox"].split())
    assert ground == Rectangle(left, top, left + width, top + height)


@pytest.mark.slow
def test_a_drawing_is_the_same_in_every_process() -> None:
    program = (
        "from support.random_cells import RandomCell; from peephole.equations.emit_diagram import emit_diagram;"
        "print(emit_diagram(RandomCell(4, 6)), end='')"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8",
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert made[0] == made[1] == drawing(RandomCell(4, 6)).text


def test_a_marked_wire_says_what_becomes_of_it() -> None:
    class Marked(Cell):
        gates, states = ("a", "b"), ("h",)

        @property
        def parameters(self):
            return {"weight_p": Vector(("a",)), "weight_q": Vector(("a",))}

        def step(self, pre, prev, own):
            a = tanh(pre.a + own.weight_p.a * prev.h)
            return Step(h=(a - prev.h) / sigmoid(pre.b) + own.weight_q.a * a)

    marks = sorted(
        "".join(letters for letters, _ in wire.mark) for wire in picture(Marked()).wires if wire.mark
    )
    assert marks == ["+", "/", "−"]
    labels = {label for _, _, label in drawing(Marked()).boxes.values()}
    assert {
        "× pweight_p.a",
        "× pweight_q.a",
    } <= labels  # two parameters with a part of one name are told apart
    legend = "".join("".join(t.itertext()) for t in drawing(Marked()).root.iter(f"{SVG}text"))
    for words in ("added to the layer’s sum", "is subtracted", "divides", "learned, one number per unit"):
        assert words in legend


def test_what_cannot_be_laid_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = lambda self: {(x, y) for x in range(self.width) for y in range(self.height)}  # noqa: E731
    monkeypatch.setattr(Grid, "blocked", everywhere)
    with pytest.raises(EquationError, match=r"LSTM: no drawing was found in which every wire has a way"):
        emit_diagram(cells.LSTM())
