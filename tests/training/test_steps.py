"""The first steps of training, against the same steps written plainly: text by text, with torch.nn's own LSTM."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from peephole.training.loop import fit
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.planning import plan_batches
from peephole.training.prepare import prepare
from peephole.training.progress import Progress
from peephole.training.run import train

STEPS = 4
QUIET = {"word_dropout": 0.0, "embedding_dropout": 0.0, "pool_dropout": 0.0, "head_dropout": 0.0}


class Enough(Exception):
    pass


class Plain(nn.Module):
    """The classifier as one would write it for a single text."""

    def __init__(self, vocabulary: int, width: int, hidden: int, head: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = nn.LSTM(width, hidden, bidirectional=True)
        self.hidden = nn.Linear(4 * hidden, head)
        self.output = nn.Linear(head, classes)

    def score(self, vectors: torch.Tensor) -> torch.Tensor:
        steps = self.recurrent(vectors)[0]
        return self.output(torch.relu(self.hidden(torch.cat([steps.amax(0), steps.mean(0)]))))


def test_the_first_steps_are_those_of_a_plain_loop(request_for, tiny) -> None:
    recipe = dataclasses.replace(
        tiny, **QUIET, average=0.0, evaluate="raw", embeddings="random", class_weights="balanced"
    )
    request = request_for(recipe=recipe)
    data = prepare(request, Progress(), Machine())
    first = make_network(make_config(recipe, data.tokenizer.vocabulary_size, data.labels), recipe)
    plain = Plain(data.tokenizer.vocabulary_size, 8, 8, 6, 2)
    plain.load_state_dict(first.state_dict())
    plan = plan_batches(data.train.lengths, recipe)
    total = sum(map(len, plan))
    labels = torch.from_numpy(data.train.labels)
    weights = len(labels) / (2 * torch.bincount(labels).float())
    optimizer = torch.optim.AdamW(plain.parameters(), betas=(0.9, 0.99), weight_decay=0.01)
    criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.05)
    expected_losses = []
    for step in range(STEPS):
        batch = plan[0][step]
        optimizer.param_groups[0]["lr"] = 0.03 * (0.05 + 0.95 * (step / total) / 0.2)
        optimizer.zero_grad()
        vectors = [plain.embedding(torch.from_numpy(data.train.text(n)).long()) for n in batch]
        for each in vectors:
            each.retain_grad()
        loss = criterion(torch.stack([plain.score(each) for each in vectors]), labels[batch])
        loss.backward()
        spread = torch.cat([each.detach() for each in vectors]).std()
        moved = [plain.embedding(torch.from_numpy(data.train.text(n)).long()) for n in batch]
        moved = [
            new + 1.0 * spread * old.grad / old.grad.norm() for new, old in zip(moved, vectors, strict=True)
        ]
        criterion(torch.stack([plain.score(each) for each in moved]), labels[batch]).backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        expected_losses.append(loss.item())

    learners, losses = [], []

    class Watch(Progress):
        def step(self, report):
            losses.append(report.loss * report.step - sum(losses))
            if report.step == STEPS:
                raise Enough

    def watched_fit(learner, *arguments):
        learners.append(learner)
        return fit(learner, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peephole.training.run.fit", watched_fit)
        with pytest.raises(Enough):
            train(request, progress=Watch())
    for name, weight in plain.state_dict().items():
        # AdamW divides by the root of the second moment: rounding in gradients near zero is magnified, to at most the
        # distance of a step, of which the fourth is 0.03 · 0.1.
        torch.testing.assert_close(learners[0].parameters[name].detach(), weight, rtol=0, atol=3e-4)
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(expected_losses), rtol=0, atol=1e-4)
    assert not math.isclose(losses[0], losses[-1], abs_tol=1e-3)
