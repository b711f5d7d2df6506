"""benchmarks/scoring.py: every rival is the same classifier, padding changes nothing, and who is wrong gets no time."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from peephole.classifier.prediction import softmax
from peephole.errors import DataError, OptionError
from support.small_models import TEXTS, small_classifier

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = ("scoring", "scoring_rivals", "scoring_onnx")
MODELS: dict[str, dict[str, Any]] = {
    "default": {},
    "one direction": {"bidirectional": False, "pooling": ("last", "max", "mean")},
    "two layers": {"num_layers": 2, "pooling": ("mean", "last")},
    "two layers, one direction": {"num_layers": 2, "bidirectional": False, "pooling": ("last",)},
    "no head": {"head": 0, "pooling": ("last", "mean", "max")},
}
LONG = [text for text in TEXTS if text] + ["good", "the end of a very long evening " * 9]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)  # its parts import each other, as they do when it is run
        yield importlib.import_module("scoring")
        for name in NAMES:
            sys.modules.pop(name, None)


def options(script: ModuleType, *words: str) -> Any:
    found = script.parse(["model", "data.csv", "--threads", "1", "--rounds", "1", *words])
    found.make_encoder = lambda dtype: script.Encoder(dtype, layers=1, width=24, heads=2, vocabulary=50)
    return found


@pytest.mark.parametrize("sizes", MODELS.values(), ids=MODELS)
def test_every_rival_gives_the_probabilities_of_the_classifier(script: ModuleType, sizes: dict[str, Any]):
    classifier = small_classifier(labels=["bad", "good"], **sizes)
    ids = classifier.tokenizer.encode_batch(LONG)
    right = softmax(classifier.logits(ids), classifier.config.temperature)
    assert np.abs(right - right.mean(axis=0)).max() > 0.005  # the answers differ from text to text
    config, weights = classifier.config, classifier.weights
    rivals = {
        "packed": script.TorchRival(config, weights, packed=True, dtype=torch.float32),
        "padded": script.TorchRival(config, weights, packed=False, dtype=torch.float32),
        "onnx": script.OnnxRival(config, weights, 1),
    }
    for name, rival in rivals.items():
        for budget in (1, 60, 10_000):  # each alone, a few together, all together
            found = script.score(rival, ids, budget, classifier.config.temperature)
            assert np.abs(found - right).max() < 1e-5, (name, budget)
    lower = script.TorchRival(config, weights, packed=False, dtype=torch.bfloat16)
    found = script.score(lower, ids, 10_000, classifier.config.temperature)
    assert 1e-6 < np.abs(found - right).max() < script.BOUNDS["bfloat16"]


def test_the_texts_of_a_batch_are_of_like_length_and_within_the_budget(script: ModuleType):
    lengths = np.array([3, 50, 1, 7, 7, 200, 2])
    bucketed = sys.modules[script.score.__module__].bucketed
    batches = [batch.tolist() for batch in bucketed(lengths, 14)]
    assert batches == [[5], [1], [3, 4], [0, 6, 2]]


def test_texts_are_drawn_evenly(script: ModuleType):
    lengths = np.arange(100)[::-1]
    assert lengths[script.spread(lengths, 4)].tolist() == [99, 66, 33, 0]
    assert script.spread(lengths[:3], 10).tolist() == [0, 1, 2]


def test_padding_does_not_change_an_encoder(script: ModuleType):
    encoder = script.Encoder(torch.float32, layers=2, width=24, heads=2, vocabulary=50)
    ids = [np.arange(3, 3 + n, dtype=np.int32) for n in (5, 2, 9)]
    found = script.padding_changes_nothing(encoder, "float32", ids)
    assert found["error"] < 1e-6
    blind = script.Encoder(torch.float32, layers=2, width=24, heads=2, vocabulary=50)
    forward = blind.encoder.forward
    blind.encoder.forward = lambda rows, src_key_padding_mask=None: forward(rows)
    found = script.padding_changes_nothing(blind, "float32", ids)
    assert found["error"] > found["bound"]


def test_the_encoder_has_the_size_of_distilbert(script: ModuleType):
    with torch.device("meta"):
        encoder = script.Encoder(torch.float32)
    assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(66.9e6, rel=0.01)


@pytest.mark.slow
def test_a_whole_run(script: ModuleType):
    classifier = small_classifier(labels=["bad", "good"])
    words = ("--encoder-texts", "3", "--budgets", "40", "400", "--encoder-budgets", "512")
    found = script.run(classifier, [*LONG, ""], options(script, *words))
    json.dumps(found, allow_nan=False)
    assert found["texts"]["count"] == len(LONG)  # a text without a token is left out
    assert found["texts"]["for_the_encoder"] == 3
    scoring = {entry["name"]: entry for entry in found["results"]["scoring"]}
    assert list(scoring) == [
        "peephole",
        "torch, packed",
        "torch, padded",
        "torch, padded, bfloat16",
        "ONNX Runtime",
    ]
    assert scoring["peephole"]["ratio"] == 1
    for entry in scoring.values():
        assert entry["error"] <= entry["bound"]
        assert entry["seconds"]["median"] > 0
        assert entry["budget"] in (0, 40, 400)
    ours, *encoders = found["results"]["from_text"]
    assert (ours["texts"], [entry["texts"] for entry in encoders]) == (len(LONG), [3, 3])
    for entry in encoders:
        by_text = (entry["seconds"]["median"] / 3) / (ours["seconds"]["median"] / len(LONG))
        assert entry["ratio"] == pytest.approx(by_text)
    shown = script.table("scoring", found["results"]["scoring"]).plain()
    assert "1.00 ×" in shown
    assert "wrong" not in shown


@pytest.mark.slow
def test_who_is_wrong_gets_no_time(script: ModuleType, monkeypatch: pytest.MonkeyPatch):
    classifier = small_classifier(labels=["bad", "good"])
    build = script.OnnxRival

    def broken(config: Any, weights: Any, threads: int) -> Any:
        changed = {name: array + 0.01 for name, array in weights.items()}
        return build(config, changed, threads)

    monkeypatch.setattr(script, "OnnxRival", broken)
    found = script.run(classifier, LONG, options(script, "--encoder-texts", "0", "--budgets", "400"))
    assert "from_text" not in found["results"]
    by_name = {entry["name"]: entry for entry in found["results"]["scoring"]}
    assert by_name["ONNX Runtime"]["error"] > 1e-4
    assert "seconds" not in by_name["ONNX Runtime"]
    assert "seconds" in by_name["torch, packed"]
    assert "wrong: no time" in script.table("scoring", found["results"]["scoring"]).plain()


def test_what_cannot_be_scored_is_refused(script: ModuleType):
    with pytest.raises(OptionError, match=r"must be LSTM layers with biases, .* got gru, pooling"):
        script.run(small_classifier(cell="gru"), LONG, options(script))
    with pytest.raises(DataError, match="at least one text with a token; got none"):
        script.run(small_classifier(), [""], options(script))
    with pytest.raises(OptionError, match="--texts: must be at least 1; got 0"):
        options(script, "--texts", "0")
    with pytest.raises(OptionError, match="--encoder-budgets: must be at least 1; got 0"):
        options(script, "--encoder-budgets", "0")


@pytest.mark.slow
def test_the_program(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    model = small_classifier(labels=["bad", "good"]).save(tmp_path / "model")
    data, written = tmp_path / "data.csv", tmp_path / "scoring.json"
    data.write_text("text,label\n" + "".join(f'"{text}",x\n' for text in LONG), encoding="utf-8")
    words = [
        str(model),
        str(data),
        "--texts",
        "4",
        "--rounds",
        "1",
        "--encoder-texts",
        "0",
        "--budgets",
        "400",
    ]
    monkeypatch.setattr(sys, "argv", ["scoring.py", *words, "--json", str(written)])
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    script.main()
    report = json.loads(written.read_text("utf-8"))
    assert report["command"] == (
        "python benchmarks/scoring.py model data.csv --texts 4 --rounds 1 --encoder-texts 0 --budgets 400"
    )
    assert report["texts"]["count"] == 4
    assert {"machine", "versions", "date", "data"} < set(report)
    assert capsys.readouterr().out.startswith("4 texts, ")
