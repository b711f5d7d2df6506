"""The torch twin from a hub and back, and language models that training starts from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard

import peephole
from peephole.classifier import Classifier
from peephole.errors import ModelError, OptionError
from peephole.nn.classifier import ClassifierModule
from peephole.training import LanguageRecipe, PretrainRequest, pretrain
from peephole.training.language.folder import load_language
from peephole.training.language.push import push_language
from peephole.training.progress import Progress
from support.fake_hub import FakeHub
from support.small_models import TEXTS, small_classifier

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_a_module_is_the_model_and_comes_back(hub: FakeHub, tmp_path: Path, storage) -> None:
    model = small_classifier().with_storage(storage)
    scored = Classifier(
        model.config.replace(metrics={"development": {"accuracy": 0.9}}), model.tokenizer, model.tensors
    )
    scored.push_to_hub("ada/films")
    module = ClassifierModule.from_pretrained("ada/films", revision="main")
    assert not module.training
    assert module.pretrained_tokenizer.to_json() == model.tokenizer.to_json()
    for name, weight in module.state_dict().items():
        assert np.array_equal(weight.numpy(), model.weights[name]), name
    again = peephole.load(module.save_pretrained(tmp_path / "again", language="en"))
    assert again.config.metrics == {}  # what was measured was another model
    assert again.config.storage == storage
    assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    with torch.no_grad():
        module.state_dict()["output.bias"].add_(torch.tensor([3.0, 0.0, 0.0]))
    module.push_to_hub("ada/films", revision="biased")
    moved = peephole.load("ada/films@biased").predict_proba(TEXTS)
    assert (moved[:, 0] > model.predict_proba(TEXTS)[:, 0]).all()


def test_a_module_of_ones_own_needs_a_tokenizer(tmp_path: Path) -> None:
    model = small_classifier()
    module = ClassifierModule(model.config)
    with pytest.raises(OptionError, match="ClassifierModule: a tokenizer must be given; got none"):
        module.save_pretrained(tmp_path / "model")
    folder = module.save_pretrained(tmp_path / "model", tokenizer=model.tokenizer)
    assert np.array_equal(peephole.load(folder).weights["output.weight"], module.export()["output.weight"])


def test_a_language_model_goes_there_and_comes_back(hub: FakeHub, tmp_path: Path) -> None:
    lines = [f"the {size} {what} sat on the {place}" for size in ("old", "small", "big") for what in ("cat", "dog", "cow", "hen")
             for place in ("mat", "bed", "roof")]  # fmt: skip
    (tmp_path / "texts.txt").write_text("\n".join(lines))
    recipe = LanguageRecipe(
        tokenizer="word", vocabulary=300, embedding=6, hidden_size=5, streams=4, window=6, epochs=1.0, candidates=0,
        warmup_steps=1,
    )  # fmt: skip
    folder = pretrain(
        PretrainRequest(sources=(tmp_path / "texts.txt",), output=tmp_path / "lm", recipe=recipe),
        progress=Progress(),
    ).output
    done = push_language(folder, "ada/language", license="mit", language="en")
    held = hub.repositories["ada/language"].commits[done.commit]
    assert held.keys() == {
        ".gitattributes",
        "README.md",
        "language_model.json",
        "model.safetensors",
        "tokenizer.json",
    }
    hub.put("ada/language", {"pytorch_model.bin": b"\x80\x04"})
    one, other = load_language(folder), load_language("ada/language")
    assert all(np.array_equal(weight, other.weights[name]) for name, weight in one.weights.items())
    assert "pytorch_model.bin" not in hub.fetched()
    card = ModelCard(held["README.md"].decode()).data
    record = json.loads(held["language_model.json"])
    assert (card.license, card.language, card.library_name) == ("mit", ["en"], "peephole")
    assert [each.metric_value for each in card.eval_results] == [record["metrics"]["held_out"]["perplexity"]]
    hub.sizes["model.safetensors"] = 10**12
    with pytest.raises(ModelError, match=r"ada/language, model.safetensors: must be at most"):
        load_language("ada/language")
