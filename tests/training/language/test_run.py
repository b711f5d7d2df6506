"""Pretraining from texts to a folder: it learns, resumes to the same bits, and refuses what is not its own."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from peephole.errors import ModelError, OptionError
from peephole.training import Progress, TrainingInterrupted, pretrain
from peephole.training.checkpoint import checkpoint_folder, has_checkpoint
from peephole.training.corpus import Corpus
from peephole.training.language import gradients
from peephole.training.language.folder import load_language, shapes_of
from peephole.training.language.judge import judge_language
from peephole.training.language.network import LanguageModel
from peephole.training.machine import Machine
from peephole.training.progress import StepReport
from support.tolerances import FLOAT32


class StopAt(Progress):
    """Behaves like Ctrl-C after a number of steps."""

    def __init__(self, step: int) -> None:
        self.at = step

    def step(self, report: StepReport) -> None:
        if report.step == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("directions", ["forward", "both"])
@pytest.mark.parametrize("candidates", [0, 4])
def test_it_learns_what_follows(pretrain_request, directions: str, candidates: int) -> None:
    changes = {"directions": directions, "candidates": candidates, "epochs": 12.0}
    result = pretrain(pretrain_request(changes=changes), progress=Progress())
    words = 15  # all words are alike often, so that nobody who does not look back gets below log 15
    assert result.ending == "complete"
    assert result.metrics["nats_per_token"] < 0.6 * math.log(words)
    assert result.history[0].log_loss > result.history[-1].log_loss
    language = load_language(result.output)
    assert {name: w.shape for name, w in language.weights.items()} == shapes_of(
        language.recipe, language.tokenizer.vocabulary_size
    )


def test_the_loss_of_held_out_texts_is_the_mean_over_all_tokens(recipe) -> None:
    torch.manual_seed(3)
    model = LanguageModel(recipe(directions="both", layers=1), 300).eval()
    chance = np.random.default_rng(0)
    texts = Corpus.from_texts([chance.integers(3, 300, 9).astype(np.int32) for _ in range(5)], [-1] * 5)
    total, count = 0.0, 0
    with torch.no_grad():
        for direction in (0, 1):
            line: list[int] = []
            for index in range(5):
                text = texts.text(index).tolist()
                line += [2, *(text[::-1] if direction else text)]
            said, _ = model(torch.tensor(line[:-1])[:, None], model.begin(1)[:2], direction)
            scores = F.linear(said, model.embedding.weight, model.bias)
            total += float(F.cross_entropy(scores, torch.tensor(line[1:]), reduction="sum"))
            count += len(line) - 1
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    for window in (3, 100):
        found = judge_language(model, weights, texts, window, Machine())
        torch.testing.assert_close(torch.tensor(found), torch.tensor(total / count), **FLOAT32)


@pytest.mark.parametrize("stop", [1, 5, 9])
def test_a_run_that_was_cut_short_gives_the_same_bits(pretrain_request, stop: int) -> None:
    changes = {"directions": "both", "candidates": 5}
    whole = pretrain(pretrain_request("whole", changes), progress=Progress())
    with pytest.raises((KeyboardInterrupt, TrainingInterrupted)):
        pretrain(pretrain_request("cut", changes), progress=StopAt(stop))
    assert has_checkpoint(checkpoint_folder(pretrain_request("cut").output))
    cut = pretrain(pretrain_request("cut", changes, resume=True), progress=Progress())
    assert not has_checkpoint(checkpoint_folder(cut.output))
    assert (whole.output / "model.safetensors").read_bytes() == (
        cut.output / "model.safetensors"
    ).read_bytes()
    assert [line.log_loss for line in whole.history] == [line.log_loss for line in cut.history]


def test_a_finished_run_is_not_run_again(pretrain_request) -> None:
    first = pretrain(pretrain_request(), progress=Progress())
    again = pretrain(pretrain_request(resume=True), progress=Progress())
    assert again.ending == "already"
    assert again.metrics == first.metrics
    with pytest.raises(OptionError, match=r"another recipe\n  seed: 1, 2"):
        pretrain(pretrain_request(changes={"seed": 2}, resume=True), progress=Progress())
    with pytest.raises(OptionError, match="must be a new or empty folder"):
        pretrain(pretrain_request(), progress=Progress())


def test_a_time_budget_keeps_what_was_reached(pretrain_request) -> None:
    result = pretrain(pretrain_request(time_budget=1e-6, judge_steps=1), progress=Progress())
    assert result.ending == "time"
    assert "--resume" in result.notes[0]
    assert load_language(result.output).metrics["held_out"] == result.metrics
    rest = pretrain(pretrain_request(resume=True, judge_steps=1), progress=Progress())
    assert rest.ending == "complete"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("language_model.json", lambda old: b"[]", r"language_model.json: must be a JSON object"),
        ("language_model.json", lambda old: b"{}", r"format must be 1 and kind 'language model'"),
        (
            "language_model.json",
            lambda old: old.replace(b'"hidden_size": 16', b'"hidden_size": 17'),
            r"must be \[68",
        ),
        ("language_model.json", lambda old: old.replace(b'"lstm"', b'"lstn"'), r"recipe: cannot be used"),
        (
            "language_model.json",
            lambda old: old.replace(b'"word"', b'"bpe"'),
            r"must agree in kind and lowercase",
        ),
        ("model.safetensors", lambda old: old[:-4], r"model.safetensors: must hold"),
        ("model.safetensors", lambda old: old[:-4] + b"\0\0\xc0\x7f", r"must be finite"),
        ("tokenizer.json", lambda old: old[:50], r"tokenizer.json"),
    ],
)
def test_a_damaged_folder_is_refused(pretrain_request, file: str, change, message: str) -> None:
    output = pretrain(pretrain_request(changes={"epochs": 0.2}), progress=Progress()).output
    path = output / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelError, match=message):
        load_language(output)


def test_no_language_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"must hold .*; got no language_model.json"):
        load_language(tmp_path)


def test_the_card_says_what_it_is(pretrain_request) -> None:
    output = pretrain(pretrain_request(command="peephole pretrain x --output y"), progress=Progress()).output
    card = (output / "README.md").read_text()
    assert "peephole pretrain x --output y" in card
    config = json.loads((output / "language_model.json").read_text())
    assert f"perplexity {config['metrics']['held_out']['perplexity']:.1f}" in card


def test_directions_side_by_side_compute_what_they_do_one_after_the_other(
    pretrain_request, monkeypatch
) -> None:
    changes = {"directions": "both", "candidates": 5, "input_dropout": 0.2, "output_dropout": 0.3}
    parted: list[bool] = []
    real = gradients._may_part

    def noted(*arguments) -> bool:
        parted.append(real(*arguments))
        return parted[-1]

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        monkeypatch.setattr(gradients, "_may_part", noted)
        beside = pretrain(pretrain_request("beside", changes), progress=Progress())
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert (torch.get_num_threads(), later) == (2, [2])
        monkeypatch.setattr(gradients, "_may_part", lambda *_: False)
        after = pretrain(pretrain_request("after", changes), progress=Progress())
    finally:
        torch.set_num_threads(before)
    assert parted
    assert all(parted)
    files = [result.output / "model.safetensors" for result in (beside, after)]
    # Layers this small run on one thread either way, so that even the bits are the same.
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_direction_that_fails_leaves_no_thread_and_no_setting_behind(pretrain_request, monkeypatch) -> None:
    real = gradients.sampled_loss

    def fail(*arguments):
        if threading.current_thread() is not threading.main_thread() and len(arguments[0]):
            raise MemoryError("no room")
        return real(*arguments)

    monkeypatch.setattr(gradients, "sampled_loss", fail)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(MemoryError, match="no room"):
            pretrain(pretrain_request("failed", {"directions": "both"}), progress=Progress())
        assert torch.get_num_threads() == 2
        assert not [t for t in threading.enumerate() if t.name.startswith("direction")]
    finally:
        torch.set_num_threads(before)
