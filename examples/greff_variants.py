"""The eight variants of Greff et al. 2017, "LSTM: A Search Space Odyssey" (IEEE TNNLS 28, 10), each beside the vanilla LSTM.

Each changes one thing in the paper's vanilla LSTM, which is a peephole LSTM: i and f see the cell before the step, o sees the new
one. The script prints the equations of all nine and trains each on a small adding problem (Hochreiter & Schmidhuber 1997): the
network reads pairs (number, mark), two of which are marked, and must say the sum of the two numbers. It takes some seconds.

    python examples/greff_variants.py
"""

from __future__ import annotations

import torch

from peephole import cells
from peephole.equations import Cell, Matrix, Step, Vector, sigmoid, tanh
from peephole.nn import Recurrent


class Variant(Cell):
    """A vanilla LSTM less something. `seen`: the gates that have peepholes."""

    states = ("h", "c")
    seen = ("i", "f", "o")

    @property
    def parameters(self):
        return {"weight_ch": Vector(self.seen)} if self.seen else {}


class NIG(Variant):
    """No input gate: i = 1."""

    gates, seen = ("f", "g", "o"), ("f", "o")

    def step(self, pre, prev, own):
        f = sigmoid(pre.f + own.weight_ch.f * prev.c)        # NIG-1   forget gate
        g = tanh(pre.g)                                      # NIG-2   block input
        c = f * prev.c + g                                   # NIG-3   all of it enters
        o = sigmoid(pre.o + own.weight_ch.o * c)             # NIG-4   output gate
        h = o * tanh(c)                                      # NIG-5   block output
        return Step(h=h, c=c, f=f, g=g, o=o)


class NFG(Variant):
    """No forget gate: f = 1, the LSTM of 1997."""

    gates, seen = ("i", "g", "o"), ("i", "o")

    def step(self, pre, prev, own):
        i = sigmoid(pre.i + own.weight_ch.i * prev.c)        # NFG-1   input gate
        g = tanh(pre.g)                                      # NFG-2   block input
        c = prev.c + i * g                                   # NFG-3   nothing is forgotten
        o = sigmoid(pre.o + own.weight_ch.o * c)             # NFG-4   output gate
        h = o * tanh(c)                                      # NFG-5   block output
        return Step(h=h, c=c, i=i, g=g, o=o)


class NOG(Variant):
    """No output gate: o = 1."""

    gates, seen = ("i", "f", "g"), ("i", "f")

    def step(self, pre, prev, own):
        i = sigmoid(pre.i + own.weight_ch.i * prev.c)        # NOG-1   input gate
        f = sigmoid(pre.f + own.weight_ch.f * prev.c)        # NOG-2   forget gate
        g = tanh(pre.g)                                      # NOG-3   block input
        c = f * prev.c + i * g                               # NOG-4   cell
        h = tanh(c)                                          # NOG-5   all of it is shown
        return Step(h=h, c=c, i=i, f=f, g=g)


class NIAF(Variant):
    """No input activation function: the block input is not squashed."""

    gates = ("i", "f", "g", "o")

    def step(self, pre, prev, own):
        i = sigmoid(pre.i + own.weight_ch.i * prev.c)        # NIAF-1  input gate
        f = sigmoid(pre.f + own.weight_ch.f * prev.c)        # NIAF-2  forget gate
        g = pre.g                                            # NIAF-3  block input, as it is
        c = f * prev.c + i * g                               # NIAF-4  cell
        o = sigmoid(pre.o + own.weight_ch.o * c)             # NIAF-5  output gate
        h = o * tanh(c)                                      # NIAF-6  block output
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


class NOAF(Variant):
    """No output activation function: the cell is not squashed before it is shown."""

    gates = ("i", "f", "g", "o")

    def step(self, pre, prev, own):
        i = sigmoid(pre.i + own.weight_ch.i * prev.c)        # NOAF-1  input gate
        f = sigmoid(pre.f + own.weight_ch.f * prev.c)        # NOAF-2  forget gate
        g = tanh(pre.g)                                      # NOAF-3  block input
        c = f * prev.c + i * g                               # NOAF-4  cell
        o = sigmoid(pre.o + own.weight_ch.o * c)             # NOAF-5  output gate
        h = o * c                                            # NOAF-6  block output, as it is
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


class CIFG(Variant):
    """Coupled input and forget gate: f = 1 − i."""

    gates, seen = ("i", "g", "o"), ("i", "o")

    def step(self, pre, prev, own):
        i = sigmoid(pre.i + own.weight_ch.i * prev.c)        # CIFG-1  input gate
        f = 1 - i                                            # CIFG-2  what enters displaces as much
        g = tanh(pre.g)                                      # CIFG-3  block input
        c = f * prev.c + i * g                               # CIFG-4  cell
        o = sigmoid(pre.o + own.weight_ch.o * c)             # CIFG-5  output gate
        h = o * tanh(c)                                      # CIFG-6  block output
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


class NP(Variant):
    """No peepholes: the LSTM of torch and of most papers."""

    gates, seen = ("i", "f", "g", "o"), ()

    def step(self, pre, prev):
        i = sigmoid(pre.i)                                   # NP-1    input gate
        f = sigmoid(pre.f)                                   # NP-2    forget gate
        g = tanh(pre.g)                                      # NP-3    block input
        o = sigmoid(pre.o)                                   # NP-4    output gate
        c = f * prev.c + i * g                               # NP-5    cell
        h = o * tanh(c)                                      # NP-6    block output
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


class FGR(Variant):
    """Full gate recurrence: every gate also sees all three gates of the step before, through nine more matrices.

    What a step hands on to the next is a state: here the gates too.
    """

    gates = ("i", "f", "g", "o")
    states = ("h", "c", "i", "f", "o")

    @property
    def parameters(self):
        matrices = tuple(f"{source}_{target}" for target in self.seen for source in self.seen)
        return {"weight_ch": Vector(self.seen), "weight_gates": Matrix(matrices)}

    def step(self, pre, prev, own):
        p, r = own.weight_ch, own.weight_gates
        i = sigmoid(pre.i + p.i * prev.c + r.i_i @ prev.i + r.f_i @ prev.f + r.o_i @ prev.o)  # FGR-1   input gate
        f = sigmoid(pre.f + p.f * prev.c + r.i_f @ prev.i + r.f_f @ prev.f + r.o_f @ prev.o)  # FGR-2   forget gate
        g = tanh(pre.g)                                                                       # FGR-3   block input
        c = f * prev.c + i * g                                                                # FGR-4   cell
        o = sigmoid(pre.o + p.o * c + r.i_o @ prev.i + r.f_o @ prev.f + r.o_o @ prev.o)       # FGR-5   output gate
        h = o * tanh(c)                                                                       # FGR-6   block output
        return Step(h=h, c=c, i=i, f=f, g=g, o=o)


CELLS = (cells.PeepholeLSTM(), NIG(), NFG(), NOG(), NIAF(), NOAF(), CIFG(), NP(), FGR())


def adding_problem(batch: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`[T, N, 2]` numbers in [0, 1] and marks, one in each half; `[N]` sums of the marked numbers."""
    numbers, marks = torch.rand(steps, batch), torch.zeros(steps, batch)
    for half in (torch.randint(steps // 2, (batch,)), torch.randint(steps // 2, steps, (batch,))):
        marks[half, torch.arange(batch)] = 1.0
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(0)


def train(cell: Cell, updates: int = 300, steps: int = 10, batch: int = 50) -> tuple[int, float]:
    """Train one cell of 16 units; return its number of parameters and its mean squared error on new sequences."""
    torch.manual_seed(0)
    layer, head = Recurrent(cell, 2, 16), torch.nn.Linear(16, 1)
    learned = [*layer.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(learned, lr=0.02)

    def error(size: int) -> torch.Tensor:
        x, target = adding_problem(size, steps)
        return (head(layer(x)[0][-1]).squeeze(1) - target).square().mean()

    for _ in range(updates):
        optimiser.zero_grad()
        error(batch).backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
    with torch.no_grad():
        return sum(p.numel() for p in layer.parameters()), error(1000).item()


def main() -> None:
    for cell in CELLS:
        print(cells.describe(cell), end="\n\n")
    print("Adding problem, 10 steps. Always saying 1 gives a mean squared error of 0.167.\n")
    print("cell            parameters   error")
    for cell in CELLS:
        parameters, error = train(cell)
        print(f"{type(cell).__name__:<14}  {parameters:>10}  {error:6.4f}")
    print("\nOne seed and one small task: an example of the language, no ranking of the variants.")


if __name__ == "__main__":
    main()
