"""A text of weight 2 counts as if it stood there twice, one of weight 0 as if it were not there."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from peephole.classifier import load
from peephole.errors import DataError, OptionError
from peephole.reading import Record, read
from peephole.training import Progress, train
from peephole.training.batches import Batch, gather, with_labels
from peephole.training.corpus import Corpus
from peephole.training.learner import Learner
from peephole.training.losses import distillation_loss, divergence, entropy, label_loss
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.noise import guesser_loss
from peephole.training.objective import add_gradients
from peephole.training.prepare import digest_of, read_parts
from peephole.training.state import State
from peephole.training.targets import class_weights
from support.tolerances import FLOAT32

TWICE = [0, 1, 1, 2, 3]  # the second of four texts stands twice
WEIGHTS = torch.tensor([1.0, 2.0, 1.0, 1.0], dtype=torch.float64)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("balance", [None, torch.tensor([0.5, 2.0, 1.0])])
@pytest.mark.parametrize("labels", [[0, 2, 1, 1], [0, 2, -1, 1], [0, -1, 1, 1]], ids=str)
def test_the_label_loss_of_a_text_of_weight_two(smoothing, balance, labels) -> None:
    logits, labels = random(4, 3).requires_grad_(), torch.tensor(labels)
    weighed = label_loss(logits, labels, balance, smoothing, WEIGHTS.float())
    twice = label_loss(logits[TWICE], labels[TWICE], balance, smoothing)
    torch.testing.assert_close(weighed, twice, **FLOAT32)
    (ours,) = torch.autograd.grad(weighed, logits)
    (theirs,) = torch.autograd.grad(twice, logits)
    torch.testing.assert_close(ours, theirs, **FLOAT32)


def test_the_other_losses_of_a_text_of_weight_two() -> None:
    logits, targets, reference = random(4, 3), random(4, 3, seed=1).softmax(1), random(4, 3, seed=2)
    pairs = [
        (
            distillation_loss(logits, targets, 2.0, WEIGHTS),
            distillation_loss(logits[TWICE], targets[TWICE], 2.0),
        ),
        (divergence(logits, reference, WEIGHTS), divergence(logits[TWICE], reference[TWICE])),
        (entropy(logits, WEIGHTS), entropy(logits[TWICE])),
    ]
    for weighed, twice in pairs:
        torch.testing.assert_close(weighed.double(), twice.double(), **FLOAT32)


def test_a_class_is_as_common_as_its_texts_weigh() -> None:
    labels, weights = np.array([0, 1, 1, 2]), np.array([1, 2, 1, 1], np.float32)
    twice = labels[TWICE]
    ours, theirs = class_weights(labels, 3, "balanced", texts=weights), class_weights(twice, 3, "balanced")
    assert ours.tolist() == theirs.tolist()
    assert guesser_loss(labels, 3, 0.1, None, weights) == pytest.approx(guesser_loss(twice, 3, 0.1))


NO_CHANCE = {
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "pool_dropout": 0.0,
    "head_dropout": 0.0,
    "adversarial": 0.0,
    "label_smoothing": 0.1,
    "average": 0.0,
    "evaluate": "raw",
}


def gradients(recipe, batch: Batch) -> dict[str, torch.Tensor]:
    """Of every parameter of a small network, of the whole step's loss."""
    network = make_network(make_config(recipe, 40, ("bad", "good")), recipe)
    learner = Learner(network, recipe, Machine(), State())
    torch.manual_seed(3)
    add_gradients(learner, batch, None, recipe, Machine(), noisy=True)
    return {name: weight.grad.clone() for name, weight in learner.parameters.items()}


@pytest.mark.parametrize("targets", [False, True])
def test_every_gradient_of_a_text_of_weight_two_is_that_of_the_text_twice(tiny, targets) -> None:
    """Without chance and adversaries, whose length depends on the spread of all vectors of a batch."""
    chance = np.random.default_rng(0)
    texts = [chance.integers(3, 40, length).astype(np.int32) for length in (9, 4, 12, 7)]
    given = chance.dirichlet([1, 1], 4).astype(np.float32) if targets else None
    once = dataclasses.replace(Corpus.from_texts(texts, [0, 1, 1, -1]), targets=given)
    weighed = dataclasses.replace(once, weights=WEIGHTS.numpy().astype(np.float32))
    recipe = dataclasses.replace(tiny, **NO_CHANCE, entropy=0.5)
    ours = gradients(recipe, gather(weighed, np.arange(4)))
    theirs = gradients(recipe, gather(once, np.array(TWICE)))
    plain = gradients(recipe, gather(once, np.arange(4)))
    for name, gradient in ours.items():
        torch.testing.assert_close(
            gradient, theirs[name], **FLOAT32, msg=lambda text, name=name: f"{name}: {text}"
        )
    assert any(not torch.allclose(gradient, plain[name], rtol=1e-3) for name, gradient in ours.items())


def test_the_adversaries_losses_are_weighed_too(tiny) -> None:
    chance = np.random.default_rng(1)
    texts = [chance.integers(3, 40, 8).astype(np.int32) for _ in range(4)]
    corpus = Corpus.from_texts(texts, [0, 1, 1, 0])
    weighed = dataclasses.replace(corpus, weights=WEIGHTS.numpy().astype(np.float32))
    for name in ("adversarial", "virtual_adversarial"):
        recipe = dataclasses.replace(tiny, **NO_CHANCE | {name: 1.0})
        ours = gradients(recipe, gather(weighed, np.arange(4)))
        plain = gradients(dataclasses.replace(recipe, **{name: 0.0}), gather(weighed, np.arange(4)))
        without = gradients(recipe, gather(corpus, np.arange(4)))
        alone = gradients(dataclasses.replace(recipe, **{name: 0.0}), gather(corpus, np.arange(4)))
        assert any(
            not torch.allclose(ours[key] - plain[key], without[key] - alone[key], rtol=1e-3, atol=1e-7)
            for key in ours
        )


def test_weights_stay_with_their_texts() -> None:
    corpus = Corpus.from_texts([np.arange(n) for n in (3, 9, 5)], [0, -1, 1])
    corpus = dataclasses.replace(corpus, weights=np.array([1, 2, 3], np.float32)).cropped(4, 2)
    batch = gather(corpus, np.array([2, 0, 1]))
    assert batch.weights.tolist() == [3, 1, 2]
    assert with_labels(batch)[0].weights.tolist() == [3, 1]
    assert corpus.known_weights.tolist() == [1, 3]


def write(path: Path, rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label", "times"), *rows])
    return path


@pytest.fixture
def weighed(corpus, tmp_path) -> Path:
    """The small corpus with weights 0, 1 and 2 in turn."""
    rows = [(record.text, record.label, n % 3) for n, record in enumerate(read(corpus))]
    return write(tmp_path / "weighed.csv", rows)


def trained(request) -> dict[str, np.ndarray]:
    return load(train(request, progress=Progress()).output).weights


def same(first, second) -> bool:
    return all(np.array_equal(first[name], second[name]) for name in first)


def test_weight_zero_is_absence_and_equal_weights_are_none(request_for, weighed, tmp_path) -> None:
    rows = [
        (record.text, record.label)
        for record in read(weighed, columns=["times"])
        if record.fields["times"] != "0"
    ]
    ones = write(tmp_path / "ones.csv", [(*row, "0.3") for row in rows])
    mixed = write(
        tmp_path / "mixed.csv", [(*row, "0.3") for row in rows] + [("a text of no weight", "positive", "0")]
    )
    absent = trained(request_for("absent", sources=(ones,)))
    assert same(absent, trained(request_for("equal", sources=(ones,), weight_column="times")))
    assert same(absent, trained(request_for("zero", sources=(mixed,), weight_column="times")))
    assert not same(absent, trained(request_for("weighed", sources=(weighed,), weight_column="times")))


def test_weights_are_told_and_part_of_the_run(request_for, weighed) -> None:
    request = request_for(sources=(weighed,), weight_column="times")
    parts = read_parts(request)
    assert parts.facts["without_weight"] == 100
    assert set(parts.weights.tolist()) == {1.0, 2.0}
    assert digest_of(parts) != digest_of(dataclasses.replace(parts, weights=None))


@pytest.mark.parametrize("weight", ["", "two", "-1", "nan", "inf", "1e12"])
def test_a_weight_that_is_none_is_named_with_its_place(request_for, tmp_path, weight) -> None:
    source = write(tmp_path / "bad.csv", [("a fine day", "good", "1"), ("a dull day", "bad", weight)])
    with pytest.raises(DataError, match=r"bad\.csv, row 2: column 'times' must be 0 or a number from 1e-09"):
        read_parts(request_for(sources=(source,), weight_column="times"))


def test_records_in_memory_train_as_their_file_does(request_for, corpus) -> None:
    records = tuple(read(corpus))
    from_memory = trained(request_for("memory", sources=(), records=records))
    assert same(from_memory, trained(request_for("file")))
    with pytest.raises(OptionError, match="sources or records must be given; got both"):
        request_for(records=(Record("a", "b", None, "c"),))
