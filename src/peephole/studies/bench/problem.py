"""One case with numbers in it: inputs, weights, what the loss asks, and the right answers in float64."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from peephole.equations import Cell
from peephole.nn import Recurrent
from peephole.ops import Sequences
from peephole.studies.bench.cases import CELLS, Case

# Largest error allowed, in units of eps · log2(K · T), relative to the largest number of the right answer. Sums of n products
# err by about eps · log2(n); 4 is what oneDNN allows its recurrent kernels. With bfloat16 the sums are taken in float32, and
# what errs is the rounding of x, h and the results, a few times on the way from one number to another.
_UNITS = {"float32": 4.0, "float64": 4.0, "bfloat16": 0.5}


@dataclasses.dataclass(frozen=True, eq=False)
class Errors:
    """How far results are from the right answers, as a share of the largest number of the right answer.

    Attributes:
        outputs: of the outputs (and of other values, where they were asked for).
        gradients: the largest, over the inputs and all weights; None where there was no backward pass.
        bound: what is allowed.
    """

    outputs: float
    gradients: float | None
    bound: float

    @property
    def are_small(self) -> bool:
        """Whether all are within the bound; NaN is not."""
        return self.outputs <= self.bound and (self.gradients is None or self.gradients <= self.bound)


class Problem:
    """A case, a cell and a dtype, with random numbers that are a function of these three.

    Attributes:
        case: sizes and lengths.
        cell: the equations.
        cell_name: its name in `CELLS`.
        dtype: ``"float32"``, ``"float64"`` or ``"bfloat16"``.
        sequences: the lengths, longest first: the batch's order is the sorted one.
        rows: inputs `[R, D]`, packed, standard normal.
        d_outputs: gradient of the loss with respect to the outputs `[R, K·H]`, standard normal.
        weights: name in a state dict → tensor, as `torch.nn` initialises them.
        device: where all of them lie.
    """

    def __init__(self, case: Case, cell_name: str, dtype: str = "float32", device: str = "cpu") -> None:
        self.case, self.cell_name, self.dtype, self.device = case, cell_name, dtype, device
        self.cell: Cell = CELLS[cell_name]
        self.sequences = Sequences.from_lengths(case.lengths)
        kind: torch.dtype = getattr(torch, dtype)
        generator = torch.Generator(device).manual_seed(0)
        self.rows = torch.randn(case.rows, case.inputs, generator=generator, device=device).to(kind)
        outputs = case.directions * case.hidden
        self.d_outputs = torch.randn(case.rows, outputs, generator=generator, device=device).to(kind)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layer = self.layer("reference", torch.float32)
        self.weights: dict[str, Tensor] = {
            name: weight.detach().to(kind) for name, weight in layer.state_dict().items()
        }

    def layer(self, backend: str, dtype: torch.dtype) -> Recurrent:
        """Return layers for this case, with weights of their own."""
        case = self.case
        layer = Recurrent(
            self.cell,
            case.inputs,
            case.hidden,
            case.layers,
            bidirectional=case.directions == 2,
            dtype=dtype,
            backend=backend,
        )
        return layer.to(self.device)  # weights are drawn on the processor, and so are the same everywhere

    @property
    def bound(self) -> float:
        """Largest error allowed."""
        terms = (self.case.inputs + self.case.hidden) * self.case.steps
        eps = torch.finfo(getattr(torch, self.dtype)).eps
        return _UNITS[self.dtype] * eps * math.ceil(math.log2(terms))

    @functools.cached_property
    def outputs(self) -> Tensor:
        """The right outputs `[R, K·H]`, float64."""
        with torch.no_grad():
            return self._reference().outputs(self.rows.double(), self.sequences.batch_sizes)

    @functools.cached_property
    def gradients(self) -> dict[str, Tensor]:
        """The right gradients, float64: ``rows`` and the names of `weights`."""
        layer, rows = self._reference(), self.rows.double().requires_grad_()
        layer.outputs(rows, self.sequences.batch_sizes).backward(self.d_outputs.double())
        found = {"rows": rows.grad, **{name: weight.grad for name, weight in layer.named_parameters()}}
        return {name: gradient for name, gradient in found.items() if gradient is not None}

    def _reference(self) -> Recurrent:
        layer = self.layer("reference", torch.float64)
        layer.load_state_dict({name: weight.double() for name, weight in self.weights.items()})
        return layer

    def errors(self, outputs: Tensor, gradients: Mapping[str, Tensor] | None = None) -> Errors:
        """Compare results with the right answers.

        Args:
            outputs: `[R, K·H]`.
            gradients: as `gradients`; None where there was no backward pass.
        """
        worst = None
        if gradients is not None:
            worst = max(
                (self.error(gradients.get(name), right) for name, right in self.gradients.items()),
                default=0.0,
            )
        return Errors(self.error(outputs, self.outputs), worst, self.bound)

    def error(self, found: Tensor | None, right: Tensor) -> float:
        """Return how far a result is from the right one: `error_of`."""
        return error_of(found, right)


def error_of(found: Tensor | None, right: Tensor) -> float:
    """Return the largest difference as a share of the largest right number; infinity for NaN and for what is missing.

    Example:
        >>> error_of(torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0]))
        0.25
    """
    if found is None or found.shape != right.shape:
        return math.inf
    if not right.numel():
        return 0.0
    scale = float(right.abs().max()) or 1.0
    error = float((found.double() - right).abs().max()) / scale
    return error if error == error else math.inf
