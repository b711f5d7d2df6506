"""The head of a card: read back by the Hub's own library, with the scores of the record and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, metadata_eval_result
from hypothesis import given, settings
from hypothesis import strategies as st

import peephole
from peephole.classifier import ModelConfig, converted, model_card
from peephole.classifier.card_metadata import card_metadata, described
from peephole.classifier.shipped import FOLDER
from peephole.classifier.yaml_head import yaml_head
from support.models import word_counter

CONFIG = ModelConfig.default(vocabulary=300, labels=["bad", "good"], cell="gru")
DEVELOPMENT = {
    "n": 50,
    "accuracy": 0.9,
    "interval": [0.79, 0.957],
    "macro_f1": 0.89,
    "roc_auc": None,
    "log_loss": 1e-05,
}


def head_of(config: ModelConfig, name: str = "films") -> ModelCard:
    return ModelCard(model_card(config, name=name), ignore_metadata_errors=False)


def test_every_field_is_read_back() -> None:
    data = described(
        {"sources": ["hf:ada/films:train", "more.csv"]},
        license="apache-2.0",
        language=["en", "no"],
        datasets="ada/more",
        tags=["cinema"],
    )
    found = head_of(CONFIG.replace(data=data, metrics={"development": DEVELOPMENT})).data
    assert (found.license, found.language, found.library_name) == ("apache-2.0", ["en", "no"], "peephole")
    assert (found.pipeline_tag, found.datasets) == ("text-classification", ["ada/more", "ada/films"])
    assert found.tags == ["peephole", "text-classification", "gru", "cinema"]
    assert found.metrics == ["accuracy", "f1", "log_loss"]
    assert [(each.metric_type, each.metric_value) for each in found.eval_results] == [
        ("accuracy", 0.9), ("f1", 0.89), ("log_loss", 1e-05),
    ]  # fmt: skip
    assert {(each.task_type, each.dataset_name) for each in found.eval_results} == {
        ("text-classification", "films:train and 1 more, development part")
    }
    assert found.eval_results[0].metric_args == {"interval_95_percent": [0.79, 0.957]}
    assert found.eval_results[0].dataset_args == {"texts": 50}


def test_the_index_is_what_the_library_would_write() -> None:
    config = CONFIG.replace(
        data={"sources": ["hf:ada/films/plain:train"]}, metrics={"development": {"accuracy": 0.9}}
    )
    expected = metadata_eval_result(
        model_pretty_name="films", task_pretty_name="Text classification", task_id="text-classification",
        metrics_pretty_name="Accuracy", metrics_id="accuracy", metrics_value=0.9,
        dataset_pretty_name="ada/films, development part", dataset_id="ada/films", dataset_config="plain", dataset_split="train",
    )  # fmt: skip
    metric = expected["model-index"][0]["results"][0]["metrics"][0]
    assert metric.pop("verified") is False  # left out, it means the same
    assert card_metadata(config, name="films")["model-index"] == expected["model-index"]


def test_nothing_is_made_up() -> None:
    found = head_of(CONFIG).data.to_dict()
    assert found == {
        "library_name": "peephole", "pipeline_tag": "text-classification", "tags": ["peephole", "text-classification", "gru"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "metrics",
    [
        {"accuracy": 0.9},  # of what texts is not said
        {"development": 0.9}, {"development": {"accuracy": "0.9", "macro_f1": True, "log_loss": None}}, {"development": []},
        {"kept_out_of_training": [1]}, {"kept_out_of_training": {"a": 1}}, {"behaviour": {"overall": "all"}}, {"behaviour": 1},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_what_is_no_score_is_left_out(metrics) -> None:
    assert "model-index" not in card_metadata(
        CONFIG.replace(metrics=metrics, data={"sources": 3, "language": {"a": 1}})
    )


def test_scores_of_a_converted_model_say_when_they_were_measured() -> None:
    model = word_counter()
    scored = type(model)(
        model.config.replace(metrics={"development": {"accuracy": 0.9}}), model.tokenizer, model.tensors
    )
    (found,) = head_of(converted(scored, "int8").config).data.eval_results
    assert found.metric_name == "Accuracy (measured before conversion from float32 to int8)"


def test_the_card_of_the_model_inside() -> None:
    config = peephole.load().config
    text = (FOLDER / "reviews" / "README.md").read_text("utf-8")
    assert text == model_card(config, name="reviews")
    found = ModelCard(text).data
    assert (found.license, found.language) == ("apache-2.0", ["en"])
    record = json.loads((FOLDER / "reviews" / "config.json").read_text("utf-8"))["metrics"]
    scores = [record["development"][key] for key in ("accuracy", "macro_f1", "roc_auc", "log_loss")]
    kept = [part["accuracy"] for part in record["kept_out_of_training"].values()]
    assert [each.metric_value for each in found.eval_results] == [
        *scores,
        *kept,
        record["behaviour"]["overall"],
    ]


def test_the_usage_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = word_counter().save_pretrained('my "films"', language="en")
    (code,) = re.findall(
        r"^```python\n(.*?)^```", (folder / "README.md").read_text("utf-8"), flags=re.M | re.S
    )
    exec(compile(code, "card", "exec"), {})
    assert capsys.readouterr().out == "[('negative', 0.5)]\n"


LEAVES = st.one_of(
    st.text(),
    st.booleans(),
    st.none(),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "bc", "d_e"]), inner),
)


@settings(max_examples=150, deadline=None)
@given(fields=st.dictionaries(st.sampled_from(["name", "model-index", "x"]), TREES))
def test_yaml_is_read_back(fields) -> None:
    text = yaml_head(fields)
    assert text.startswith("---\n")
    assert text.endswith("---\n")
    assert text.count("\n---\n") == 1
    assert (yaml.safe_load(text[4:-4]) or {}) == fields


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "Yes",
        "~",
        "null",
        "1e5",
        "0x1",
        "- a",
        "a: b",
        "a #b",
        "---",
        "\x85",
        "\u2028",
        "\ufeff",
        "😀",
        "'",
        '"',
        " a",
        "a ",
        "2026-01-01",
        "12:30:45",
        "=",
        "%",
        "@a",
        "`",
        "\\",
        "\ud7ff",
        "\uffff",
    ],
    ids=ascii,
)
def test_texts_that_yaml_takes_for_something_else(text: str) -> None:
    assert yaml.safe_load(yaml_head({"a": text, "b": [text]})[4:-4]) == {"a": text, "b": [text]}
