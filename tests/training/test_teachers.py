"""Teachers: whose answers are targets, in which order, and when texts are scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from peephole.classifier import load
from peephole.errors import ModelError, OptionError
from peephole.training import teachers as module
from peephole.training import train
from peephole.training.checkpoint import checkpoint_folder
from peephole.training.machine import Machine
from peephole.training.prepare import prepare, read_parts
from peephole.training.state import State
from support.models import word_counter
from support.tolerances import FLOAT32


def with_labels(folder: Path, labels: list[str], scale: float = 1.0) -> Path:
    """A model that knows good words from bad ones; its outputs are named in the order of `labels`."""
    counter = word_counter()
    weights = {name: weight.copy() for name, weight in counter.weights.items()}
    weights["recurrent.weight_hh_l0"][:] = 5.0  # what was read once is remembered to the end
    weights["output.weight"] *= scale
    classifier = type(counter)(counter.config.replace(labels=tuple(labels)), counter.tokenizer, weights)
    return classifier.save(folder)


@pytest.fixture
def teacher(tmp_path) -> Path:
    return with_labels(tmp_path / "teacher", ["negative", "positive"])


@pytest.fixture
def unlabelled(tmp_path) -> Path:
    path = tmp_path / "unlabelled.txt"
    path.write_text("".join(f"the plot number {n} was {'awful' if n % 3 else 'great'}\n" for n in range(90)))
    return path


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """How many texts each call of a teacher was asked about."""
    calls: list[int] = []
    real = module._score

    def score(classifier, texts, *arguments):
        calls.append(len(texts))
        return real(classifier, texts, *arguments)

    monkeypatch.setattr(module, "_score", score)
    return calls


def targets_of(request, listener) -> np.ndarray:
    return prepare(request, listener(), Machine()).train.targets


def test_targets_are_what_the_teacher_answers_for_the_whole_texts(
    request_for, listener, teacher, unlabelled
) -> None:
    request = request_for(teachers=(teacher,), unlabelled=(unlabelled,))
    parts = read_parts(request)
    targets = targets_of(request, listener)
    expected = load(teacher).predict_proba([record.text for record in parts.seen])
    assert targets.shape == (len(parts.train) + 90, 2)
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    assert request.recipe.max_length < max(len(record.text) for record in parts.seen)


def test_where_the_teacher_is_not_asked_the_label_stands_in(
    request_for, listener, teacher, unlabelled, tiny, counted
) -> None:
    recipe = dataclasses.replace(tiny, taught="unlabelled")
    request = request_for(teachers=(teacher,), unlabelled=(unlabelled,), recipe=recipe)
    parts = read_parts(request)
    targets = targets_of(request, listener)
    assert counted == [90]
    known = len(parts.train)
    expected = [[1.0, 0.0] if record.label == parts.labels[0] else [0.0, 1.0] for record in parts.train]
    assert targets[:known].tolist() == expected
    answers = load(teacher).predict_proba([record.text for record in parts.seen[known:]])
    np.testing.assert_allclose(targets[known:], answers, atol=1e-6)


def test_columns_follow_the_labels_of_the_run(request_for, listener, teacher, tmp_path) -> None:
    other = with_labels(tmp_path / "turned", ["positive", "negative"])
    straight = targets_of(request_for(teachers=(teacher,)), listener)
    turned = targets_of(request_for("other", teachers=(other,)), listener)
    np.testing.assert_allclose(turned, straight[:, ::-1], atol=1e-6)
    assert not np.allclose(turned, straight, atol=0.1)


def test_the_probabilities_of_several_teachers_are_averaged(request_for, listener, teacher, tmp_path) -> None:
    unsure = with_labels(tmp_path / "unsure", ["negative", "positive"], scale=0.1)
    one = targets_of(request_for("one", teachers=(teacher,)), listener)
    two = targets_of(request_for("two", teachers=(unsure,)), listener)
    both = targets_of(request_for("both", teachers=(teacher, unsure)), listener)
    assert not np.allclose(one, two, atol=0.05)
    np.testing.assert_allclose(both, (one.astype(float) + two) / 2, atol=1e-6)


def test_a_teacher_of_other_labels_is_refused(request_for, listener, tmp_path) -> None:
    for labels in (["bad", "good"], ["negative", "positive "]):
        folder = with_labels(tmp_path / labels[1], labels)
        with pytest.raises(
            OptionError, match="must have the labels of the texts, 'negative', 'positive'; got"
        ):
            train(request_for(teachers=(folder,)), progress=listener())
    with pytest.raises(ModelError):
        train(request_for(teachers=(tmp_path / "absent",)), progress=listener())


def test_the_loss_of_a_batch_by_hand(request_for, listener, teacher, unlabelled, tiny) -> None:
    """(1 − w) · cross-entropy of the labels + w · cross-entropy with the teacher, at first weights, without noise."""
    from peephole.training.batches import gather
    from peephole.training.learner import Learner
    from peephole.training.network import make_config, make_network
    from peephole.training.objective import add_gradients

    recipe = dataclasses.replace(
        tiny,
        noise_from="learning",
        word_dropout=0.0,
        embedding_dropout=0.0,
        pool_dropout=0.0,
        head_dropout=0.0,
        distillation=0.6,
        distillation_temperature=2.0,
        label_smoothing=0.0,
    )
    data = prepare(
        request_for(teachers=(teacher,), unlabelled=(unlabelled,), recipe=recipe), listener(), Machine()
    )
    network = make_network(make_config(data.recipe, data.tokenizer.vocabulary_size, data.labels), data.recipe)
    rows = np.array([3, 280, 7, 300])
    assert (data.train.labels[rows] < 0).tolist() == [False, True, False, True]
    batch = gather(data.train, rows)
    logits = network(torch.from_numpy(batch.ids), batch.sequences)
    hard = -torch.log_softmax(logits, 1)[[0, 2], data.train.labels[rows[[0, 2]]]].mean()
    q = torch.from_numpy(data.train.targets[rows]).sqrt()
    q = q / q.sum(1, keepdim=True)
    soft = -4 * (q * torch.log_softmax(logits / 2, 1)).sum(1).mean()
    (0.4 * hard + 0.6 * soft).backward()
    expected = {name: weight.grad.clone() for name, weight in network.named_parameters()}
    network.zero_grad()
    learner = Learner(network, recipe, Machine(), State())
    loss = add_gradients(learner, batch, None, recipe, Machine(), noisy=False)
    assert loss == pytest.approx(hard.item(), rel=1e-5)
    for name, weight in learner.parameters.items():
        torch.testing.assert_close(weight.grad, expected[name], **FLOAT32)


def test_a_batch_without_labels_has_gradients_and_no_label_loss(
    request_for, listener, teacher, unlabelled, tiny
):
    from peephole.training.batches import gather
    from peephole.training.learner import Learner
    from peephole.training.network import make_config, make_network
    from peephole.training.objective import add_gradients

    data = prepare(request_for(teachers=(teacher,), unlabelled=(unlabelled,)), listener(), Machine())
    network = make_network(make_config(data.recipe, data.tokenizer.vocabulary_size, data.labels), data.recipe)
    learner = Learner(network, data.recipe, Machine(), State())
    batch = gather(data.train, np.array([280, 300]))
    assert add_gradients(learner, batch, None, data.recipe, Machine(), noisy=True) is None
    assert any(weight.grad is not None and weight.grad.any() for weight in learner.parameters.values())


def test_a_student_learns_from_the_teacher_alone(
    tmp_path, request_for, listener, teacher, unlabelled, tiny
) -> None:
    """The training labels are turned round, those of the development texts are right: the student must not listen."""
    parts = {"turned.csv": ("negative", "positive"), "right.csv": ("positive", "negative")}
    for number, (name, labels) in enumerate(parts.items()):
        lines = [
            f"number {n + 500 * number} was {('great', 'awful')[n % 2]},{labels[n % 2]}" for n in range(200)
        ]
        (tmp_path / name).write_text("\n".join(["text,label", *lines]))
    request = request_for(
        sources=(tmp_path / "turned.csv",),
        dev_sources=(tmp_path / "right.csv",),
        teachers=(teacher,),
        unlabelled=(unlabelled,),
        recipe=dataclasses.replace(tiny, distillation=1.0, epochs=6, vocabulary=300),
    )
    assert train(request, progress=listener()).metrics["accuracy"] > 0.95


def test_teachers_change_the_weights(request_for, listener, teacher, tiny) -> None:
    recipe = dataclasses.replace(tiny, epochs=1)
    outputs = [
        train(request_for("without", recipe=recipe), progress=listener()).output,
        train(request_for("with", recipe=recipe, teachers=(teacher,)), progress=listener()).output,
    ]
    first, second = [(output / "model.safetensors").read_bytes() for output in outputs]
    assert first != second


def test_a_resumed_run_does_not_score_again_and_ends_with_the_same_bits(
    request_for, listener, teacher, unlabelled, tiny, counted
) -> None:
    class Crash(Exception):
        pass

    def crash() -> None:
        raise Crash

    recipe = dataclasses.replace(tiny, epochs=2)
    changes = {"recipe": recipe, "teachers": (teacher,), "unlabelled": (unlabelled,), "checkpoint_steps": 4}
    whole = train(request_for("whole", **changes), progress=listener())
    assert len(counted) == 1
    with pytest.raises(Crash):
        train(request_for("cut", **changes), progress=listener(9, crash))
    assert len(counted) == 2
    folder = checkpoint_folder(request_for("cut").output)
    assert len(list(folder.glob("teacher-*.safetensors"))) == 1
    heard = listener()
    again = train(request_for("cut", **changes, resume=True), progress=heard)
    assert len(counted) == 2
    assert any("answers taken from" in note for note in heard.notes)
    assert (again.output / "model.safetensors").read_bytes() == (
        whole.output / "model.safetensors"
    ).read_bytes()
    assert not folder.exists()
    facts = load(again.output).config.data
    assert facts["teachers"] == [str(teacher)]
    assert facts["unlabelled"] == 90
    assert facts["training"] == 270


def test_answers_that_were_damaged_are_made_again(request_for, listener, teacher, counted) -> None:
    request = request_for(teachers=(teacher,))
    before = targets_of(request, listener)
    (path,) = checkpoint_folder(request.output).glob("teacher-*.safetensors")
    content = path.read_bytes()
    for damaged in (content[:-8] + b"\0" * 8, content[:20], b""):
        path.write_bytes(damaged)
        heard = listener()
        again = prepare(request, heard, Machine()).train.targets
        assert np.array_equal(again, before)
        assert "is damaged: the teacher scores the texts again" in heard.warnings[0]
        assert path.read_bytes() == content
    assert len(counted) == 4


def test_answers_of_another_teacher_or_for_other_texts_are_not_taken(
    request_for, listener, teacher, unlabelled, tmp_path, counted
) -> None:
    unsure = with_labels(tmp_path / "unsure", ["negative", "positive"], scale=0.1)
    targets_of(request_for(teachers=(teacher,)), listener)
    targets_of(request_for(teachers=(teacher,)), listener)
    assert len(counted) == 1
    targets_of(request_for(teachers=(unsure,)), listener)
    targets_of(request_for(teachers=(teacher,), unlabelled=(unlabelled,)), listener)
    assert len(counted) == 3


def test_another_teacher_is_another_run(request_for, listener, teacher, tmp_path) -> None:
    class Crash(Exception):
        pass

    def crash() -> None:
        raise Crash

    with pytest.raises(Crash):
        train(request_for("cut", teachers=(teacher,)), progress=listener(5, crash))
    unsure = with_labels(tmp_path / "unsure", ["negative", "positive"], scale=0.1)
    with pytest.raises(OptionError, match="another run\n  options were"):
        train(request_for("cut", teachers=(unsure,), resume=True), progress=listener())


def test_how_far_a_teacher_is_is_told(request_for, listener, teacher, unlabelled, monkeypatch) -> None:
    from peephole.training.progress import Lines, Progress, Several

    monkeypatch.setattr(module, "_BLOCK", 100)
    heard: list[tuple[str, int, int]] = []

    class Hears(Progress):
        def score(self, who, done, texts):
            heard.append((who, done, texts))

    prepare(request_for(teachers=(teacher,), unlabelled=(unlabelled,)), Several([Hears()]), Machine())
    assert [done for _, done, _ in heard] == [100, 200, 300, 360]
    assert {(who, texts) for who, _, texts in heard} == {("teacher 1 of 1", 360)}

    import io

    stream = io.StringIO()
    Lines(stream).score("teacher 1 of 1", 5, 10)
    Lines(stream).score("teacher 1 of 1", 10, 10)
    assert stream.getvalue() == "teacher 1 of 1: 10 of 10 texts scored\n"
