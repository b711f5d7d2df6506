"""The minimal gated unit (Zhou et al. 2016) and its three smaller variants (Heck & Salem 2017), beside the GRU.

One gate does the work of the GRU's two. The variants take ever more from it: its input, its bias, at last everything but
its bias. The script prints the equations and trains each cell to remember the first of eight symbols to the end. It takes
some seconds.

    python examples/minimal_gated_unit.py
"""

from __future__ import annotations

import torch

from peephole import cells
from peephole.equations import Cell, Matrix, Step, Vector, sigmoid, tanh
from peephole.nn import Recurrent


class MGU(Cell):
    """Minimal gated unit (Zhou, Wu, Zhang & Zhou 2016): the forget gate also resets."""

    gates, states = ("f", "n"), ("h",)

    def gate(self, pre, prev, own):
        return sigmoid(pre.f)

    def step(self, pre, prev, own=None):
        f = self.gate(pre, prev, own)                        # MGU-1  how much is written, and seen by the candidate
        n = tanh(pre.x.n + pre.recurrent(f * prev.h).n)      # MGU-2  candidate
        h = (1 - f) * prev.h + f * n                         # MGU-3  new state
        return Step(h=h, f=f, n=n)


class MGU1(MGU):
    """MGU1 (Heck & Salem 2017): the gate does not see the input."""

    gates, parameters = ("n",), {"weight_f": Matrix(("f",)), "bias_f": Vector(("f",))}

    def gate(self, pre, prev, own):
        return sigmoid(own.weight_f.f @ prev.h + own.bias_f.f)


class MGU2(MGU):
    """MGU2 (Heck & Salem 2017): the gate sees the state alone, without a bias."""

    gates, parameters = ("n",), {"weight_f": Matrix(("f",))}

    def gate(self, pre, prev, own):
        return sigmoid(own.weight_f.f @ prev.h)


class MGU3(MGU):
    """MGU3 (Heck & Salem 2017): the gate is a learned constant."""

    gates, parameters = ("n",), {"bias_f": Vector(("f",))}

    def gate(self, pre, prev, own):
        return sigmoid(own.bias_f.f)


CELLS = (cells.GRU("before"), MGU(), MGU1(), MGU2(), MGU3())
SYMBOLS, STEPS = 8, 8


def train(cell: Cell, updates: int = 200, batch: int = 64) -> tuple[int, float]:
    """Train one cell of 24 units; return its number of parameters and its accuracy on new sequences."""
    torch.manual_seed(0)
    layer, head = Recurrent(cell, SYMBOLS, 24), torch.nn.Linear(24, SYMBOLS)
    optimiser = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.02)

    def answers(size: int) -> tuple[torch.Tensor, torch.Tensor]:
        symbols = torch.randint(SYMBOLS, (STEPS, size))
        x = torch.nn.functional.one_hot(symbols, SYMBOLS).float()
        return head(layer(x)[0][-1]), symbols[0]

    for _ in range(updates):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(*answers(batch)).backward()
        optimiser.step()
    with torch.no_grad():
        logits, first = answers(1000)
    return sum(p.numel() for p in layer.parameters()), (logits.argmax(1) == first).float().mean().item()


def main() -> None:
    for cell in CELLS[1:]:
        print(cells.describe(cell), end="\n\n")
    print(f"The first of {STEPS} symbols, remembered to the end; guessing is right in {1 / SYMBOLS:.1%}.\n")
    print("cell  parameters  accuracy")
    for cell in CELLS:
        parameters, accuracy = train(cell)
        print(f"{type(cell).__name__:<4}  {parameters:>10}  {accuracy:8.1%}")


if __name__ == "__main__":
    main()
