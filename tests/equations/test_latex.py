"""The LaTeX of a cell, read back by a small evaluator of LaTeX and compared with the graph; and how it looks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from peephole import cells
from peephole.equations import Cell, Step, sigmoid, tanh, trace
from peephole.equations.emit_latex import emit_latex
from peephole.equations.evaluate import evaluate
from peephole.equations.expression import Expression
from support.cases import CELLS
from support.random_cells import RandomCell

H = 3
TOKEN = re.compile(  # the first alternative is a letter with its subscript
    r"\\(?:mathbf|boldsymbol)\{[^{}]*\}'?(?:\^\{\(\d+\)\})?_(?:\{(?:\\mathrm\{[^{}]*\}|[^{}])*\}|.)"
    r"|\\mathrm\{relu\}|\\[a-z]+|10\^\{-?\d+\}|\d+(?:\.\d+)?|[-+(){},]"
)
FUNCTIONS = {
    r"\sigma": lambda x: 1 / (1 + np.exp(-x)),
    r"\tanh": np.tanh,
    r"\mathrm{relu}": lambda x: np.maximum(x, 0),
    r"\exp": np.exp,
    r"\log": np.log,
    r"\min": np.minimum,
    r"\max": np.maximum,
}


class Reader:
    """Evaluates one LaTeX formula: sums, then ⊙ and ·, then a matrix and what stands right of it."""

    def __init__(self, text: str, known: dict[str, np.ndarray]) -> None:
        text = text.replace(r"\left", "").replace(r"\right", "")
        self.tokens = TOKEN.findall(text)
        assert "".join(self.tokens) == text.replace(" ", ""), text  # nothing is skipped
        self.known = known

    def take(self, wanted: str = "") -> str:
        token = self.tokens.pop(0)
        assert wanted in ("", token), (wanted, token, self.tokens)
        return token

    def next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def sum(self):
        total = -self.pointwise() if self.next() == "-" and self.take() else self.pointwise()
        while self.next() in ("+", "-") and self.tokens:
            sign = self.take()
            assert self.next() != "-", "two signs in a row"
            total = total + self.pointwise() if sign == "+" else total - self.pointwise()
        return total

    def pointwise(self):
        total = self.product()
        while self.next() in (r"\odot", r"\cdot"):
            sign = self.take()
            assert self.next() != "-", "a sign after a product"
            factor = self.product()
            assert (np.ndim(total) == np.ndim(factor) == 1) == (sign == r"\odot")
            total = total * factor
        return total

    def product(self):
        factor = self.atom()
        if np.ndim(factor) != 2:
            return factor
        operand = self.atom()
        assert np.ndim(operand) < 2
        return factor @ (operand if np.ndim(operand) else np.full(H, operand))

    def between(self, opening: str, closing: str):
        self.take(opening)
        inner = [self.sum()]
        while self.next() == ",":
            self.take()
            inner.append(self.sum())
        self.take(closing)
        return inner

    def atom(self):
        token = self.next()
        if token == "(":
            return self.between("(", ")")[0]
        if token == r"\lvert":
            return np.abs(self.between(r"\lvert", r"\rvert")[0])
        self.take()
        if token == r"\frac":
            return self.between("{", "}")[0] / self.between("{", "}")[0]
        if token in FUNCTIONS:
            return FUNCTIONS[token](*self.between("(", ")"))
        if token.startswith("10^{"):
            return 10.0 ** int(token[4:-1])
        return float(token) if token[0].isdigit() else self.known[token]


def lines_of(latex: str) -> list[tuple[str, str]]:
    first, *inner, last = latex.split("\n")
    assert (first, last) == (r"\begin{aligned}", r"\end{aligned}")
    assert [line.endswith(r" \\") for line in inner] == [True] * (len(inner) - 1) + [False]
    cells_of = [line.removesuffix(r" \\").split("& ") for line in inner]
    return [(row[-2].replace(r"\quad", "").strip(), row[-1].removeprefix("= ")) for row in cells_of]


def letter(name: str, time: str) -> str:
    return rf"\mathbf{{{name}}}_{time}"


def values_of(cell: Cell, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What the letters stand for, and the values of the graph computed with the same numbers."""
    draw = np.random.default_rng(seed)
    known: dict[str, np.ndarray] = {r"\mathbf{x}_t": draw.normal(size=H)}
    for state in cell.states:
        known[letter(state, "{t-1}")] = draw.normal(size=H)
    for gate in cell.gates:
        mark = gate if len(gate) == 1 else rf"{{\mathrm{{{gate}}}}}"
        known |= {rf"\mathbf{{{name}}}_{mark}": draw.normal(size=(H, H)) / 2 for name in "WU"}
        known |= {rf"\mathbf{{b}}{prime}_{mark}": draw.normal(size=H) for prime in ("", "'")}
    own: dict[str, np.ndarray] = {}
    parts = [(name, part) for name, parameter in cell.parameters.items() for part in parameter.parts]
    for name, part in parts:
        is_matrix = type(cell.parameters[name]).__name__ == "Matrix"
        clash = (
            sum(other == part for kind, other in parts if type(cell.parameters[kind]).__name__ == "Vector")
            > 1
        )
        label = f"{name}.{part}"
        mark = rf"{{\mathrm{{{label}}}}}".replace("_", r"\_") if clash and not is_matrix else part
        own[label] = draw.normal(size=(H, H) if is_matrix else H)
        known[rf"\mathbf{{{'P' if is_matrix else 'p'}}}_{mark}"] = own[label]

    def leaf(node: Expression):
        return known[letter(node.label, "{t-1}")] if node.operation == "previous" else own[node.label]

    def product(node: Expression, operand):
        if node.operation == "matrix":
            return own[node.label] @ (operand + np.zeros(H))
        mark = node.label if len(node.label) == 1 else rf"{{\mathrm{{{node.label}}}}}"
        if node.operation == "input":
            return known[rf"\mathbf{{W}}_{mark}"] @ known[r"\mathbf{x}_t"] + known[rf"\mathbf{{b}}_{mark}"]
        return known[rf"\mathbf{{U}}_{mark}"] @ (operand + np.zeros(H)) + known[rf"\mathbf{{b}}'_{mark}"]

    return known, evaluate(trace(cell), leaf, product, {})


@pytest.mark.filterwarnings(
    "ignore:.*encountered:RuntimeWarning"
)  # overflow and log of a negative number, on both sides
@pytest.mark.parametrize(
    "cell", [*CELLS, *(RandomCell(seed, 1 + seed % 14) for seed in range(150))], ids=repr
)
def test_the_formulas_read_back_give_the_values_of_the_graph(cell: Cell) -> None:
    known, expected = values_of(cell, 7)
    for left, right in lines_of(emit_latex(cell)):
        assert left not in known, "a letter is defined twice"
        reader = Reader(right, known)
        known[left] = reader.sum()
        assert not reader.tokens
    for name, value in expected.items():
        np.testing.assert_allclose(known[letter(name, "t")], value, rtol=1e-9, atol=1e-9, err_msg=name)


class Doubling(Cell):
    """Each value is used twice by the next: written out, the last would be 2¹⁶ times as long as the first."""

    gates, states = ("a",), ("h",)

    def step(self, pre, prev):
        value = pre.a
        for _ in range(16):
            value = tanh(value + 1) * (value - prev.h)
        return Step(h=value)


def test_what_is_used_twice_is_written_once() -> None:
    lines = lines_of(emit_latex(Doubling()))
    assert len(lines) == 17  # each of the sixteen products, and their first operand
    assert max(len(right) for _, right in lines) < 120


def test_the_lines_of_an_lstm() -> None:
    rows = emit_latex(cells.LSTM()).split("\n")
    assert rows[1] == (
        r"& \text{LSTM-1} & \quad \mathbf{i}_t & = "
        r"\sigma(\mathbf{W}_i \mathbf{x}_t + \mathbf{b}_i + \mathbf{U}_i \mathbf{h}_{t-1} + \mathbf{b}'_i) \\"
    )
    assert rows[5] == (
        r"& \text{LSTM-5} & \quad \mathbf{c}_t & = "
        r"\mathbf{f}_t \odot \mathbf{c}_{t-1} + \mathbf{i}_t \odot \mathbf{g}_t \\"
    )


def test_a_product_with_a_matrix_is_bracketed_before_a_pointwise_one() -> None:
    right = dict(lines_of(emit_latex(cells.GRU())))[r"\mathbf{n}_t"]
    assert r"\mathbf{r}_t \odot (\mathbf{U}_n \mathbf{h}_{t-1} + \mathbf{b}'_n)" in right


class Untagged(Cell):
    """No tags, names of more letters, a Greek one, a value named as the input is, one that is named twice."""

    gates, states = ("f", "write"), ("h", "c")

    def step(self, pre, prev):
        squashed = tanh(tanh(pre.write) * prev.c)
        alpha = sigmoid(pre.f) * squashed
        c = alpha / (1 + squashed)
        return Step(h=c, c=c, c_seen=alpha + 1, alpha=alpha, x=-0.5 * c, old=prev.c)


def test_a_cell_without_tags() -> None:
    assert [(left, right) for left, right in lines_of(emit_latex(Untagged()))] == [
        (
            r"\mathbf{u}^{(1)}_t",
            r"\tanh(\tanh(\mathbf{W}_{\mathrm{write}} \mathbf{x}_t + \mathbf{b}_{\mathrm{write}} + "
            r"\mathbf{U}_{\mathrm{write}} \mathbf{h}_{t-1} + \mathbf{b}'_{\mathrm{write}}) \odot \mathbf{c}_{t-1})",
        ),
        (
            r"\boldsymbol{\alpha}_t",
            r"\sigma(\mathbf{W}_f \mathbf{x}_t + \mathbf{b}_f + \mathbf{U}_f \mathbf{h}_{t-1} + \mathbf{b}'_f)"
            r" \odot \mathbf{u}^{(1)}_t",
        ),
        (r"\mathbf{h}_t", r"\frac{\boldsymbol{\alpha}_t}{1 + \mathbf{u}^{(1)}_t}"),
        (r"\mathbf{c}_t", r"\mathbf{h}_t"),
        (r"\mathbf{c}_{\mathrm{seen},t}", r"\boldsymbol{\alpha}_t + 1"),
        (r"\mathbf{x}'_t", r"-0.5 \cdot \mathbf{h}_t"),
        (r"\mathbf{old}_t", r"\mathbf{c}_{t-1}"),
    ]


def test_brackets_grow_around_fractions_and_numbers_keep_their_digits() -> None:
    class Numbers(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=tanh(prev.h / (prev.h - -0.123456789)) - (1.5e-07 * pre.x.a) * -2)

    ((_, right),) = lines_of(emit_latex(Numbers()))
    assert right == (
        r"\tanh\left(\frac{\mathbf{h}_{t-1}}{\mathbf{h}_{t-1} - (-0.123456789)}\right)"
        r" - 1.5 \cdot 10^{-7} \cdot (\mathbf{W}_a \mathbf{x}_t + \mathbf{b}_a) \cdot (-2)"
    )


def test_a_cell_shows_its_equations_in_a_notebook() -> None:
    cell = cells.GRU("before")
    assert cell._repr_latex_() == f"$$\n{emit_latex(cell)}\n$$"
    assert cell._repr_markdown_() == f"`GRU(reset='before')`\n\n{cell._repr_latex_()}"


def test_a_cell_that_cannot_be_read_shows_its_name_alone() -> None:
    class Strange(Cell):
        gates, states = ("a",), ("h",)

        def step(self, pre, prev):
            return Step(h=tanh(pre.a), x=prev.nothing)

    assert Strange()._repr_latex_() is None
    assert Strange()._repr_markdown_() is None
