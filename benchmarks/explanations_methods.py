"""The contenders of `explanations.py`: the methods that are offered, and some in brackets that are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from peephole.classifier import Classifier
from peephole.insight.explanations import Attribution, Case, attribute, methods
from peephole.insight.explanations.integrated import integrated_gradients
from peephole.insight.explanations.methods import decomposition
from peephole.insight.explanations.shapley import shapley


def gradient_times_input(case: Case) -> Attribution:
    """The first-order guess: gradient times input."""
    ((value, gradient),) = case.gradients([case.rows])
    scores = (gradient.astype(np.float64) * case.rows).sum(axis=1)
    return Attribution(value, np.add.reduceat(scores, case.spans[:, 0]))


def from_the_mean(model: Classifier) -> Callable[[Case], Attribution]:
    """Integrated gradients that start at the mean of the vocabulary's vectors."""
    mean = model.weights["embedding.weight"].mean(axis=0)
    return lambda case: integrated_gradients(case, baseline=np.broadcast_to(mean, case.rows.shape))


def with_orders(count: int) -> Callable[[Case], Attribution]:
    """Shapley values from a fixed number of orders."""
    return lambda case: shapley(case, orders=count)


def at_random(case: Case) -> Attribution:
    """Scores that know nothing."""
    return Attribution(0.0, np.random.default_rng(case.steps).normal(size=len(case.spans)))


def contenders(model: Classifier | None = None) -> dict[str, Callable[[Case], Attribution]]:
    """The methods, and some that are not offered; those that need a vocabulary only with a model."""
    found: dict[str, Callable[[Case], Attribution]] = {
        each.name: lambda case, name=each.name: attribute(case, name) for each in methods()
    }
    if model is not None:
        found["[integrated gradients from the mean vector]"] = from_the_mean(model)
    return found | {
        "[shapley, 32 orders]": with_orders(32),
        "[decomposition, biases in any order]": lambda case: decomposition(case, "free"),
        "[gradient times input]": gradient_times_input,
        "[random]": at_random,
    }


def brief(found: dict[str, Any], key: str) -> str:
    """One number of each method, on one line."""
    return ", ".join(f"{name} {value[key]:.3f}" for name, value in found.items())
