r"""The equations of a cell as LaTeX, in the letters of the papers.

Vectors are bold and small, matrices bold and large; ⊙ multiplies unit by unit. Only what every renderer of Markdown knows is used
(MathJax and KaTeX alike): one ``aligned`` block, no macro of its own, no ``\tag`` and no ``\operatorname``.
"""

from __future__ import annotations

from collections.abc import Mapping

from peephole.equations.cell import Cell
from peephole.equations.expression import LEAVES, Expression
from peephole.equations.letters import base_and_subscript, number_text, parameter_letters, shared
from peephole.equations.listing import tags
from peephole.equations.trace import Trace, trace

# How tightly an expression binds. A product with a matrix stands between a sum and ⊙: P a ⊙ b would leave open which comes first.
_SUM, _PRODUCT, _POINTWISE, _ATOM = 1, 2, 3, 4

_FUNCTION = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "relu": r"\mathrm{relu}",
    "exp": r"\exp",
    "log1p": r"\log",
    "minimum": r"\min",
    "maximum": r"\max",
}
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_ESCAPED = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", **{sign: "\\" + sign for sign in "_#$%&{}"}}


def emit_latex(cell: Cell) -> str:
    r"""Return the equations of a cell as a LaTeX block, one line each, with the tags of its source.

    Every named value has its line, after the lines of what it is computed from. What has no name and is used more than once gets
    a line of its own too, as **u**⁽¹⁾, **u**⁽²⁾, … unless it is as short as a name.

    Args:
        cell: a shipped cell or your own.

    Returns:
        The block from ``\begin{aligned}`` to ``\end{aligned}``. Put it between ``$$`` or in a ``math`` block of Markdown.

    Raises:
        EquationError: the cell cannot be traced.

    Example:
        >>> from peephole import cells
        >>> print(emit_latex(cells.GRU()).split("\n")[4])
        & \text{GRU-4} & \quad \mathbf{h}_t & = (1 - \mathbf{z}_t) \odot \mathbf{n}_t + \mathbf{z}_t \odot \mathbf{h}_{t-1}
    """
    traced = trace(cell)
    tagged = tags(cell)
    names = _names(traced)
    writer = _Writer(cell, names)
    lines: list[str] = []
    for left, node, tag in _order(traced, names, tagged):
        right = writer.write(node, root=names.get(node) == left)
        mark = f"& \\text{{{tag}}} & \\quad " if tagged else ""
        lines.append(f"{mark}{left} & = {right}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _names(traced: Trace) -> dict[Expression, str]:
    """What is written as one letter: named values, and unnamed ones that are used twice and longer than a letter."""
    names: dict[Expression, str] = {}
    for name in (*traced.states, *traced.values):
        if traced.values[name].operation not in LEAVES:
            names.setdefault(traced.values[name], _now(name))
    for k, node in enumerate(shared(traced), 1):
        names[node] = rf"\mathbf{{u}}^{{({k})}}_t"
    return names


def _order(
    traced: Trace, names: Mapping[Expression, str], tagged: Mapping[str, tuple[str, str]]
) -> list[tuple[str, Expression, str]]:
    """(left side, expression, tag) of each line, each after what it is computed from, otherwise in the order of the source."""
    values = traced.values
    lines: list[tuple[str, Expression, str]] = []
    done: set[Expression] = set()
    owner = {names[values[name]]: name for name in values if names.get(values[name]) == _now(name)}

    def define(root: Expression) -> None:
        stack = [(root, False)]
        while stack:
            node, visited = stack.pop()
            if visited and node in names:
                name = owner.get(names[node], "")
                lines.append((names[node], node, tagged.get(name, ("", ""))[0]))
            elif not visited and node not in done:
                done.add(node)
                stack.append((node, True))
                stack.extend((operand, False) for operand in reversed(node.operands))

    for name in [
        *(name for name in tagged if name in values),
        *(name for name in values if name not in tagged),
    ]:
        define(values[name])
        if names.get(values[name]) != _now(name):  # a second name of a value, or a name of a leaf
            lines.append((_now(name), values[name], tagged.get(name, ("", ""))[0]))
    return lines


class _Writer:
    def __init__(self, cell: Cell, names: Mapping[Expression, str]) -> None:
        self._letters = parameter_letters(cell)
        self._names = names

    def write(self, node: Expression, *, root: bool) -> str:
        """Write an expression; as a `root` it is written out even though it has a name."""
        return self._write(node, root=root)[0]

    def _write(self, node: Expression, *, root: bool = False) -> tuple[str, int]:
        """Return the text and how tightly it binds."""
        if node in self._names and not root:
            return self._names[node], _ATOM
        operation, gate = node.operation, _subscript(node.label)
        if operation == "constant":
            return _number(node.number)
        if operation == "previous":
            return _letter(node.label, "t-1"), _ATOM
        if operation == "parameter":
            letter, part = self._letters[node.label]
            return rf"\mathbf{{{letter}}}_{_subscript(part)}", _ATOM
        if operation == "input":
            return rf"\mathbf{{W}}_{gate} \mathbf{{x}}_t + \mathbf{{b}}_{gate}", _SUM
        if operation == "recurrent":
            operand = self._bracketed(node.operands[0], _ATOM)
            return rf"\mathbf{{U}}_{gate} {operand} + \mathbf{{b}}'_{gate}", _SUM
        if operation == "matrix":
            letter, part = self._letters[node.label]
            operand = self._bracketed(node.operands[0], _ATOM)
            return rf"\mathbf{{{letter}}}_{_subscript(part)} {operand}", _PRODUCT
        return self._pointwise(node)

    def _pointwise(self, node: Expression) -> tuple[str, int]:
        operation, operands = node.operation, node.operands
        if operation in ("add", "subtract"):
            sign, least = ("+", _SUM) if operation == "add" else ("-", _PRODUCT)
            return (
                f"{self._write(operands[0])[0]} {sign} {self._bracketed(operands[1], least, signed=True)}",
                _SUM,
            )
        if operation == "negate":
            return f"-{self._bracketed(operands[0], _PRODUCT, signed=True)}", _SUM
        if operation == "multiply":
            sign = r"\cdot" if any(_is_scalar(operand) for operand in operands) else r"\odot"
            left = self._bracketed(operands[0], _POINTWISE)
            return f"{left} {sign} {self._bracketed(operands[1], _POINTWISE, signed=True)}", _POINTWISE
        if operation == "divide":
            above, below = (self._write(operand)[0] for operand in operands)
            return rf"\frac{{{above}}}{{{below}}}", _ATOM
        inner = ", ".join(self._write(operand)[0] for operand in operands)
        if operation == "abs":
            return _enclosed(r"\lvert ", inner, r" \rvert"), _ATOM
        inner = f"1 + {self._bracketed(operands[0], _SUM, signed=True)}" if operation == "log1p" else inner
        return _FUNCTION[operation] + _enclosed("(", inner, ")"), _ATOM

    def _bracketed(self, node: Expression, least: int, *, signed: bool = False) -> str:
        """Write an operand, in brackets if it binds less than `least` or, where `signed`, begins with a minus."""
        text, binding = self._write(node)
        return _enclosed("(", text, ")") if binding < least or (signed and text.startswith("-")) else text


def _is_scalar(node: Expression) -> bool:
    return node.operation == "constant" or (
        bool(node.operands) and all(_is_scalar(operand) for operand in node.operands)
    )


def _enclosed(opening: str, text: str, closing: str) -> str:
    return (
        rf"\left{opening}{text}\right{closing.strip()}" if r"\frac" in text else f"{opening}{text}{closing}"
    )


def _number(number: float) -> tuple[str, int]:
    if number != number:
        return r"\mathrm{NaN}", _ATOM
    digits, _, exponent = number_text(number).replace("inf", r"\infty").partition("e")
    if exponent:
        return rf"{digits} \cdot 10^{{{int(exponent)}}}", _POINTWISE
    return digits, _POINTWISE if digits.startswith("-") else _ATOM


def _now(name: str) -> str:
    return _letter(name, "t")


def _letter(name: str, time: str) -> str:
    base, rest = base_and_subscript(name)
    prime = "'" if base.endswith("'") else ""
    base = base.removesuffix("'")
    bold = rf"\boldsymbol{{\{base}}}" if base in _GREEK else rf"\mathbf{{{_escaped(base)}}}"
    subscript = rf"\mathrm{{{_escaped(rest)}}},{time}" if rest else time
    return f"{bold}{prime}_{subscript if len(subscript) == 1 else f'{{{subscript}}}'}"


def _subscript(name: str) -> str:
    if len(name) == 1:
        return _escaped(name)
    return rf"{{\{name}}}" if name in _GREEK else rf"{{\mathrm{{{_escaped(name)}}}}}"


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(sign, sign) for sign in text)
