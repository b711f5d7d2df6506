"""Initial weights: torch's own, orthogonal, identity, or chrono; and the forget gate's bias."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import init

from peephole import cells
from peephole.equations import Cell
from peephole.errors import OptionError, nearest

NAMES = ("torch", "orthogonal", "identity", "chrono")

# The gate that decides how much of the past is kept, and the sign of its bias: σ(b) is kept, or 1 − σ(b).
_OTHER_KEEPERS: dict[type[Cell], tuple[str, int]] = {cells.GRU: ("z", 1), cells.CoupledLSTM: ("i", -1)}


@dataclasses.dataclass(frozen=True)
class Initial:
    """How a layer's weights begin. Checked when made, all problems at once.

    Args:
        cell: the cell whose weights they are.
        method: ``"torch"``, ``"orthogonal"``, ``"identity"`` or ``"chrono"``; the last three are explained at their functions.
        chrono_length: for ``"chrono"`` alone: the longest dependency expected, in steps, above 2.
        forget_bias: what the biases of the forget gate f add up to at the start; None leaves them to `method`.
        has_bias: whether the layer has biases at all.
        where: the layer's name, for messages.

    Raises:
        OptionError: a name or a number out of range, or options that contradict each other or the cell.
    """

    cell: Cell
    method: str = "torch"
    chrono_length: float | None = None
    forget_bias: float | None = None
    has_bias: bool = True
    where: str = "Initial"

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise OptionError(f"{self.where}: " + "; ".join(problems))

    def _problems(self) -> Iterator[str]:
        cell = f"{type(self.cell).__name__} (gates {', '.join(self.cell.gates)})"
        if self.method not in NAMES:
            listed = ", ".join(map(repr, NAMES))
            yield f"init must be one of {listed}; got {self.method!r}{nearest(str(self.method), NAMES)}"
        chrono = self.method == "chrono"
        if chrono and self.chrono_length is None:
            yield "init='chrono' needs chrono_length, the longest dependency expected in steps; got None"
        if not chrono and self.chrono_length is not None:
            yield f"chrono_length belongs to init='chrono'; got {self.chrono_length!r} with init={self.method!r}"
        if self.chrono_length is not None and not _is_number(self.chrono_length, above=2):
            yield f"chrono_length must be a finite number of steps above 2; got {self.chrono_length!r}"
        if chrono and keeper(self.cell) is None:
            yield f"init='chrono' needs a cell with a forget gate f; got {cell}"
        if self.forget_bias is not None:
            if not _is_number(self.forget_bias, above=-math.inf):
                yield f"forget_bias must be a finite number; got {self.forget_bias!r}"
            if "f" not in self.cell.gates:
                yield f"forget_bias needs a cell with a forget gate f; got {cell}"
            if chrono:
                yield "forget_bias and init='chrono' both set the forget gate's bias: give one of them"
        if (chrono or self.forget_bias is not None) and not self.has_bias:
            yield "init='chrono' and forget_bias need biases; got bias=False"

    @torch.no_grad()
    def apply(self, weights: Iterable[dict[str, Tensor]]) -> None:
        """Initialise in place what `method` and `forget_bias` say; torch's uniform values are there already.

        Args:
            weights: of each layer and direction, by the names that `peephole.ops.run` knows.
        """
        for layer in weights:
            if self.method == "orthogonal":
                orthogonal(self.cell, layer)
            elif self.method == "identity":
                identity(self.cell, layer)
            elif self.method == "chrono":
                assert self.chrono_length is not None
                chrono(self.cell, layer, self.chrono_length)
            if self.forget_bias is not None:
                set_gate_bias(self.cell, layer, "f", self.forget_bias)


def _is_number(value: object, *, above: float) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > above
    )


def keeper(cell: Cell) -> tuple[str, int] | None:
    """Return the gate that keeps the past and the sign of its bias, or None where nothing says which it is.

    >>> keeper(cells.LSTM()), keeper(cells.GRU()), keeper(cells.CoupledLSTM()), keeper(cells.RNN())
    (('f', 1), ('z', 1), ('i', -1), None)
    """
    return ("f", 1) if "f" in cell.gates else _OTHER_KEEPERS.get(type(cell))


def gate(cell: Cell, weight: Tensor, name: str) -> Tensor:
    """The rows of one gate: `[G·H, …]` → `[H, …]`, a view."""
    return weight.chunk(len(cell.gates))[cell.gates.index(name)]


def set_gate_bias(cell: Cell, weights: dict[str, Tensor], name: str, value: float | Tensor) -> None:
    """Let the two biases of a gate add up to `value` (a number, or `[H]`): it goes to `bias_ih`, zero to `bias_hh`."""
    gate(cell, weights["bias_ih"], name).copy_(torch.as_tensor(value))
    gate(cell, weights["bias_hh"], name).zero_()


def orthogonal(cell: Cell, weights: dict[str, Tensor]) -> None:
    """Orthogonal recurrent matrices, one for each gate; Glorot-uniform input matrices, one for each gate; zero biases.

    With projection, `weight_hr` `[P, H]` and each gate's `[H, P]` are semi-orthogonal. A cell's own parameters (peepholes) keep
    torch's uniform values.

    Source: Saxe, McClelland & Ganguli 2014 (ICLR), section 3; Glorot & Bengio 2010 (AISTATS), equation 16.
    """
    for name in cell.gates:
        init.xavier_uniform_(gate(cell, weights["weight_ih"], name))
        _orthogonal(gate(cell, weights["weight_hh"], name))
    if "weight_hr" in weights:
        _orthogonal(weights["weight_hr"])
    for name in ("bias_ih", "bias_hh"):
        if name in weights:
            init.zeros_(weights[name])


def identity(cell: Cell, weights: dict[str, Tensor]) -> None:
    """Recurrent matrices that hand each unit on to itself, one for each gate; small normal input matrices; zero biases.

    Meant for ``RNN(nonlinearity="relu")``, which then begins as a sum of its inputs that nothing decays: the IRNN. With
    projection the matrices have ones on their diagonal as far as it goes. A cell's own parameters keep torch's uniform values.

    Source: Le, Jaitly & Hinton 2015 (arXiv 1504.00941), section 2: the identity, zero biases, and a standard deviation of 0.001.
    """
    for name in cell.gates:
        init.normal_(gate(cell, weights["weight_ih"], name), std=0.001)
        init.eye_(gate(cell, weights["weight_hh"], name))
    for name in ("bias_ih", "bias_hh"):
        if name in weights:
            init.zeros_(weights[name])


def _orthogonal(weight: Tensor) -> None:
    # The decomposition behind it knows no half precision.
    wide = torch.empty_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))
    weight.copy_(init.orthogonal_(wide))


def chrono(cell: Cell, weights: dict[str, Tensor], length: float) -> None:
    """Biases that let each unit keep its past for a time of its own, spread from 1 to `length` steps.

    b_f = log(u), u uniform in [1, length − 1], and b_i = −b_f where the cell has an input gate. In a GRU, z keeps: b_z = log(u).
    With coupled gates, b_i = −log(u). All other weights keep torch's uniform values.

    Args:
        cell: the cell.
        weights: of one layer and direction.
        length: the longest dependency expected, in steps, above 2.

    Source: Tallec & Ollivier 2018 (ICLR), "chrono initialization".
    """
    keeps = keeper(cell)
    assert keeps is not None, "Initial checks it"
    name, sign = keeps
    bias = gate(cell, weights["bias_ih"], name)
    times = torch.empty_like(bias).uniform_(1.0, length - 1.0).log()
    set_gate_bias(cell, weights, name, sign * times)
    if name == "f" and "i" in cell.gates:
        set_gate_bias(cell, weights, "i", -times)
