"""A classifier that starts from a language model: same tokens, same weights, and its parts learn at their own rates."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from peephole.classifier import load
from peephole.errors import OptionError
from peephole.training import Progress, Recipe, TrainRequest, pretrain, train
from peephole.training.language.folder import load_language


@pytest.fixture
def labelled(texts: Path, tmp_path: Path) -> Path:
    """The corpus again, labelled by whether the cat is in it."""
    path = tmp_path / "labelled.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for line in texts.read_text().splitlines():
            writer.writerow([line, "cat" if "cat" in line.split() else "none"])
    return path


def request(labelled: Path, lm: Path, output: Path, **changes: Any) -> TrainRequest:
    settings: dict[str, Any] = {
        "head": 0,
        "epochs": 1,
        "batch_rows": 16,
        "average": 0.0,
        "evaluate": "raw",
    } | changes
    return TrainRequest(sources=(labelled,), output=output, recipe=Recipe(**settings), language_model=lm)


@pytest.mark.parametrize("changes", [{"directions": "both"}, {"layers": 2}, {"cell": "gru"}])
def test_nothing_that_does_not_learn_changes(
    pretrain_request, labelled: Path, tmp_path: Path, changes
) -> None:
    lm = pretrain(pretrain_request(changes=changes), progress=Progress()).output
    model = load(
        train(request(labelled, lm, tmp_path / "m", pretrained_rate=0.0), progress=Progress()).output
    )
    language = load_language(lm)
    assert model.tokenizer == language.tokenizer
    shared = [name for name in model.weights if name.split(".")[0] in ("embedding", "recurrent")]
    assert len(shared) == len(language.weights) - 1 - 2 * (2 if changes == {"directions": "both"} else 1)
    for name in shared:
        assert np.array_equal(model.weights[name], language.weights[name])


def test_lower_layers_wait_and_learn_slower(pretrain_request, labelled: Path, tmp_path: Path) -> None:
    lm = pretrain(pretrain_request(), progress=Progress()).output
    language = load_language(lm)

    def moved(name: str, **changes: Any) -> dict[str, float]:
        made = train(request(labelled, lm, tmp_path / name, weight_decay=0.0, **changes), progress=Progress())
        weights = load(made.output).weights
        return {
            room: max(
                float(np.abs(weights[n] - language.weights[n]).max()) for n in weights if n.startswith(room)
            )
            for room in ("embedding", "recurrent")
        }

    plain = moved("plain", pretrained_rate=0.5)
    slow = moved("slow", pretrained_rate=0.5, layer_rate=0.01)
    late = moved("late", pretrained_rate=0.5, unfreeze=1.0)
    assert slow["embedding"] < 0.1 * plain["embedding"]
    assert late["embedding"] == 0.0  # its turn comes when the run is over
    assert 0 < late["recurrent"] < plain["recurrent"]


def test_resuming_a_finished_run_knows_the_sizes(pretrain_request, labelled: Path, tmp_path: Path) -> None:
    lm = pretrain(pretrain_request(), progress=Progress()).output
    asked = request(labelled, lm, tmp_path / "m")
    train(asked, progress=Progress())
    import dataclasses

    assert train(dataclasses.replace(asked, resume=True), progress=Progress()).ending == "already"


def test_settings_that_contradict_the_language_model(
    pretrain_request, labelled: Path, tmp_path: Path
) -> None:
    lm = pretrain(pretrain_request(), progress=Progress()).output
    with pytest.raises(OptionError, match=r"hidden_size: the language model has 16; got 99"):
        train(request(labelled, lm, tmp_path / "m", hidden_size=99), progress=Progress())
    with pytest.raises(OptionError, match="one of them may be given"):
        TrainRequest(sources=(labelled,), output=tmp_path / "m", language_model=lm, word_vectors=lm)
    with pytest.raises(OptionError, match="init='identity' and a language model both give the first weights"):
        request(labelled, lm, tmp_path / "m", init="identity")


def test_the_language_model_is_not_forgotten(pretrain_request, labelled: Path, tmp_path: Path) -> None:
    from peephole.training.language.judge import judge_language
    from peephole.training.language.network import LanguageModel
    from peephole.training.language.texts import read_texts
    from peephole.training.machine import Machine

    asked = pretrain_request(changes={"epochs": 10.0})
    lm = pretrain(asked, progress=Progress()).output
    language = load_language(lm)
    held_out = read_texts(asked, Progress(), Machine(), language.tokenizer).held_out

    def loss_after(name: str, **changes: Any) -> float:
        made = train(
            request(
                labelled,
                lm,
                tmp_path / name,
                epochs=6,
                learning_rate=0.05,
                word_dropout=0.0,
                embedding_dropout=0.0,
                **changes,
            ),
            progress=Progress(),
        )
        weights = dict(language.weights) | {
            n: w
            for n, w in load(made.output).weights.items()
            if n.split(".")[0] in ("embedding", "recurrent")
        }
        names = {"projection.": "projections.0.", "recurrent.": "networks.0."}
        tensors = {}
        for key, value in weights.items():
            for old, new in names.items():
                key = key.replace(old, new) if key.startswith(old) else key
            tensors[key] = torch.from_numpy(np.array(value))
        model = LanguageModel(language.recipe, language.tokenizer.vocabulary_size)
        return judge_language(model, tensors, held_out, 10, Machine())

    assert loss_after("kept", language_loss=1.0) < loss_after("forgotten") - 0.2


def test_the_language_models_loss_needs_one(labelled: Path, tmp_path: Path) -> None:
    for changes, message in (
        ({"language_loss": 0.5}, "language_loss needs a language model"),
        ({"unfreeze": 0.5}, "unfreeze needs a language model"),
        ({"taught": "unlabelled"}, "needs teachers and unlabelled texts"),
    ):
        with pytest.raises(OptionError, match=message):
            TrainRequest(sources=(labelled,), output=tmp_path / "m", recipe=Recipe(**changes))
