"""The torch twin of a classifier equals the NumPy classifier, and its noise is what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from peephole import cells
from peephole.classifier import Classifier, ModelConfig, Tokenizer
from peephole.classifier.stages import Dropout, Embedding, Linear, Pooling, Recurrent
from peephole.errors import OptionError, ShapeError
from peephole.nn.classifier import ClassifierModule
from peephole.ops import Sequences
from support.tolerances import BFLOAT16, FLOAT32

TOKENIZER = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
LENGTHS = [3, 0, 9, 1, 9, 0, 2]


def make(**options) -> tuple[ModelConfig, ClassifierModule]:
    given = {"labels": ["bad", "fine", "good"], "embedding": 5, "hidden_size": 4, "head": 6} | options
    config = ModelConfig.default(vocabulary=TOKENIZER.vocabulary_size, **given)
    torch.manual_seed(0)
    model = ClassifierModule(config)
    for parameter in model.parameters():  # first weights are small; these tell one stage from another
        torch.nn.init.normal_(parameter, std=0.7)
    return config, model.eval()


def texts(lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(3, TOKENIZER.vocabulary_size, length).astype(np.int32) for length in lengths]


def packed(ids: list[np.ndarray]) -> tuple[torch.Tensor, Sequences]:
    sequences = Sequences.from_lengths([len(text) for text in ids])
    rows = [ids[n][t] for t, n in zip(sequences.row_time, sequences.row_batch, strict=True)]
    return torch.tensor(np.array(rows, dtype=np.int64)), sequences


def expected(config: ModelConfig, model: ClassifierModule, ids: list[np.ndarray]) -> torch.Tensor:
    classifier = Classifier(config, TOKENIZER, model.export(), precision="highest")
    return torch.from_numpy(classifier.logits(ids))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("cell", "options"),
    [(name, {}) for name in cells.SHIPPED]
    + [
        ("gru", {"reset": "before"}),
        ("rnn", {"nonlinearity": "relu"}),
        ("peephole-lstm", {"peephole": "full"}),
    ],
    ids=str,
)
def test_equals_the_numpy_classifier(cell, options, bidirectional, layers) -> None:
    config, model = make(
        cell=cell,
        cell_options=options,
        bidirectional=bidirectional,
        num_layers=layers,
        pooling=("max", "mean", "last"),
    )
    ids = texts(LENGTHS)
    actual, wanted = model(*packed(ids)), expected(config, model, ids)
    scale = max(1.0, float(wanted.abs().max()))  # relu has no bound, and rounding is relative
    torch.testing.assert_close(actual, wanted, rtol=0, atol=FLOAT32["atol"] * scale)
    assert actual.std(dim=0).min() > 0.01  # the texts are told apart, so the comparison means something


@pytest.mark.parametrize(
    "pooling", [("max",), ("mean",), ("last",), ("last", "max"), ("mean", "last", "max")], ids=str
)
@pytest.mark.parametrize("head", [0, 6])
def test_equals_the_numpy_classifier_for_each_pooling(pooling, head) -> None:
    config, model = make(pooling=pooling, head=head)
    ids = texts(LENGTHS)
    torch.testing.assert_close(model(*packed(ids)), expected(config, model, ids), **FLOAT32)


def test_a_linear_stage_on_rows_and_a_stack_of_recurrent_stages() -> None:
    stages = (
        Embedding(TOKENIZER.vocabulary_size, 5),
        Recurrent(4, bidirectional=True, name="lower"),
        Linear(3, "tanh", "between"),
        Recurrent(2, "gru", name="upper"),
        Dropout(0.5, "plain", "noise"),
        Pooling(("last", "mean")),
        Linear(2, "none", "output"),
    )
    config = ModelConfig(stages, ("bad", "good"))
    model = ClassifierModule(config).eval()
    ids = texts(LENGTHS)
    torch.testing.assert_close(model(*packed(ids)), expected(config, model, ids), **FLOAT32)


@pytest.mark.parametrize("lengths", [[0], [0, 0, 0], [1], [5, 5], []], ids=str)
def test_lengths_of_zero_one_and_all_alike(lengths) -> None:
    config, model = make(pooling=("max", "mean", "last"))
    ids = texts(lengths)
    actual = model(*packed(ids))
    assert actual.shape == (len(lengths), 3)
    if lengths:
        torch.testing.assert_close(actual, expected(config, model, ids), **FLOAT32)


def test_pooling_against_a_padded_batch() -> None:
    """The oracle pads with values that would win every maximum and spoil every mean."""
    _, model = make(pooling=("max", "mean", "last"))
    lengths = [4, 1, 6]
    ids, sequences = packed(texts(lengths))
    outputs = model.recurrent.outputs(model.embedding(ids), sequences.batch_sizes)
    per_text = [outputs[sequences.rows_of(n)] for n in range(3)]
    padded = pad_sequence(per_text, padding_value=1e9)
    alive = (torch.arange(6)[:, None] < torch.tensor(lengths)).unsqueeze(2)
    largest = padded.masked_fill(~alive, -torch.inf).amax(0)
    mean = padded.masked_fill(~alive, 0.0).sum(0) / torch.tensor(lengths)[:, None]
    last = torch.stack([torch.cat([text[-1, :4], text[0, 4:]]) for text in per_text])
    pooled = torch.cat([largest, mean, last], dim=1)
    by_hand = model.output(torch.relu(model.hidden(pooled)))
    torch.testing.assert_close(model(ids, sequences), by_hand, **FLOAT32)


def test_the_state_dict_is_the_configs() -> None:
    config, model = make(cell="peephole-lstm", num_layers=2)
    assert {
        name: tuple(tensor.shape) for name, tensor in model.state_dict().items()
    } == config.parameter_shapes()
    exported = model.export()
    assert list(exported) == list(config.parameter_shapes())
    assert {name: array.dtype for name, array in exported.items()} == dict.fromkeys(
        exported, np.dtype(np.float32)
    )
    exported["output.bias"][:] = 99
    assert model.output.bias.max() < 99  # a copy


def test_first_weights_open_the_forget_gate_and_are_orthogonal() -> None:
    torch.manual_seed(0)
    model = ClassifierModule(
        ModelConfig.default(vocabulary=300, labels=["a", "b"], hidden_size=8, embedding=6)
    )
    forget = slice(8, 16)
    assert (model.recurrent.bias_ih_l0[forget] + model.recurrent.bias_hh_l0[forget] == 1).all()
    gate = model.recurrent.weight_hh_l0_reverse[:8]
    torch.testing.assert_close(gate @ gate.T, torch.eye(8), **FLOAT32)
    assert 0.09 < model.embedding.weight.std() < 0.11


def test_gradients_reach_every_parameter() -> None:
    _, model = make(pooling=("max", "mean", "last"))
    model(*packed(texts(LENGTHS))).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_word_dropout_zeroes_whole_tokens_and_leaves_the_others_alone() -> None:
    _, model = make(word_dropout=0.3, embedding_dropout=0.0)
    ids, sequences = packed(texts([500, 499, 3]))
    model.train()
    vectors, clean = model.embed(ids, sequences), model.embed(ids, sequences, noise=False)
    dropped = (vectors == 0).all(dim=1)
    assert torch.equal(vectors[~dropped], clean[~dropped])
    assert 0.24 < dropped.float().mean() < 0.36  # p = 0.3, a thousand draws, five standard deviations


def test_variational_dropout_drops_the_same_features_at_every_step_of_a_text() -> None:
    _, model = make(word_dropout=0.0, embedding_dropout=0.5, embedding=40)
    ids, sequences = packed(texts([30, 7, 0, 20]))
    model.train()
    torch.manual_seed(1)
    ratio = model.embed(ids, sequences) / model.embed(ids, sequences, noise=False)
    masks = []
    for n in (0, 1, 3):
        mask = ratio[sequences.rows_of(n)]
        torch.testing.assert_close(mask, mask[:1].expand_as(mask), **FLOAT32)
        masks.append(mask[0].round(decimals=3))
        assert set(masks[-1].tolist()) == {0.0, 2.0}
    assert not torch.equal(masks[0], masks[1])


def test_no_noise_in_evaluation() -> None:
    _, model = make()
    batch = packed(texts(LENGTHS))
    assert torch.equal(model(*batch), model(*batch))
    assert torch.equal(model.embed(*batch), model.embed(*batch, noise=False))
    model.train()
    assert not torch.equal(model(*batch), model(*batch))


def test_autocast_lowers_the_recurrent_stages_only() -> None:
    _, model = make(pooling=("max", "mean", "last"))
    batch = packed(texts(LENGTHS))
    exact = model(*batch)
    with torch.autocast("cpu", torch.bfloat16):
        lower = model(*batch)
        lower.sum().backward()
    assert lower.dtype == torch.float32
    assert not torch.equal(lower, exact)
    torch.testing.assert_close(lower / exact.abs().max(), exact / exact.abs().max(), **BFLOAT16)
    assert all(
        parameter.grad is not None and parameter.grad.dtype == torch.float32
        for parameter in model.parameters()
    )
    # What was called with other weights has its own again.
    torch.testing.assert_close(model(*batch), exact, **FLOAT32)


def test_the_wrong_number_of_ids_is_refused() -> None:
    _, model = make()
    ids, sequences = packed(texts([3, 2]))
    with pytest.raises(ShapeError, match=r"ids must be \[R\] = \[5\], one for each row; got \[4\]"):
        model(ids[:4], sequences)


def test_a_stage_with_a_name_that_torch_uses_is_refused() -> None:
    stages = (Embedding(300, 4), Recurrent(4, name="forward"), Pooling(), Linear(2, "none", "output"))
    with pytest.raises(OptionError, match="'forward', which torch uses itself"):
        ClassifierModule(ModelConfig(stages, ("a", "b")))
