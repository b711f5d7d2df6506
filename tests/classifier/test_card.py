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
        "- roc auc: none",
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


def test_the_command_quotes_the_name():
    assert "peephole predict --model 'my model; rm -r ~' \"a text\"" in model_card(
        make(), name="my model; rm -r ~"
    )


def test_what_is_empty_is_left_out_and_null_is_none():
    data = {
        "development_sources": [],
        "skipped": {},
        "nested": {"deeper": {"empty": []}, "also": [{}]},
        "recipe": {"patience": None, "note": ""},
        "read": 0,
    }
    card = model_card(make().replace(data=data)).splitlines()
    start = card.index("## Data") + 2
    assert card[start : card.index("## Scores") - 1] == [
        "- recipe:",
        "  - patience: none",
        "  - note: ",
        "- read: 0",
    ]
    nothing = model_card(make().replace(data={"skipped": {}}, metrics={"curve": []}))
    assert "Nothing was recorded about the data or its licence." in nothing
    assert "None were recorded." in nothing


def test_the_two_numbers_of_a_label_are_named():
    data = {"labels": {"negative": [11_168, 1_325], "odd": 3, "three": [1, 2, 3]}, "pair": [1, 2]}
    card = model_card(make().replace(data=data)).splitlines()
    assert "  - negative: 11,168 training, 1,325 development" in card
    for line in ("  - odd: 3", "  - three: 1, 2, 3", "- pair: 1, 2"):
        assert line in card
