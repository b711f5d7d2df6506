"""The language that cells are written in.

A cell is a class with one method, `step`, written as a textbook writes it. The same method runs on torch tensors, on
NumPy arrays and on symbols (`trace`); from the symbols come the printed equations, and whatever else is
derived from them. This package knows neither torch nor any particular cell.
"""

from __future__ import annotations

from peephole.equations.cell import Cell as Cell
from peephole.equations.cell import Matrix as Matrix
from peephole.equations.cell import Parameter as Parameter
from peephole.equations.cell import Step as Step
from peephole.equations.cell import Vector as Vector
from peephole.equations.emit_diagram import emit_diagram as emit_diagram
from peephole.equations.emit_latex import emit_latex as emit_latex
from peephole.equations.expression import Expression as Expression
from peephole.equations.functions import exp as exp
from peephole.equations.functions import log1p as log1p
from peephole.equations.functions import maximum as maximum
from peephole.equations.functions import minimum as minimum
from peephole.equations.functions import relu as relu
from peephole.equations.functions import sigmoid as sigmoid
from peephole.equations.functions import tanh as tanh
from peephole.equations.trace import Trace as Trace
from peephole.equations.trace import trace as trace

__all__ = [
    "Cell",
    "Expression",
    "Matrix",
    "Parameter",
    "Step",
    "Trace",
    "Vector",
    "emit_diagram",
    "emit_latex",
    "exp",
    "log1p",
    "maximum",
    "minimum",
    "relu",
    "sigmoid",
    "tanh",
    "trace",
]
