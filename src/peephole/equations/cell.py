"""What a cell is: its gates, its states, the parameters of its own, and one `step`.

Inside `step(self, pre, prev)`, or `step(self, pre, prev, own)` for a cell that declares parameters:

    pre.i                    the pre-activation of gate i: W_i x + b_i + U_i h_prev + b'_i
    pre.x.i · pre.h.i        its two halves: W_i x + b_i · U_i h_prev + b'_i
    pre.recurrent(v).i       the second half with another operand: U_i v + b'_i
    prev.h · prev.c          the states before the step
    own.weight_ch.i          a declared parameter: a `Vector` multiplies (`*`), a `Matrix` takes a product (`@`)

`step` returns a `Step` that names every value worth seeing. The states must be among them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from peephole.equations.functions import Value


class Step:
    """The named values of one step, in the order in which they are given.

    >>> Step(h=1.0, c=2.0).c
    2.0
    """

    def __init__(self, **values: Value) -> None:
        self.values: dict[str, Value] = values

    def __getattr__(self, name: str) -> Value:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(
                f"this step has no value {name!r}; it has {', '.join(self.values)}"
            ) from None

    def __repr__(self) -> str:
        return f"Step({', '.join(f'{name}={value!r}' for name, value in self.values.items())})"


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A learned parameter of a cell beside its gates' weights; `parts` names its rows, as gates name a weight's."""

    parts: tuple[str, ...]


class Vector(Parameter):
    """One number per unit and part: `[len(parts), H]`, multiplied unit by unit (a diagonal matrix)."""


class Matrix(Parameter):
    """One square matrix per part: `[len(parts) · H, H]`, used as ``own.name.part @ value``."""


class Cell:
    """A recurrent cell, written once.

    Subclasses set `gates` and `states`, and define `step`. Options are the fields of a frozen dataclass.

    Attributes:
        gates: letters of the gates, in the order in which `weight_ih` `[G·H, D]` and `weight_hh` `[G·H, H]` stack them.
        states: letters of the states; the first is ``"h"``, the output, which the recurrent products see.
        name: the name on the command line and in a model's config.

    Example:
        >>> from peephole.equations import Cell, Step, sigmoid, tanh
        >>> class MinimalGatedUnit(Cell):
        ...     gates, states = ("f", "n"), ("h",)
        ...     def step(self, pre, prev):
        ...         f = sigmoid(pre.f)
        ...         n = tanh(pre.x.n + pre.recurrent(f * prev.h).n)
        ...         return Step(h=(1 - f) * prev.h + f * n, f=f, n=n)
        >>> MinimalGatedUnit().values
        ('h', 'f', 'n')
    """

    gates: ClassVar[tuple[str, ...]]
    states: ClassVar[tuple[str, ...]]
    name: ClassVar[str] = "cell"

    step: Callable[..., Step]

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Parameters beside the gates' weights: name (as in a state dict, less ``_l0``) → `Vector` or `Matrix`."""
        return {}

    @property
    def options(self) -> dict[str, Any]:
        """The options that this instance was made with; `type(self)(**options)` equals it."""
        if not dataclasses.is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @property
    def values(self) -> tuple[str, ...]:
        """Names of all values that a step computes and that can be traced or held."""
        from peephole.equations.trace import trace

        return tuple(trace(self).values)

    @property
    def projectable(self) -> bool:
        """Whether h may be narrower than the cell: h_prev enters only through products."""
        from peephole.equations.trace import trace

        return trace(self).projectable

    def parameter_shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of `parameters` for `hidden_size` units: `[parts, H]` or `[parts · H, H]`."""
        return {
            name: (len(p.parts) * hidden_size, hidden_size)
            if isinstance(p, Matrix)
            else (len(p.parts), hidden_size)
            for name, p in self.parameters.items()
        }

    def __eq__(self, other: object) -> bool:
        """Two cells are equal when their kind and their options are; a dataclass brings its own comparison."""
        return type(self) is type(other) and self.options == getattr(other, "options", None)

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.options.items())))

    def _repr_latex_(self) -> str | None:
        """The equations, for a notebook; None where they cannot be read, so that it shows the name."""
        from peephole.equations.emit_latex import emit_latex
        from peephole.errors import EquationError

        try:
            return f"$$\n{emit_latex(self)}\n$$"
        except EquationError:
            return None

    def _repr_markdown_(self) -> str | None:
        """The same below the cell's name."""
        equations = self._repr_latex_()
        return None if equations is None else f"`{self!r}`\n\n{equations}"

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}({options})"
