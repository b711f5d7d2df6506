"""How several processes share a batch: all texts once, equal work, and parts that add up to the whole."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peephole.classifier import ModelConfig
from peephole.errors import OptionError
from peephole.nn.classifier import ClassifierModule
from peephole.ops import Sequences
from peephole.training import Recipe
from peephole.training.batches import Budget, epoch_batches, gather, with_labels
from peephole.training.corpus import Corpus
from peephole.training.losses import distillation_loss, entropy, label_loss
from peephole.training.machine import Machine
from peephole.training.sharing import check_shares, gather_part, share_out, shares_of
from peephole.training.targets import target_loss
from support.tolerances import FLOAT32

LENGTHS = [5, 0, 9, 1, 1, 12, 4, 0, 7, 3, 2]
LABELS = [0, 1, 2, -1, 0, 1, -1, 2, 2, 0, 1]


def corpus_of(*, weights: bool = False, targets: bool = False, labels: list[int] = LABELS) -> Corpus:
    chance = np.random.default_rng(4)
    corpus = Corpus.from_texts([chance.integers(3, 40, n).astype(np.int32) for n in LENGTHS], labels)
    taught = chance.dirichlet(np.ones(3), len(LENGTHS)).astype(np.float32)
    return dataclasses.replace(
        corpus,
        weights=chance.uniform(0.5, 3, len(LENGTHS)).astype(np.float32) if weights else None,
        targets=taught if targets else None,
    )


@given(lengths=st.lists(st.integers(0, 400), max_size=80), processes=st.integers(1, 9))
def test_every_text_goes_to_one_process_and_none_has_much_more_than_another(lengths, processes) -> None:
    places = share_out(np.array(lengths, dtype=np.int64), processes)
    assert sorted(itertools.chain(*(own.tolist() for own in places))) == list(range(len(lengths)))
    assert all((np.diff(own) > 0).all() for own in places)
    loads = [sum(lengths[place] + 1 for place in own) for own in places]
    # Each got its last text when it had the least: so the largest load is above the smallest by one text at most.
    assert max(loads) - min(loads) <= max(lengths, default=0) + 1


@pytest.mark.parametrize(
    ("file", "rows", "processes"),
    [("imdb_train", 64, 2), ("imdb_train", 64, 4), ("semeval_tweets", 64, 4), ("semeval_tweets", 64, 8),
     ("trec_questions", 33, 2)],
)  # fmt: skip
def test_the_work_is_fair_on_texts_as_they_are(data_folder, file, rows, processes) -> None:
    """The budgets that these corpora get: tokens of the process that has most, over the mean, by step."""
    with gzip.open(data_folder / f"{file}.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        words = [len(row["text"].split()) for row in itertools.islice(csv.DictReader(stream), 4000)]
    lengths = np.minimum(np.array(words), 400)
    ratios = []
    for batch in epoch_batches(lengths, Budget(8_000, rows), seed=1, epoch=0):
        loads = [int(lengths[batch[own]].sum()) for own in share_out(lengths[batch], processes)]
        ratios.append(max(loads) / (sum(loads) / processes))
    assert np.median(ratios) < 1.05


def test_a_part_knows_its_rows_in_the_whole() -> None:
    corpus, rows = corpus_of(), np.array([9, 2, 0, 5, 1, 8])
    whole = gather(corpus, rows)
    for process in range(3):
        batch = gather_part(corpus, rows, process, 3)
        assert batch.whole is not None
        assert batch.part is not None
        assert np.array_equal(batch.ids, whole.ids[batch.part.rows])
        assert np.array_equal(batch.labels, whole.labels[batch.part.places])
        assert np.array_equal(batch.whole.ids, whole.ids)
    alone = gather_part(corpus, rows, 0, 1)
    assert (alone.whole, alone.part) == (None, None)


def test_the_labelled_texts_of_a_part_are_a_part_of_the_labelled_texts() -> None:
    corpus, rows = corpus_of(), np.arange(len(LENGTHS))
    whole, _ = with_labels(gather(corpus, rows))
    seen: list[int] = []
    for process in range(3):
        batch, _ = with_labels(gather_part(corpus, rows, process, 3))
        assert batch.part is not None
        assert batch.whole is not None
        assert np.array_equal(batch.whole.rows, whole.rows)
        assert np.array_equal(whole.rows[batch.part.places], batch.rows)
        assert np.array_equal(batch.ids, whole.ids[batch.part.rows])
        seen += batch.rows.tolist()
    assert sorted(seen) == sorted(whole.rows.tolist())


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("balance", [None, [0.5, 2.0, 1.25]])
def test_shares_of_the_losses_add_up_to_the_loss_of_all(weighed, balance) -> None:
    corpus, rows = corpus_of(weights=weighed, targets=True), np.arange(len(LENGTHS))
    torch.manual_seed(0)
    logits = torch.randn(len(rows), 3)
    classes = None if balance is None else torch.tensor(balance)
    weights = None if corpus.weights is None else torch.from_numpy(corpus.weights)
    labels, targets = torch.from_numpy(corpus.labels), torch.from_numpy(corpus.targets)
    expected = {
        "labels": label_loss(logits, labels, classes, 0.1, weights),
        "teachers": distillation_loss(logits, targets, 2.0, weights),
        "entropy": entropy(logits, weights),
    }
    recipe, machine = (
        Recipe(label_smoothing=0.1, distillation=0.4, distillation_temperature=2.0),
        Machine(cpu=True),
    )
    found, undecided, alone = torch.zeros(()), torch.zeros(()), 0.0
    for process in range(4):
        batch = gather_part(corpus, rows, process, 4)
        own = logits[torch.from_numpy(batch.rows)]
        loss, labels_alone = target_loss(own, batch, classes, recipe, machine)
        found, alone = found + loss, alone + (labels_alone or 0.0)
        every = shares_of(batch, None).every
        undecided = undecided + every * entropy(
            own, None if weights is None else weights[torch.from_numpy(batch.rows)]
        )
    torch.testing.assert_close(found, 0.6 * expected["labels"] + 0.4 * expected["teachers"], **FLOAT32)
    torch.testing.assert_close(undecided, expected["entropy"], **FLOAT32)
    assert alone == pytest.approx(float(expected["labels"]), rel=1e-6)


def test_a_process_without_labelled_texts_still_has_a_share_of_a_labelled_batch() -> None:
    labels = [-1] * len(LENGTHS)
    labels[5] = 1
    corpus, rows = corpus_of(labels=labels), np.arange(len(LENGTHS))
    found = []
    for process in range(3):
        batch = gather_part(corpus, rows, process, 3)
        loss, alone = target_loss(torch.zeros(len(batch.labels), 3), batch, None, Recipe(), Machine(cpu=True))
        found.append((float(loss), alone))
    assert sorted(found) == [(0.0, 0.0), (0.0, 0.0), pytest.approx((np.log(3), np.log(3)))]
    unlabelled = gather_part(corpus_of(labels=[-1] * len(LENGTHS)), rows, 0, 3)
    assert (
        target_loss(torch.zeros(len(unlabelled.labels), 3), unlabelled, None, Recipe(), Machine(cpu=True))[1]
        is None
    )


@pytest.mark.parametrize("processes", [2, 3, 20])
def test_masks_are_those_of_one_process(processes) -> None:
    """Every dropout that there is: what a text is answered with does not depend on who else reads the batch."""
    config = ModelConfig.default(
        vocabulary=40, labels=("a", "b", "c"), embedding=6, hidden_size=5, num_layers=2, head=4,
        word_dropout=0.3, embedding_dropout=0.3, layer_dropout=0.3, recurrent_dropout=0.3, pooling_dropout=0.3,
        head_dropout=0.3,
    )  # fmt: skip
    torch.manual_seed(1)
    model, corpus, rows = ClassifierModule(config), corpus_of(), np.arange(len(LENGTHS))

    def answers(batch):
        torch.manual_seed(7)
        ids = torch.from_numpy(batch.ids)
        return model.classify(
            model.embed(ids, batch.sequences, part=batch.part), batch.sequences, part=batch.part
        )

    expected = answers(gather(corpus, rows))
    assert not torch.allclose(expected, answers(dataclasses.replace(gather(corpus, rows))) * 1.01)
    for process in range(processes):
        batch = gather_part(corpus, rows, process, processes)
        torch.testing.assert_close(answers(batch), expected[torch.from_numpy(batch.rows)], **FLOAT32)


def test_the_spread_of_one_process_is_torchs() -> None:
    values = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + 1e3
    torch.testing.assert_close(Machine(cpu=True).spread(values), values.double().std().float())


def test_batches_that_cannot_be_shared_are_refused() -> None:
    recipe = Recipe(batch_rows=8, batch_tokens=400)
    check_shares(recipe, 8)
    with pytest.raises(OptionError, match="share each batch, so batch_rows must be at least 9; got 8"):
        check_shares(recipe, 9)


def test_an_empty_batch_of_texts() -> None:
    assert [own.tolist() for own in share_out(np.zeros(0, np.int64), 2)] == [[], []]
    assert Sequences.from_lengths([]).rows == 0
