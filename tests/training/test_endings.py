"""How whole runs of a tiny network end: which pass is kept, and what stops a run before its last step."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from peephole.classifier import load
from peephole.errors import OptionError
from peephole.training import TrainingDiverged, train
from peephole.training.checkpoint import checkpoint_folder, has_checkpoint
from peephole.training.state import State


def test_the_best_pass_is_kept_not_the_last(request_for, listener, monkeypatch) -> None:
    from peephole.training import loop

    scores = iter([0.6, 0.9, 0.7])
    real = loop.judge

    def judge(*arguments):
        return dataclasses.replace(real(*arguments), accuracy=next(scores, 0.0))

    monkeypatch.setattr(loop, "judge", judge)
    kept = []
    real_keep = loop.Learner.keep_candidate
    monkeypatch.setattr(
        loop.Learner,
        "keep_candidate",
        lambda self: (real_keep(self), kept.append(self.candidate["output.bias"].clone())),
    )
    heard = listener()
    result = train(request_for(), progress=heard)
    assert [best for _, best in heard.passes] == [True, True, False]
    assert torch.equal(torch.from_numpy(load(result.output).weights["output.bias"].copy()), kept[1])
    assert load(result.output).config.data["best_epoch"] == 2


def test_early_stopping(request_for, listener, tiny, monkeypatch) -> None:
    from peephole.training import loop

    scores = iter([0.6, 0.5, 0.6, 0.9])
    real = loop.judge

    def judge(*arguments):
        return dataclasses.replace(real(*arguments), accuracy=next(scores, 0.0), log_loss=1.0)

    monkeypatch.setattr(loop, "judge", judge)
    result = train(request_for(recipe=dataclasses.replace(tiny, patience=2, epochs=9)), progress=listener())
    assert result.ending == "patience"
    assert len(result.history) == 3
    assert not has_checkpoint(checkpoint_folder(result.output))


@pytest.mark.parametrize("evaluate", ["average", "raw"])
def test_the_weights_that_are_judged_are_the_ones_that_are_kept(
    request_for, listener, tiny, evaluate
) -> None:
    from peephole.training import loop

    recipe = dataclasses.replace(tiny, evaluate=evaluate, epochs=1)
    learners = []

    class Watched(loop.Learner):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            learners.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peephole.training.run.Learner", Watched)
        result = train(request_for(recipe=recipe), progress=listener())
    expected = learners[0].average if evaluate == "average" else learners[0].parameters
    other = learners[0].parameters if evaluate == "average" else learners[0].average
    written = load(result.output).weights["output.weight"]
    assert np.array_equal(written, expected["output.weight"].detach().numpy())
    assert not np.array_equal(written, other["output.weight"].detach().numpy())


def test_a_time_budget_stops_in_good_order(request_for, listener, monkeypatch) -> None:
    from peephole.training import run

    whole = train(request_for("whole"), progress=listener())

    class Clock(run.Clock):
        steps = 0

        @property
        def over(self):
            Clock.steps += 1
            return Clock.steps >= 20

    monkeypatch.setattr(run, "Clock", Clock)
    result = train(request_for("short", time_budget=60.0), progress=listener())
    assert result.ending == "time"
    assert "after 20 of 51 steps; run the same command with --resume" in result.notes[0]
    assert load(result.output).config.data["ending"] == "time"
    assert has_checkpoint(checkpoint_folder(result.output))
    monkeypatch.undo()
    heard = listener()
    finished = train(request_for("short", resume=True), progress=heard)
    assert heard.steps[0].step == 21
    assert finished.ending == "complete"
    assert (finished.output / "model.safetensors").read_bytes() == (
        whole.output / "model.safetensors"
    ).read_bytes()
    assert not has_checkpoint(checkpoint_folder(result.output))


def test_a_time_budget_that_is_over_at_once_still_leaves_a_model(request_for, listener) -> None:
    result = train(request_for(time_budget=1e-9), progress=listener())
    assert result.ending == "time"
    assert result.history == ()
    assert "after 1 of 51 steps" in result.notes[0]
    assert 0 <= result.metrics["accuracy"] <= 1
    assert load(result.output).labels == ("negative", "positive")


def test_resuming_a_stopped_run_whose_checkpoint_is_gone(request_for, listener) -> None:
    import shutil

    result = train(request_for(time_budget=1e-9), progress=listener())
    shutil.rmtree(checkpoint_folder(result.output))
    with pytest.raises(OptionError, match="its checkpoint is no longer beside it"):
        train(request_for(resume=True), progress=listener())


def test_a_run_that_stays_at_chance_says_so_once(request_for, listener, corpus, tiny) -> None:
    import csv

    with corpus.open(newline="") as file:
        lines = list(csv.reader(file))
    random = np.random.default_rng(0)
    with corpus.open("w", newline="") as file:
        csv.writer(file).writerows(
            [lines[0], *([text, random.choice(["yes", "no"]), g] for text, _, g in lines[1:])]
        )
    heard = listener()
    train(request_for(recipe=dataclasses.replace(tiny, learning_rate=1e-3)), progress=heard)
    assert len(heard.warnings) == 1
    assert "no better than chance" in heard.warnings[0]
    assert "the labels do not belong to the texts" in heard.warnings[0]


def test_a_run_that_learns_warns_of_nothing(request_for, listener, tiny) -> None:
    heard = listener()
    train(request_for(recipe=dataclasses.replace(tiny, epochs=6)), progress=heard)
    assert heard.warnings == []


def test_a_run_that_diverges_names_the_step_and_the_remedy(request_for, listener, monkeypatch) -> None:
    from peephole.training import loop

    real, calls = loop.add_gradients, []

    def add_gradients(*arguments, **options):
        calls.append(real(*arguments, **options))
        return math.nan if len(calls) == 23 else calls[-1]

    monkeypatch.setattr(loop, "add_gradients", add_gradients)
    with pytest.raises(
        TrainingDiverged, match=r"got loss nan and .* in step 23 \(epoch 2, batch 6, learning rate"
    ) as caught:
        train(request_for(), progress=listener())
    assert "hint: train anew with a lower learning rate" in str(caught.value)
    assert isinstance(caught.value, FloatingPointError)


def test_weights_that_became_undefined_do_not_reach_a_checkpoint(request_for, listener, monkeypatch) -> None:
    from peephole.training import loop
    from peephole.training.checkpoint import load_checkpoint

    real = loop.add_gradients

    def add_gradients(learner, *arguments, **options):
        loss = real(learner, *arguments, **options)
        if learner.state.step == 4:
            next(iter(learner.parameters.values())).grad[5, 0] = math.inf
        return loss

    monkeypatch.setattr(loop, "add_gradients", add_gradients)
    with pytest.raises(TrainingDiverged, match=r"gradient norm (inf|nan) in step 5"):
        train(request_for(checkpoint_steps=1), progress=listener())
    checkpoint = load_checkpoint(checkpoint_folder(request_for().output), State)
    assert checkpoint.state.step == 4
    assert all(torch.isfinite(tensor).all() for tensor in checkpoint.tensors.values())
