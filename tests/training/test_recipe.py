from __future__ import annotations

import dataclasses
import json

import pytest

from peephole.errors import OptionError
from peephole.training import Recipe, settings
from peephole.training.sizes import CorpusSize, batch_rows_for, epochs_for, resolve_sizes, vocabulary_for


def test_the_defaults_are_the_recipe_that_was_chosen_on_reviews() -> None:
    recipe = Recipe()
    assert (recipe.cell, recipe.bidirectional, recipe.embedding, recipe.hidden_size) == (
        "lstm",
        True,
        128,
        128,
    )
    assert (recipe.pooling, recipe.head, recipe.embeddings, recipe.lowercase) == (
        ("max", "mean"),
        64,
        "corpus",
        True,
    )
    assert (recipe.word_dropout, recipe.embedding_dropout, recipe.pool_dropout, recipe.head_dropout) == (
        0.2,
        0.3,
        0.3,
        0.3,
    )
    assert (recipe.learning_rate, recipe.momentum, recipe.second_momentum, recipe.weight_decay) == (
        3e-3,
        0.9,
        0.99,
        0.01,
    )
    assert (recipe.warmup, recipe.clip, recipe.label_smoothing, recipe.adversarial) == (0.2, 1.0, 0.05, 3.0)
    assert (recipe.max_length, recipe.head_tokens) == (400, 100)


def test_json_round_trip() -> None:
    recipe = Recipe(cell="gru", cell_options={"reset": "before"}, pooling=("last",), epochs=7, vocabulary=500)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert Recipe.from_json({}) == Recipe()


def test_every_setting_is_documented_and_its_default_is_legal() -> None:
    assert (
        list(settings()) == [field.name for field in dataclasses.fields(Recipe)] == list(Recipe().to_json())
    )
    for name, rule in settings().items():
        assert rule.meaning, name
        assert rule.range, name


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        Recipe(
            epochs=0, learning_rate=0.0, tokenizer="bpee", cell_options={"reset": 1}, pooling=("max", "sum")
        )
    assert str(caught.value).splitlines() == [
        "recipe: 5 settings cannot be used",
        "  cell_options: must map words to words; got {'reset': 1}",
        "  pooling: must be one of 'max', 'mean', 'last'; got 'sum'",
        "  tokenizer: must be one of 'bpe', 'word'; got 'bpee' (did you mean 'bpe'?)",
        "  learning_rate: must be a number, above 0 and at most 10; got 0.0",
        "  epochs: must be a whole number, at least 1 and at most 10000; got 0",
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hidden_size": True}, "hidden_size: must be a whole number, at least 1 and at most 8192; got True"),
        ({"hidden_size": 8.0}, "hidden_size: must be a whole number, at least 1 and at most 8192; got 8.0"),
        ({"hidden_size": None}, "hidden_size: must be given; got None"),
        ({"clip": float("nan")}, "clip: must be a number, above 0 and at most 1e+06; got nan"),
        ({"clip": float("inf")}, "clip: must be a number, above 0 and at most 1e+06; got inf"),
        ({"lowercase": 1}, "lowercase: must be true or false; got 1"),
        ({"cell": 3}, "cell: must be a word; got 3"),
        (
            {"pooling": "max"},
            "pooling: must be a list of words, each one of 'max', 'mean', 'last'; got 'max'",
        ),
        ({"pooling": []}, "pooling: must be a list of words, each one of 'max', 'mean', 'last'; got ()"),
        ({"pooling": ["max", "max"]}, "pooling: names each kind once; got ['max', 'max']"),
        ({"cell_options": "reset"}, "cell_options: must map words to words; got 'reset'"),
        ({"head_tokens": 401}, "head_tokens: at most max_length; got 401 and 400"),
        ({"average": 0.0}, "evaluate: 'average' needs an average above 0; got average 0"),
        (
            {"init": "chrono", "cell": "rnn"},
            "init: 'chrono' needs a cell with a gate that keeps the past; got cell 'rnn'",
        ),
        (
            {"init": "chrono", "max_length": 2, "head_tokens": 0},
            "init: 'chrono' needs a max_length above 2; got 2",
        ),
    ],
    ids=str,
)
def test_each_problem_names_rule_and_value(changes, problem) -> None:
    with pytest.raises(OptionError) as caught:
        Recipe(**changes)
    assert str(caught.value) == f"recipe: one setting cannot be used\n  {problem}"


def test_limits_themselves_are_legal() -> None:
    Recipe(word_dropout=0.0, average=0.0, evaluate="raw", seed=0, head=0, max_length=2, head_tokens=0)
    Recipe(word_dropout=0.95, seed=2**31 - 1, learning_rate=10)


def test_unknown_settings_are_refused_with_the_nearest() -> None:
    with pytest.raises(
        OptionError, match=r"my.json: unknown settings 'lr', 'epoch' \(did you mean 'epochs'\?\)"
    ):
        Recipe.from_json({"lr": 1, "epoch": 3, "seed": 1}, where="my.json")


def test_a_callers_mapping_may_change_later() -> None:
    options = {"reset": "before"}
    recipe = Recipe(cell="gru", cell_options=options)
    options["reset"] = "after"
    assert recipe.cell_options == {"reset": "before"}


def test_sizes_grow_with_the_corpus_and_stay_in_bounds() -> None:
    sizes = [
        CorpusSize(texts, words)
        for texts, words in [(10, 100), (5_000, 50_000), (48_000, 900_000), (10**7, 10**9)]
    ]
    vocabularies, rows = [vocabulary_for(size) for size in sizes], [batch_rows_for(size) for size in sizes]
    assert vocabularies == sorted(vocabularies)
    assert (vocabularies[0], vocabularies[-1]) == (1_000, 16_000)
    assert rows == sorted(rows)
    assert (rows[0], rows[-1]) == (16, 64)
    assert [epochs_for(steps) for steps in (1, 50, 500, 501, 10**6)] == [30, 30, 3, 3, 3]


def test_what_the_recipe_says_is_not_changed() -> None:
    recipe = Recipe(vocabulary=777, batch_rows=5, batch_tokens=99, epochs=2)
    assert resolve_sizes(recipe, CorpusSize(1_000, 10_000)) == recipe
