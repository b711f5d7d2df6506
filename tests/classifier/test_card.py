"""The model card: what is known is said, what is not is said to be unknown."""

from __future__ import annotations

from peephole.classifier import ModelConfig, Preprocessing, model_card


def make() -> ModelConfig:
    return ModelConfig.default(
        vocabulary=1000, labels=["bad", "good"], cell="gru", cell_options={"reset": "before"}
    )


def test_facts_are_shown():
    config = make().replace(
        temperature=1.25,
        preprocessing=Preprocessing(first_tokens=100, last_tokens=300),
        data={
            "sources": [{"name": "reviews", "texts": 22_477, "licence": "research only"}],
            "labels": {"bad": 11_000, "good": 11_477},
        },
        split={"kind": "group", "column": "movie", "fraction": 0.1},
        metrics={
            "accuracy": 0.9213,
            "interval": [0.9102, 0.9311],
            "roc_auc": None,
            "calibrated": True,
            "command": "peephole evaluate imdb-lstm reviews.csv",
            "curve": list(range(30)),
        },
    )
    card = model_card(config, name="imdb-lstm")
    for line in (
        "# imdb-lstm",
        "- gru, reset before: 1 layer of 128 units, both directions",
        "- pooling over the steps: max, mean",
        "- embedding: 1,000 tokens × 128",
        "- linear: 64 outputs, relu",
        "- temperature 1.25",
        "- sources:",
        "  - 1:",
        "    - licence: research only",
        "    - texts: 22,477",
        "  - good: 11,477",
        "- column: movie",
        "- accuracy: 0.9213",
        "- interval: 0.9102, 0.9311",
        "- roc auc: unknown",
        "- calibrated: yes",
        "- command: `peephole evaluate imdb-lstm reviews.csv`",
        "- curve: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (30 in all)",
    ):
        assert line in card.splitlines()
    assert "in training, longer texts kept their first 100 and last 300 tokens" in card
    assert 'peephole predict --model imdb-lstm "a text"' in card
    assert f"{config.parameters():,} parameters" in card


def test_what_is_not_known_is_said():
    card = model_card(make())
    assert "Nothing was recorded about the data or its licence." in card
    assert "None were recorded." in card


def test_many_labels_are_not_all_listed():
    config = ModelConfig.default(vocabulary=100, labels=[f"label {n}" for n in range(50)])
    assert "`label 19` and 30 more)" in model_card(config)
