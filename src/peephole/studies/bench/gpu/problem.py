"""A problem on a device, judged by norms: the right answers are the reference's in float64."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from peephole.studies.bench.problem import Errors, Problem

# What our results may err by: ‖found − right‖ / ‖right‖, of the outputs and of each gradient. TF32 is off.
BOUNDS = {"float32": 1e-5, "bfloat16": 1e-2, "float16": 1e-2}
# Rivals are timed up to ten times that, and their error is shown: a loop in bfloat16 rounds its cell state and its sums of
# gradients at every step, so by our bound there would be nothing to compare with.
RIVALS = 10.0


@dataclasses.dataclass(frozen=True, eq=False)
class Exactness(Errors):
    """`Errors` by norms, with the error of each gradient.

    Attributes:
        each: ``rows`` and the names of the weights → error; empty without a backward pass.
    """

    each: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])


def errors_json(errors: Errors) -> dict[str, Any]:
    """Return errors as JSON; what is infinite (NaN, or a result that is missing) is null."""
    each = errors.each if isinstance(errors, Exactness) else {}
    gradients = {name: _finite(error) for name, error in each.items()}
    return {
        "outputs": _finite(errors.outputs),
        "gradients": None if errors.gradients is None else gradients,
        "bound": errors.bound,
    }


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None


class DeviceProblem(Problem):
    """A problem whose results are compared by norms."""

    @property
    def bound(self) -> float:
        """Largest error allowed to us."""
        return BOUNDS[self.dtype]

    def error(self, found: Tensor | None, right: Tensor) -> float:
        """`norm_error`."""
        return norm_error(found, right)

    def errors(self, outputs: Tensor, gradients: Mapping[str, Tensor] | None = None) -> Exactness:
        """Compare results with the right answers."""
        found, worst = self.error(outputs, self.outputs), None
        each: dict[str, float] = {}
        if gradients is not None:
            each = {name: self.error(gradients.get(name), right) for name, right in self.gradients.items()}
            worst = max(each.values(), default=0.0)
        return Exactness(found, worst, self.bound, each)


def norm_error(found: Tensor | None, right: Tensor) -> float:
    """Return ‖found − right‖ / ‖right‖; infinity for NaN and for what is missing.

    Example:
        >>> import torch
        >>> norm_error(torch.tensor([3.0, 4.5]), torch.tensor([3.0, 4.0]))
        0.1
    """
    if found is None or found.shape != right.shape:
        return math.inf
    if not right.numel():
        return 0.0
    error = float((found.double() - right).norm()) / (float(right.double().norm()) or 1.0)
    return error if math.isfinite(error) else math.inf
