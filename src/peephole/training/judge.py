"""What a set of weights makes of the development texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from peephole.evaluation import evaluate
from peephole.nn.classifier import ClassifierModule
from peephole.training.batches import Budget, gather, sorted_batches
from peephole.training.corpus import Corpus
from peephole.training.machine import Machine

_BUDGET = Budget(tokens=32_000, rows=128)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What a set of weights makes of labelled texts.

    Args:
        logits: scores before the softmax `[N, C]`, float32.
        log_loss: mean log-loss, nats.
        accuracy: share judged right, in [0, 1].
        macro_f1: mean F1 of the classes, in [0, 1].
    """

    logits: NDArray[np.float32]
    log_loss: float
    accuracy: float
    macro_f1: float

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each text `[N]`."""
        return self.logits.argmax(axis=1)


def judge(
    model: ClassifierModule,
    weights: Mapping[str, Tensor],
    corpus: Corpus,
    labels: tuple[str, ...],
    machine: Machine,
    listen: Callable[[int, int], None],
) -> Judgement:
    """Classify every text at its full length, in float32, each process a share of them.

    Args:
        model: the network; its own weights are not looked at, and its mode is as before afterwards.
        weights: the weights to judge, by name.
        corpus: the texts.
        labels: names of the classes.
        machine: device and processes.
        listen: hears how many texts are done, of how many.
    """
    training = model.training
    model.eval()
    logits = torch.zeros(len(corpus), len(labels), device=machine.device)
    done = 0
    with torch.inference_mode():
        for rows in sorted_batches(corpus.lengths, _BUDGET)[machine.process :: machine.processes]:
            batch = gather(corpus, rows)
            part = functional_call(model, dict(weights), (machine.tensor(batch.ids), batch.sequences))
            logits[machine.tensor(rows)] = part
            done += len(rows)
            listen(done * machine.processes, len(corpus))
    model.train(training)
    scores = machine.total(logits).cpu().numpy()
    result = evaluate(softmax(scores), corpus.labels, labels)
    return Judgement(scores, result.log_loss, result.accuracy, result.macro_f1)


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return probabilities `[N, C]`, in float64.

    Example:
        >>> softmax(np.zeros((1, 4), dtype=np.float32)).tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    raised = (logits.astype(np.float64) - logits.max(axis=1, keepdims=True)) / temperature
    powers = np.exp(raised)
    return powers / powers.sum(axis=1, keepdims=True)
