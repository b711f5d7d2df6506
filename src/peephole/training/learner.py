"""The network while it learns: its weights, their average, the best so far and the optimiser, as one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from peephole.errors import ModelError
from peephole.training.average import update_average
from peephole.training.checkpoint import RunState
from peephole.training.machine import Machine

_MOMENTS = {"moment1": "exp_avg", "moment2": "exp_avg_sq", "steps": "step"}  # ours: what AdamW calls it


@dataclass(frozen=True, slots=True)
class Pace:
    """How a parameter learns.

    Args:
        share: its learning rate as a share of the run's, in [0, 1].
        first_step: the step from which it learns, at least 0; before that it stays as it is.
    """

    share: float = 1.0
    first_step: int = 0


class Optimising(Protocol):
    """The settings that a learner needs; every recipe has them."""

    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def momentum(self) -> float: ...  # noqa: D102
    @property
    def second_momentum(self) -> float: ...  # noqa: D102
    @property
    def weight_decay(self) -> float: ...  # noqa: D102
    @property
    def clip(self) -> float: ...  # noqa: D102
    @property
    def average(self) -> float: ...  # noqa: D102
    @property
    def evaluate(self) -> str: ...  # noqa: D102


class Running(RunState, Protocol):
    """Where a run is, as far as a learner must know."""

    step: int
    loss_scale: float
    loss_scale_steps: int


M = TypeVar("M", bound=nn.Module)
R = TypeVar("R", bound=Running)


class Learner(Generic[M, R]):
    """All that changes while a network is trained; a checkpoint is `state` and `tensors()`.

    Args:
        model: the network with its first weights; moved to the machine's device.
        recipe: learning rate, betas, weight decay and average.
        machine: device and processes; every process begins with the main process's weights.
        state: where the run is, before its first step.
        paces: how some parameters learn, by name; the others learn at the full rate from the first step.
    """

    def __init__(
        self,
        model: M,
        recipe: Optimising,
        machine: Machine,
        state: R,
        paces: Mapping[str, Pace] | None = None,
    ) -> None:
        self.model = model.to(machine.device)
        self.parameters = dict(model.named_parameters())
        machine.share_weights(list(self.parameters.values()))
        groups: dict[Pace, list[str]] = {}
        for name in self.parameters:
            groups.setdefault((paces or {}).get(name, Pace()), []).append(name)
        self._paces = list(groups)
        self._in_order = [name for names in groups.values() for name in names]
        self.optimizer: Any = machine.accelerator.prepare(
            torch.optim.AdamW(
                [{"params": [self.parameters[name] for name in names]} for names in groups.values()],
                lr=recipe.learning_rate,
                betas=(recipe.momentum, recipe.second_momentum),
                weight_decay=recipe.weight_decay,
                fused=True,
            )
        )
        self.average = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        self.best = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        self.state: R = state
        self._recipe = recipe
        self._machine = machine

    @property
    def candidate(self) -> dict[str, Tensor]:
        """The weights that are judged: the average or the raw ones, as the recipe says."""
        if self._recipe.evaluate == "average":
            return self.average
        return {name: weight.detach() for name, weight in self.parameters.items()}

    def step(self, learning_rate: float) -> float:
        """Take one optimiser step with the gradients that are there; return their norm before clipping."""
        weights = list(self.parameters.values())
        for pace, group in zip(self._paces, self.optimizer.param_groups, strict=True):
            group["lr"] = learning_rate * pace.share if self.state.step >= pace.first_step else 0.0
        self._machine.share_gradients(weights)
        norm = float(self._machine.accelerator.clip_grad_norm_(weights, self._recipe.clip))
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step += 1
        if self._recipe.average:
            update_average(list(self.average.values()), weights, self.state.step, self._recipe.average)
        return norm

    def keep_candidate(self) -> None:
        """Make the weights that were just judged the best so far."""
        self.best = {name: weight.clone() for name, weight in self.candidate.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that a resumed run needs, as `kind/parameter`."""
        kinds = {"weights": self.parameters, "average": self.average, "best": self.best}
        tensors = {
            f"{kind}/{name}": tensor for kind, named in kinds.items() for name, tensor in named.items()
        }
        for name, weight in self.parameters.items():
            moments = self.optimizer.state.get(weight, {})
            for kind, key in _MOMENTS.items():
                tensors[f"{kind}/{name}"] = moments.get(key, _no_moment(kind, weight))
        scaler = self._machine.accelerator.scaler
        if scaler is not None:
            values = scaler.state_dict()
            self.state.loss_scale = float(values["scale"])
            self.state.loss_scale_steps = int(values["_growth_tracker"])
        return tensors

    def restore(self, state: R, tensors: Mapping[str, Tensor], *, where: str) -> None:
        """Go back to where a checkpoint was written.

        Args:
            state: where the run was.
            tensors: what `tensors` returned then.
            where: the file they come from, for messages.

        Raises:
            ModelError: a tensor is missing, unknown, or of another shape or dtype; all of them are listed.
        """
        expected = self.tensors()
        problems = [f"{name}: missing" for name in expected if name not in tensors]
        problems += [f"{name}: unknown" for name in tensors if name not in expected]
        for name, tensor in expected.items():
            found = tensors.get(name)
            if found is not None and (found.shape != tensor.shape or found.dtype != tensor.dtype):
                problems.append(
                    f"{name}: must be {list(tensor.shape)} {tensor.dtype}; got {list(found.shape)} {found.dtype}"
                )
        if problems:
            raise ModelError("\n  ".join([f"{where}: does not fit this network", *problems]))
        device = self._machine.device
        with torch.no_grad():
            for name, weight in self.parameters.items():
                weight.copy_(tensors[f"weights/{name}"])
                self.average[name].copy_(tensors[f"average/{name}"])
            for name, best in self.best.items():
                best.copy_(tensors[f"best/{name}"])
        saved = self.optimizer.state_dict()
        moments = {
            index: {key: tensors[f"{kind}/{name}"].clone().to(device) for kind, key in _MOMENTS.items()}
            for index, name in enumerate(self._in_order)
        }
        if (
            state.step
        ):  # AdamW makes its moments in its first step; zeros from a file would have the same bits
            self.optimizer.load_state_dict({"state": moments, "param_groups": saved["param_groups"]})
        scaler = self._machine.accelerator.scaler
        if scaler is not None and state.loss_scale:
            values = scaler.state_dict()
            values |= {"scale": state.loss_scale, "_growth_tracker": state.loss_scale_steps}
            scaler.load_state_dict(values)
        self.state = state


def _no_moment(kind: str, weight: Tensor) -> Tensor:
    return torch.zeros((), dtype=torch.float32) if kind == "steps" else torch.zeros_like(weight)


def as_arrays(weights: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """Return weights as NumPy arrays, float32."""
    return {name: weight.detach().cpu().to(torch.float32).numpy().copy() for name, weight in weights.items()}
