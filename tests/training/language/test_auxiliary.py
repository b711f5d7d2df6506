"""The language model's task on a classifier's rows: each text's tokens and no other's, against loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from peephole.ops import Sequences
from peephole.training import Progress, pretrain
from peephole.training.batches import Batch
from peephole.training.language.auxiliary import LanguageTask, neighbours
from peephole.training.language.folder import load_language
from support.tolerances import FLOAT32


@pytest.mark.parametrize("lengths", [[3], [1, 1], [4, 0, 2, 7, 1], [0]])
def test_neighbours_are_the_next_steps_of_the_same_text(lengths: list[int]) -> None:
    sequences = Sequences.from_lengths(lengths)
    here, after = neighbours(sequences)
    assert np.array_equal(sequences.row_batch[here], sequences.row_batch[after])
    assert np.array_equal(sequences.row_time[here] + 1, sequences.row_time[after])
    assert len(here) == sum(max(0, length - 1) for length in lengths)


@pytest.mark.parametrize("directions", ["forward", "both"])
def test_the_loss_against_loops_over_texts(pretrain_request, directions: str) -> None:
    changes = {"directions": directions, "epochs": 0.2}
    language = load_language(pretrain(pretrain_request(changes=changes), progress=Progress()).output)
    vocabulary, hidden = language.tokenizer.vocabulary_size, language.recipe.hidden_size
    lengths = [5, 1, 8]
    sequences = Sequences.from_lengths(lengths)
    chance = np.random.default_rng(0)
    ids = chance.integers(3, vocabulary, sum(lengths))
    count = 2 if directions == "both" else 1
    rows = torch.from_numpy(
        chance.normal(size=(sum(lengths), count * hidden)).astype(np.float32)
    ).requires_grad_()
    vectors = torch.from_numpy(np.array(language.weights["embedding.weight"])).requires_grad_()

    losses: list[torch.Tensor] = []
    weights = {name: torch.from_numpy(np.array(value)) for name, value in language.weights.items()}
    for direction, last in enumerate(("", "_reverse")[:count]):
        terms = []
        for text in range(len(lengths)):
            own = np.flatnonzero(sequences.row_batch == text)
            own = own[np.argsort(sequences.row_time[own])]
            if direction:
                own = own[::-1]
            for one, other in itertools.pairwise(own):
                state = rows[int(one), direction * hidden : (direction + 1) * hidden]
                said = F.linear(state, weights[f"projection{last}.weight"], weights[f"projection{last}.bias"])
                terms.append(
                    F.cross_entropy(F.linear(said, vectors, weights["bias"]), torch.tensor(ids[other]))
                )
        losses.append(torch.stack(terms).mean())
    expected = torch.stack(losses).mean()

    task = LanguageTask(language, np.ones(vocabulary, np.int64))
    batch = Batch(ids, sequences, np.full(len(lengths), -1), np.arange(len(lengths)))
    loss = task.loss(rows, batch, vectors, chance)
    assert loss is not None
    torch.testing.assert_close(loss, expected, **FLOAT32)
    ours, theirs = (torch.autograd.grad(value, (rows, vectors)) for value in (loss, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, **FLOAT32)


def test_texts_of_one_token_have_nothing_to_tell(pretrain_request) -> None:
    language = load_language(pretrain(pretrain_request(changes={"epochs": 0.2}), progress=Progress()).output)
    task = LanguageTask(language, np.ones(language.tokenizer.vocabulary_size, np.int64))
    vectors = torch.from_numpy(np.array(language.weights["embedding.weight"]))
    rows, sequences = torch.zeros(2, 16), Sequences.from_lengths([1, 1])
    batch = Batch(np.array([3, 4]), sequences, np.array([-1, -1]), np.arange(2))
    assert task.loss(rows, batch, vectors, np.random.default_rng(0)) is None
