"""`ModelConfig`: the standard stack, the tensors it names, the written form, and every problem at once."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from peephole.classifier import (
    Dropout,
    Embedding,
    Linear,
    ModelConfig,
    Pooling,
    Preprocessing,
    Recurrent,
    Stage,
)
from peephole.errors import ModelError, OptionError


def make(**options: Any) -> ModelConfig:
    return ModelConfig.default(**{"vocabulary": 100, "labels": ["bad", "good"], **options})


def test_the_standard_stack():
    config = make(hidden_size=7, embedding=5, head=3, num_layers=2)
    assert [(stage.kind, stage.name) for stage in config.stages] == [
        ("embedding", "embedding"),
        ("dropout", "word_dropout"),
        ("dropout", "embedding_dropout"),
        ("recurrent", "recurrent"),
        ("pooling", "pooling"),
        ("dropout", "pooling_dropout"),
        ("linear", "hidden"),
        ("dropout", "hidden_dropout"),
        ("linear", "output"),
    ]
    assert config.input_widths == (0, 5, 5, 5, 14, 28, 28, 3, 3)
    assert make(head=0).stages[-1] == Linear(2, "none", "output")


# Written out by hand from torch's rule: gates · H rows; layer 1 reads both directions of layer 0.
LSTM_2_BOTH = {
    "embedding.weight": (100, 5),
    "recurrent.weight_ih_l0": (28, 5),
    "recurrent.weight_hh_l0": (28, 7),
    "recurrent.bias_ih_l0": (28,),
    "recurrent.bias_hh_l0": (28,),
    "recurrent.weight_ih_l0_reverse": (28, 5),
    "recurrent.weight_hh_l0_reverse": (28, 7),
    "recurrent.bias_ih_l0_reverse": (28,),
    "recurrent.bias_hh_l0_reverse": (28,),
    "recurrent.weight_ih_l1": (28, 14),
    "recurrent.weight_hh_l1": (28, 7),
    "recurrent.bias_ih_l1": (28,),
    "recurrent.bias_hh_l1": (28,),
    "recurrent.weight_ih_l1_reverse": (28, 14),
    "recurrent.weight_hh_l1_reverse": (28, 7),
    "recurrent.bias_ih_l1_reverse": (28,),
    "recurrent.bias_hh_l1_reverse": (28,),
    "hidden.weight": (3, 28),
    "hidden.bias": (3,),
    "output.weight": (2, 3),
    "output.bias": (2,),
}


def test_tensor_names_and_shapes_in_torchs_order():
    config = make(hidden_size=7, embedding=5, head=3, num_layers=2)
    assert list(config.parameter_shapes().items()) == list(LSTM_2_BOTH.items())
    assert config.parameters() == sum(a * (b[0] if b else 1) for a, *b in LSTM_2_BOTH.values())


@pytest.mark.parametrize(
    ("cell", "options", "own"),
    [
        ("peephole-lstm", {}, {"recurrent.weight_ch_l0": (3, 7)}),
        ("peephole-lstm", {"peephole": "full"}, {"recurrent.weight_ch_l0": (21, 7)}),
        ("gru", {"reset": "before"}, {}),
        ("coupled-lstm", {}, {}),
    ],
)
def test_a_cells_own_tensors(cell: str, options: dict[str, str], own: dict[str, tuple[int, ...]]):
    shapes = make(
        cell=cell, cell_options=options, hidden_size=7, embedding=5, bidirectional=False, bias=False
    ).parameter_shapes()
    gates = {"gru": 3, "peephole-lstm": 4, "coupled-lstm": 3}[cell]
    recurrent = {name: shape for name, shape in shapes.items() if name.startswith("recurrent.")}
    assert recurrent == {
        "recurrent.weight_ih_l0": (gates * 7, 5),
        "recurrent.weight_hh_l0": (gates * 7, 7),
        **own,
    }


def test_round_trip_with_every_field():
    config = dataclasses.replace(
        make(cell="gru", cell_options={"reset": "before"}, pooling=("last", "max"), recurrent_dropout=0.25),
        temperature=1.5,
        preprocessing=Preprocessing("word", False, 100, 300),
        metrics={"accuracy": 0.92, "interval": [0.91, 0.93], "command": "peephole evaluate …", "auc": None},
        data={"sources": [{"name": "reviews", "texts": 25_000}], "licence": "none"},
        split={"kind": "group", "column": "movie", "fraction": 0.1},
        library="peephole 9.9",
    )
    again = ModelConfig.loads(config.dumps())
    assert again == config
    assert again.dumps() == config.dumps()
    written = json.loads(config.dumps())
    assert written["format"] == 1
    assert written["id2label"] == {"0": "bad", "1": "good"}
    assert written["stages"][3]["cell_options"] == {"reset": "before"}


def test_stages_other_than_the_standard_ones():
    stages: tuple[Stage, ...] = (
        Embedding(100, 8),
        Linear(6, "tanh", "narrow"),
        Recurrent(4, "gru", bidirectional=True, name="lower"),
        Dropout(0.1, "variational", "between"),
        Recurrent(3, "rnn", {"nonlinearity": "relu"}, name="upper"),
        Dropout(0.1, "plain", "after"),
        Pooling(("last",)),
        Linear(2, name="output"),
    )
    config = ModelConfig(stages, ("a", "b"))
    assert config.input_widths == (0, 8, 6, 8, 8, 3, 3, 3)
    assert not config.unidirectional
    assert ModelConfig.loads(config.dumps()) == config


def test_every_problem_is_listed_with_its_path():
    with pytest.raises(OptionError) as caught:
        make(hidden_size=0, embedding=1 << 20, word_dropout=1.0, pooling=("max", "median"), labels=["a", "a"])
    text = str(caught.value)
    for part in (
        "ModelConfig: 5 problems",
        "stages[0].dimension: must be a whole number from 1 to 16,384; got 1048576",
        "stages[1].p: must be a number from 0 to less than 1; got 1.0",
        "stages[3].hidden_size: must be a whole number from 1 to 16,384; got 0",
        "stages[4].statistics: must list one or more of 'max', 'mean', 'last', each once; got ('max', 'median')",
        "id2label: must name each class once; got 'a' again",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ((), "stages: must be a list of 1 to 64 stages; got 0"),
        ((Pooling(), Linear(2)), "stages[0].kind: must be 'embedding'"),
        ((Embedding(9, 2), Linear(2)), "stages: must hold one pooling stage; got 0"),
        (
            (Embedding(9, 2), Pooling(), Recurrent(3), Linear(2)),
            "stages[2].kind: must not be 'recurrent' after",
        ),
        (
            (Embedding(9, 2), Pooling(), Dropout(0.1, "word"), Linear(2)),
            "stages[2].mode: must be 'plain' after",
        ),
        (
            (Embedding(9, 2), Pooling(("last",)), Linear(2)),
            "stages[1].statistics: may hold 'last' only right after",
        ),
        (
            (Embedding(9, 2), Recurrent(3), Linear(3), Pooling(("last",)), Linear(2, name="out")),
            "stages[3].statistics: may hold 'last' only right after",
        ),
        ((Embedding(9, 2), Pooling()), "stages[1].kind: must be 'linear', the last stage"),
        (
            (Embedding(9, 2), Pooling(), Linear(3)),
            "stages[2].features: must be the number of labels, 2; got 3",
        ),
        (
            (Embedding(9, 2), Pooling(), Linear(2, "relu")),
            "stages[2].activation: must be 'none' at the last stage",
        ),
        (
            (Embedding(9, 2), Dropout(0.1, name="embedding"), Pooling(), Linear(2)),
            "stages[1].name: must be unique",
        ),
        ((Embedding(9, 2, "x.y"), Pooling(), Linear(2)), "stages[0].name: must be a name of a-z"),
        ((Embedding(9, 2), Recurrent(3, "lstn"), Pooling(), Linear(2)), "(did you mean 'lstm'?)"),
        (
            (Embedding(9, 2), Recurrent(3, "gru", {"reset": "never"}), Pooling(), Linear(2)),
            "stages[1].cell_options: reset must be one of 'after', 'before'; got 'never'",
        ),
        ((Embedding(9, 2), Recurrent(3, "gru", {"rset": "after"}), Pooling(), Linear(2)), "no option 'rset'"),
        (
            (Embedding(100_000, 16_384), Pooling(), Linear(2)),
            "stages: must have at most 268,435,456 parameters in all; got 1,638,465,538",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_rules_between_stages(stages: tuple[Stage, ...], problem: str):
    with pytest.raises(OptionError) as caught:
        ModelConfig(stages, ("a", "b"))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels": ("one",)}, "id2label: must name from 2 to 4,096 classes; got 1"),
        ({"labels": ("a", "b\n")}, "id2label.1: must be 1 to 256 printable characters; got 'b\\n'"),
        ({"labels": ("a", "\x1b[2J")}, "id2label.1: must be 1 to 256 printable"),
        ({"labels": ("a", "\ud800")}, "id2label.1: must be 1 to 256 printable"),
        ({"temperature": 0.0}, "temperature: must be a number from 0.01 to 100; got 0.0"),
        ({"temperature": float("nan")}, "temperature: must be a number from 0.01 to 100; got nan"),
        ({"metrics": {"accuracy": float("inf")}}, "metrics: must hold finite numbers only; got inf"),
        ({"data": {"when": object()}}, "data: must hold what JSON can hold; got a object"),
        ({"data": {"text": "\udc80"}}, "data: must not hold half a surrogate pair"),
        ({"library": "x" * 65}, "library: must be at most 64 printable ASCII characters"),
        ({"preprocessing": Preprocessing(first_tokens=5)}, "must give both first_tokens and last_tokens"),
        (
            {"preprocessing": Preprocessing(first_tokens=-1, last_tokens=3)},
            "preprocessing.first_tokens: must be a whole",
        ),
    ],
)
def test_rules_of_the_other_fields(change: dict[str, Any], problem: str):
    with pytest.raises(OptionError) as caught:
        make().replace(**change)
    assert problem in str(caught.value)


def test_emoji_made_of_several_characters_may_be_a_label():
    assert make(labels=["👩‍👩‍👧", "très bien"]).labels[0] == "👩‍👩‍👧"


def test_a_config_without_the_optional_fields_reads():
    config = make()
    written = config.to_json()
    for name in ("temperature", "preprocessing", "metrics", "data", "split", "library"):
        del written[name]
    assert ModelConfig.from_json(written) == config.replace(library="")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            0,
            (
                "got 0, written by 'peephole 0.0'",
                "hint: the model is older than this program: train it again",
            ),
        ),
        (2, ("got 2", "hint: the model is newer than this program: pip install --upgrade peephole")),
        ("1", ("got '1'", "must be one that Peephole wrote")),
        (True, ("got True", "must be one that Peephole wrote")),
        (None, ("got None", "must be one that Peephole wrote")),
    ],
)
def test_other_formats_are_refused_with_what_to_do(found: object, words: tuple[str, str]):
    written = make().to_json() | {"format": found, "library": "peephole 0.0", "a field": "of that format"}
    with pytest.raises(ModelError) as caught:
        ModelConfig.from_json(written)
    assert "config.json, format: must be 1" in str(caught.value)
    for word in words:
        assert word in str(caught.value)
