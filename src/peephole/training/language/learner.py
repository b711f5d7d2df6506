"""The language model while it learns: what every learner has, and the states that windows hand on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from peephole.nn.part import StreamPart
from peephole.nn.recurrent import Recurrent
from peephole.training.language.network import LanguageModel
from peephole.training.language.recipe import LanguageRecipe
from peephole.training.language.state import LanguageState
from peephole.training.learner import Learner
from peephole.training.machine import Machine


class LanguageLearner(Learner[LanguageModel, LanguageState]):
    """All that changes while a language model is trained.

    Args:
        model: the network with its first weights.
        recipe: learning rate, betas, weight decay and average.
        machine: device and processes.
        streams: streams of this process.
    """

    def __init__(self, model: LanguageModel, recipe: LanguageRecipe, machine: Machine, streams: int) -> None:
        super().__init__(model, recipe, machine, LanguageState())
        self.best = {}  # the last weights are the ones that are kept
        self._streams = streams
        self._process, self._processes = machine.process, machine.processes
        self.carried = self.model.begin(streams)
        if machine.processes > 1:
            for network in self.model.networks:
                assert isinstance(network, Recurrent), "as the language model makes them"
                network.part = StreamPart(machine.process, machine.processes, streams * machine.processes)

    def forget(self) -> None:
        """Set the carried states to zero, as before the first step of a pass."""
        self.carried = self.model.begin(self._streams)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that a resumed run needs, the carried states of all processes' streams among them."""
        carried: dict[str, Tensor] = {}
        for index, own in enumerate(self.carried):
            every = own.new_zeros(own.shape[0], self._streams * self._processes, own.shape[2])
            every[:, self._process :: self._processes] = own
            carried[f"carried/{index}"] = self._machine.total(every)
        return super().tensors() | carried

    def restore(self, state: LanguageState, tensors: Mapping[str, Tensor], *, where: str) -> None:
        """Go back to where a checkpoint was written."""
        super().restore(state, tensors, where=where)
        device = self.model.bias.device
        own = slice(self._process, None, self._processes)
        self.carried = [
            tensors[f"carried/{index}"][:, own].contiguous().to(device) for index in range(len(self.carried))
        ]
