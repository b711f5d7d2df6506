"""Gradients without torch: against torch's autograd in float64, against differences, and worked by hand."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.classifier import (
    Classifier,
    Embedding,
    Linear,
    ModelConfig,
    Pooling,
    Recurrent,
    Stage,
    TextTypeError,
)
from peephole.classifier.forward import Forward
from peephole.classifier.gradients import gradients_of, weights_of
from peephole.errors import BackendUnavailable, OptionError, ShapeError
from peephole.nn.classifier import ClassifierModule
from peephole.ops import Sequences
from peephole.ops.library import library
from support.cases import CELLS
from support.small_models import TEXTS, random_weights, small_classifier
from support.tolerances import FLOAT32

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

LENGTHS = [3, 0, 7, 1, 7, 12, 2, 0]
LABELS = ["a", "b", "c"]
POOLINGS = [("max",), ("mean",), ("last",), ("last", "max", "mean")]


def rows_of(lengths: list[int], width: int = 6) -> list[Any]:
    rng = np.random.default_rng(5)
    return [rng.normal(size=(length, width)).astype(np.float32) for length in lengths]


def model(**options: Any) -> ModelConfig:
    return ModelConfig.default(
        **{"vocabulary": 30, "labels": LABELS, "embedding": 6, "hidden_size": 5, "head": 8, **options}
    )


def autograd(config: ModelConfig, weights: Any, rows: list[Any], target: Any) -> tuple[list[Any], Any]:
    """Gradients of each text's rows and the values, by torch's autograd through the torch twin in float64."""
    module = ClassifierModule(config).double().eval()
    module.load_state_dict({name: torch.from_numpy(value).double() for name, value in weights.items()})
    sequences = Sequences.from_lengths([len(own) for own in rows])
    packed = np.zeros((sequences.rows, rows[0].shape[1]))
    for n, own in enumerate(rows):
        packed[sequences.rows_of(n)] = own
    leaf = torch.from_numpy(packed).requires_grad_()
    logits = module.classify(leaf, sequences)
    if target is None:
        ranked = logits.sort(dim=1, descending=True).values
        values = ranked[:, 0] - ranked[:, 1]
    elif isinstance(target, str):
        values = logits[:, LABELS.index(target)]
    else:
        values = logits @ torch.tensor(target, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    return [gradient.numpy()[sequences.rows_of(n)] for n in range(len(rows))], values.detach().numpy()


def compare(
    config: ModelConfig, *, target: Any = None, row_limits: Any = (None,), lengths: Any = LENGTHS
) -> None:
    weights, rows = random_weights(config, seed=3), rows_of(lengths)
    expected, values = autograd(config, weights, rows, target)
    assert (
        max(np.abs(own).max(initial=0.0) for own in expected) > 1e-3
    )  # a gradient of zeros would prove nothing
    for row_limit in row_limits:
        forward = Forward(config, weights, row_limit=row_limit)
        found = gradients_of(forward, rows, weights_of("test", target, LABELS), "test")
        for one, own, gradient, value in zip(found, rows, expected, values, strict=True):
            assert one.embeddings is own
            assert one.gradient.dtype == np.float32
            np.testing.assert_allclose(one.gradient, gradient, **FLOAT32)
            assert one.value == pytest.approx(value, abs=FLOAT32["atol"])


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_every_cell_goes_back_as_torch_does(cell: Any):
    options = {"cell": cell.name, "cell_options": cell.options}
    compare(model(**options), row_limits=(None, 20, 4))
    compare(model(**options, bidirectional=False, num_layers=2, pooling=("last", "max", "mean")), target="b")


def test_the_cells_of_these_tests_are_those_that_ship():
    assert {cell.name for cell in CELLS} == set(cells.SHIPPED)


@pytest.mark.parametrize("pooling", POOLINGS, ids="+".join)
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_every_stack_goes_back_as_torch_does(num_layers: int, bidirectional: bool, pooling: Any):
    # one block for all; some steps at a time; one step at a time
    compare(
        model(num_layers=num_layers, bidirectional=bidirectional, pooling=pooling, head=0),
        row_limits=(None, 24, 4),
    )


@pytest.mark.parametrize(
    "target", [None, "a", "c", [0.0, 1.0, -1.0], [1, 0, 0], np.array([0.3, 0.3, -2.0])], ids=repr
)
def test_every_target(target: Any):
    compare(model(), target=target)


STACKS: dict[str, tuple[Stage, ...]] = {
    "no recurrent stage": (Embedding(30, 6), Pooling(("mean", "max")), Linear(3, name="output")),
    "linear before and after": (
        Embedding(30, 6),
        Linear(4, "tanh", "narrow"),
        Recurrent(5, "gru", bidirectional=True),
        Linear(7, "relu", "wide"),
        Pooling(("max", "mean")),
        Linear(4, "tanh", "hidden"),
        Linear(3, name="output"),
    ),
    "two stages": (
        Embedding(30, 6),
        Recurrent(5, "peephole-lstm", bidirectional=True, name="lower"),
        Recurrent(3, "lstm", bias=False, name="upper"),
        Pooling(("last", "max")),
        Linear(3, name="output"),
    ),
}


@pytest.mark.parametrize("name", STACKS)
def test_other_stacks(name: str):
    compare(ModelConfig(STACKS[name], tuple(LABELS)), row_limits=(None, 4))


def test_empty_texts_have_no_gradient_and_disturb_none():
    compare(model(), lengths=[0, 4, 0])
    forward = Forward(model(), random_weights(model()))
    found = gradients_of(forward, rows_of([0, 0]), weights_of("test", None, LABELS), "test")
    assert [one.gradient.shape for one in found] == [(0, 6), (0, 6)]
    assert found[0].logits.tolist() == forward.logits([np.zeros(0, np.int32)])[0].tolist()
    assert gradients_of(forward, [], weights_of("test", None, LABELS), "test") == []


def test_differences_of_the_forward_pass_agree():
    """No derivative anywhere: the value of texts a little to either side, by the NumPy forward's own logits."""
    config = model(num_layers=2, pooling=("max", "mean", "last"))
    weights, rows = random_weights(config, seed=1), rows_of([6, 1, 4])
    forward, weigh = Forward(config, weights), weights_of("test", [1.0, -2.0, 0.5], LABELS)
    found = gradients_of(forward, rows, weigh, "test")
    rng, step = np.random.default_rng(2), 0.01
    for n, one in enumerate(found):
        direction = rng.normal(size=one.gradient.shape).astype(np.float32)
        ahead, behind = (
            gradients_of(forward, [rows[n] + sign * step * direction], weigh, "test")[0].value
            for sign in (1, -1)
        )
        # error: step² times a third derivative of order one, and the rounding of values of order one over the step
        assert (ahead - behind) / (2 * step) == pytest.approx(
            float((one.gradient * direction).sum()), abs=2e-3
        )


def test_of_equal_steps_the_first_wins_the_maximum():
    config = ModelConfig((Embedding(5, 1), Pooling(("max",)), Linear(2, name="output")), ("x", "y"))
    weights = {
        "embedding.weight": np.zeros((5, 1), np.float32),
        "output.weight": np.array([[1.0], [0.0]], np.float32),
        "output.bias": np.zeros(2, np.float32),
    }
    rows = [np.array([[1.0], [2.0], [2.0], [0.5]], np.float32), np.array([[-1.0], [-1.0]], np.float32)]
    for row_limit in (None, 4):
        found = gradients_of(
            Forward(config, weights, row_limit=row_limit), rows, weights_of("test", "x", "xy"), "test"
        )
        assert [one.gradient.ravel().tolist() for one in found] == [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0]]
        assert [one.value for one in found] == [2.0, -1.0]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return small_classifier()


def test_texts_have_their_own_gradients_in_order(classifier: Classifier):
    texts = TEXTS * 12
    found = list(classifier.gradients(iter(texts), target="good"))
    assert [one.text for one in found] == texts
    logits = classifier.logits(classifier.tokenizer.encode_batch(texts))
    for one, text, expected in zip(found, texts, logits, strict=True):
        assert one.tokens.tolist() == classifier.tokenizer.encode(text).tolist()
        assert one.embeddings.tolist() == classifier.weights["embedding.weight"][one.tokens].tolist()
        assert one.gradient.shape == one.embeddings.shape
        np.testing.assert_allclose(one.logits, expected, **FLOAT32)
        assert one.value == pytest.approx(expected[1], abs=1e-5)
    alone = [next(classifier.gradients([text], target="good")).gradient for text in TEXTS]
    for one, gradient in itertools.zip_longest(found[: len(TEXTS)], alone):
        np.testing.assert_allclose(one.gradient, gradient, **FLOAT32)


def test_the_margin_is_between_the_two_most_probable(classifier: Classifier):
    for one in classifier.gradients(TEXTS):
        ranked = np.sort(one.logits)[::-1]
        assert one.value == pytest.approx(ranked[0] - ranked[1], abs=1e-6)


def test_texts_are_taken_a_few_at_a_time(classifier: Classifier):
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "a good film"

    found = classifier.gradients(endless())
    assert taken == 0
    next(found)
    assert taken == 32


def test_vectors_need_not_be_those_of_tokens(classifier: Classifier):
    one = next(classifier.gradients(["a good film"]))
    halves = classifier.gradients_at([one.embeddings / 2, one.embeddings.astype(np.float64)])
    np.testing.assert_allclose(halves[1].gradient, one.gradient, **FLOAT32)
    assert np.abs(halves[0].gradient - one.gradient).max() > 1e-4


def test_int8_embeddings_are_gathered(classifier: Classifier):
    small = classifier.with_storage("int8")
    found = next(small.gradients(["a good film"]))
    assert found.embeddings.tolist() == small.weights["embedding.weight"][found.tokens].tolist()


def test_what_cannot_be_asked(classifier: Classifier):
    bad: Any
    with pytest.raises(
        OptionError, match=r"gradients: target must be one of the labels 'bad', 'good', 'odd'; got 'god'"
    ):
        classifier.gradients(["x"], target="god")
    for bad in ([1.0], [1.0, 2.0, np.nan], [["a"]], [None, 1, 2]):
        with pytest.raises(OptionError, match="must be a label, or 3 finite numbers, one for each label"):
            classifier.gradients(["x"], target=bad)
    bad = "good film"
    with pytest.raises(TextTypeError, match="gradients: texts must be an iterable of str; got one str"):
        classifier.gradients(bad)
    with pytest.raises(ShapeError, match=r"embedded\[1\] must be \[T, E\] with E = 6.*got \[2, 5\]"):
        classifier.gradients_at([np.zeros((2, 6)), np.zeros((2, 5))])
    reference = Classifier(classifier.config, classifier.tokenizer, classifier.weights, backend="reference")
    with pytest.raises(BackendUnavailable, match="the backend 'reference' has no backward pass on NumPy"):
        next(reference.gradients(["good"]))


def test_a_long_text_takes_memory_for_its_rows_only():
    """In small blocks, four times the text takes four times its rows and gradients, and not its gates."""
    config = model(embedding=16, hidden_size=64, head=0)
    forward = Forward(config, random_weights(config), row_limit=1024)
    weigh = weights_of("test", None, LABELS)
    peaks = []
    for length in (2000, 8000):
        rows = rows_of([length], 16)
        tracemalloc.start()
        gradients_of(forward, rows, weigh, "test")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    row = 4 * 16  # bytes; gates and states of both directions would be 2 · 64 · 4 · 6 = 3072
    assert peaks[1] - peaks[0] < 6000 * 8 * row
