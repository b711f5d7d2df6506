"""Timed spikes: to measure the time between two spikes, or to make spikes at the right times."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from peephole.equations import sigmoid
from peephole.studies.tasks.task import Batch, Booleans, Budget, Floats, Integers, Task

SPIKES_LEARNT, SPIKES_JUDGED = 10, 100
TOLERANCE = 0.49


@dataclasses.dataclass(frozen=True)
class Spikes(Task):
    """Timed spikes as a task; `length` is F, the least time from one spike to the next.

    Spike n comes at T(n) = T(n − 1) + F + I(n), and I(n) is 0 or 1 by chance, from T(0) = 0 on: steps are counted from 1.

    - ``"gts"``, generating timed spikes: the input is I(n) at every step from T(n − 1) + 1 to T(n), the answer 1 at the spikes
      and 0 between them. The input says nothing of where within an interval a step is.
    - ``"msd"``, measuring spike delays: the input is 1 at the spikes, and the answer, asked for there, is I(n).

    Sequences of 10 spikes are learnt from, sequences of 100 are judged.

    Example:
        >>> task = Spikes(3, "gts")
        >>> batch = task.trains(np.array([[0, 1]]))        # one sequence, I = 0, 1: spikes at 3 and 7
        >>> batch.inputs[:, 0, 0].astype(int).tolist(), batch.targets[:, 0, 0].astype(int).tolist()
        ([0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0, 1])

    Source: Gers, Schraudolph & Schmidhuber 2002 (JMLR 3): MSD and GTS. The paper does not say in which form I(n) is given; ours
        stays for the whole interval. We differ: sequences of ten spikes in place of a stream that ends at the first error, the
        whole gradient in place of a truncated one, cross-entropy in place of squared error.
    """

    name = "timing"
    title = "Timed spikes"
    source = "Gers, Schraudolph & Schmidhuber 2002"
    variants: ClassVar = {"gts": "generating timed spikes", "msd": "measuring the delays of spikes"}
    usual_length = 10
    shortest = 2
    loss = "sets"

    @property
    def inputs(self) -> int:
        """The delay, or the spike."""
        return 1

    @property
    def outputs(self) -> int:
        """The spike, or the delay."""
        return 1

    @property
    def budget(self) -> Budget:
        """What it is given to be learnt."""
        rates = {"rnn": 1e-3, "irnn": 1e-3}
        return Budget(60_000, batch=20, hidden_size=16, learning_rate=1e-2, rates=rates, init="chrono")

    @property
    def definition(self) -> str:
        """What is shown and asked."""
        times = f"Spikes come {self.length} or {self.length + 1} steps after each other"
        asked = (
            "The input says which, and the network must make the spikes."
            if self.variant == "gts"
            else "The network sees them, and tells at each how long it took."
        )
        return f"{times}, by chance. {asked} Sequences of {SPIKES_LEARNT} spikes are learnt from, {SPIKES_JUDGED} are judged."

    @property
    def criterion(self) -> str:
        """When a sequence is right."""
        return f"the output is off by less than {TOLERANCE} at every step that counts, for {SPIKES_JUDGED} spikes"

    @property
    def chance(self) -> float:
        """Nats a step of who knows neither time nor delay."""
        share = 0.5 if self.variant == "msd" else 1 / (self.length + 0.5)
        return -(share * math.log(share) + (1 - share) * math.log1p(-share))

    def trains(self, delays: Integers) -> Batch:
        """Return the spike trains of delays I(n) `[N, spikes]`, each 0 or 1."""
        times = (self.length + delays).cumsum(axis=1)  # [N, spikes], counted from 1
        lengths = times[:, -1]
        steps, size = int(lengths.max()), len(delays)
        sequence, time = np.arange(size), np.arange(1, steps + 1)[:, None]
        alive = time <= lengths
        spike, delay = np.zeros((2, steps, size), np.float32)
        begun = np.zeros(size, np.int64)
        for n in range(delays.shape[1]):
            spike[times[:, n] - 1, sequence] = 1.0
            delay += np.where((time > begun) & (time <= times[:, n]), delays[:, n], 0)
            begun = times[:, n]
        shown, asked, counted = (
            (delay, spike, alive) if self.variant == "gts" else (spike, delay * spike, spike > 0)
        )
        return Batch(shown[:, :, None], lengths, asked[:, :, None], counted)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences of 10 spikes."""
        return self.trains(rng.integers(0, 2, size=(size, SPIKES_LEARNT)))

    def test(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw sequences of 100 spikes, a tenth as many: one of them is right only if all its spikes are."""
        return self.trains(rng.integers(0, 2, size=(max(1, size // 10), SPIKES_JUDGED)))

    def right_steps(self, outputs: Floats, targets: Floats) -> Booleans:
        """Where the output is near enough."""
        return np.abs(sigmoid(outputs[:, 0]) - targets[:, 0]) < TOLERANCE
