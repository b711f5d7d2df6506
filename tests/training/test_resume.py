"""A run that was cut short at any moment, and resumed, ends with the same bits as one that was not."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import random
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import torch

from peephole.errors import ModelError, OptionError
from peephole.training import Progress, TrainingInterrupted, TrainRequest, train
from peephole.training.checkpoint import checkpoint_folder, load_checkpoint
from peephole.training.state import State
from support import short_run


class Crash(Exception):
    """What stands for a process that is gone: nothing catches it."""


def crash() -> None:
    raise Crash


def weights(output: Path) -> bytes:
    return (output / "model.safetensors").read_bytes()


def config(output: Path) -> dict:
    """The model's config without what tells the time and the place."""
    value = json.loads((output / "config.json").read_text(encoding="utf-8"))
    del (
        value["data"]["sources"],
        value["data"]["training_seconds"],
        value["metrics"]["learning_curve"]["seconds"],
    )
    return value


@pytest.fixture(scope="module")
def whole(small_corpus, tiny, tmp_path_factory):
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    request = TrainRequest(
        sources=(small_corpus(folder / "texts.csv"),), output=folder / "whole", recipe=tiny
    )
    return train(request, progress=Progress())


def test_the_same_request_gives_the_same_bits_twice(whole, request_for, listener) -> None:
    again = train(request_for("again"), progress=listener())
    assert weights(again.output) == weights(whole.output)
    assert again.metrics == whole.metrics


def test_another_seed_gives_other_bits(whole, request_for, listener, tiny) -> None:
    other = train(request_for("other", recipe=dataclasses.replace(tiny, seed=4)), progress=listener())
    assert weights(other.output) != weights(whole.output)


def test_how_often_checkpoints_are_written_does_not_change_the_bits(whole, request_for, listener) -> None:
    often = train(request_for("often", checkpoint_steps=1), progress=listener())
    assert weights(often.output) == weights(whole.output)


def test_numbers_drawn_by_others_between_steps_do_not_change_the_bits(whole, request_for, listener) -> None:
    class Draws(listener):
        def step(self, report):
            torch.rand(7)

    assert weights(train(request_for("draws"), progress=Draws()).output) == weights(whole.output)


@pytest.mark.parametrize("step", [1, 5, 17, 18, 40])
def test_a_crash_at_a_step(whole, request_for, listener, step) -> None:
    with pytest.raises(Crash):
        train(request_for("cut", checkpoint_steps=4), progress=listener(step, crash))
    heard = listener()
    result = train(request_for("cut", checkpoint_steps=4, resume=True), progress=heard)
    assert result.ending == "complete"
    assert weights(result.output) == weights(whole.output)
    assert config(result.output) == config(whole.output)
    assert result.history[-1].epoch == whole.history[-1].epoch
    assert [line.accuracy for line in result.history] == [line.accuracy for line in whole.history]
    # It went on from the last checkpoint, not from the beginning.
    assert heard.steps[0].step > step - 4
    assert not checkpoint_folder(result.output).exists()


@pytest.mark.parametrize("taught", [False, True])
def test_a_crash_with_unlabelled_texts_and_every_term(
    request_for, listener, tiny, tmp_path, taught, whole
) -> None:
    unlabelled = tmp_path / "unlabelled.txt"
    unlabelled.write_text("".join(f"number {n} was {'dull' if n % 3 else 'fine'}\n" for n in range(120)))
    recipe = dataclasses.replace(
        tiny, epochs=2, virtual_adversarial=1.0, entropy=0.3, noise_from="learning", batch_rows=8
    )
    changes = {
        "recipe": recipe,
        "unlabelled": (unlabelled,),
        "teachers": (whole.output,) if taught else (),
        "checkpoint_steps": 5,
    }
    undisturbed = train(request_for("undisturbed", **changes), progress=listener())
    # One run, cut before the noise set in, at about the fiftieth step, and again after it had.
    with pytest.raises(Crash):
        train(request_for("cut", **changes), progress=listener(33, crash))
    between = listener(71, crash)
    with pytest.raises(Crash):
        train(request_for("cut", resume=True, **changes), progress=between)
    heard = listener()
    result = train(request_for("cut", resume=True, **changes), progress=heard)
    assert 33 - 5 < between.steps[0].step < 33 < 71 - 5 < heard.steps[0].step
    assert weights(result.output) == weights(undisturbed.output)
    assert [line.train_loss for line in result.history] == [line.train_loss for line in undisturbed.history]
    assert not checkpoint_folder(result.output).exists()


def test_a_crash_while_judging_and_while_writing_the_model(whole, request_for, listener, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("peephole.training.loop.judge", lambda *_: crash())
        with pytest.raises(Crash):
            train(request_for("cut"), progress=listener())
    with monkeypatch.context() as patch:
        patch.setattr("peephole.training.run.write_model", lambda *_: crash())
        with pytest.raises(Crash):
            train(request_for("cut", resume=True), progress=listener())
    with monkeypatch.context() as patch:  # the model is there, the checkpoint too
        patch.setattr("peephole.training.keeper.remove_checkpoints", lambda *_: crash())
        with pytest.raises(Crash):
            train(request_for("cut", resume=True), progress=listener())
    assert weights(train(request_for("cut", resume=True), progress=listener()).output) == weights(
        whole.output
    )


def test_resuming_before_anything_was_written_begins_at_the_beginning(whole, request_for, listener) -> None:
    result = train(request_for("fresh", resume=True), progress=listener())
    assert weights(result.output) == weights(whole.output)


def test_resuming_what_is_complete_says_so(whole, request_for, listener) -> None:
    result = train(request_for(output=whole.output, resume=True), progress=listener())
    assert result.ending == "already"
    assert result.metrics["accuracy"] == whole.metrics["accuracy"]
    assert [line.accuracy for line in result.history] == [line.accuracy for line in whole.history]
    assert result.recipe == whole.recipe


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(whole, request_for, listener, number) -> None:
    before = signal.getsignal(number)
    with pytest.raises(TrainingInterrupted, match=r"after 11 steps.*\n.*--resume") as caught:
        train(request_for("cut"), progress=listener(11, lambda: signal.raise_signal(number)))
    assert signal.getsignal(number) is before
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.checkpoint == checkpoint_folder(request_for("cut").output)
    heard = listener()
    result = train(request_for("cut", resume=True), progress=heard)
    assert heard.steps[0].step == 12
    assert weights(result.output) == weights(whole.output)


def test_an_interrupt_before_the_first_step(request_for, listener, monkeypatch) -> None:
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("peephole.training.run.prepare", interrupted)
    with pytest.raises(TrainingInterrupted, match="--resume"):
        train(request_for("cut"), progress=listener())


def test_the_output_must_be_empty_or_be_resumed(whole, request_for, listener, tmp_path) -> None:
    with pytest.raises(OptionError, match=r"must be a new or empty folder; got .*whole, which is not empty"):
        train(request_for(output=whole.output), progress=listener())
    with pytest.raises(Crash):
        train(request_for("cut"), progress=listener(5, crash))
    with pytest.raises(
        OptionError, match="holds the checkpoint of a run that did not end\nhint: go on with it"
    ):
        train(request_for("cut"), progress=listener())
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="must be a folder; got the file"):
        train(request_for("file"), progress=listener())


def test_another_recipe_other_texts_or_other_columns_are_refused(request_for, listener, tiny, corpus) -> None:
    with pytest.raises(Crash):
        train(request_for("cut"), progress=listener(5, crash))
    other = dataclasses.replace(tiny, learning_rate=0.1, seed=9)
    with pytest.raises(
        OptionError, match=r"another run\n  learning_rate was 0.03; got 0.1\n  seed was 3; got 9\nhint"
    ):
        train(request_for("cut", resume=True, recipe=other), progress=listener())
    with pytest.raises(OptionError, match="the texts, their labels or the way they are divided"):
        train(request_for("cut", resume=True, group_column="group"), progress=listener())
    with corpus.open("a") as file:
        file.write("one more good text,positive,group 1\n")
    with pytest.raises(OptionError, match="the texts, their labels or the way they are divided"):
        train(request_for("cut", resume=True), progress=listener())


def test_a_finished_model_of_another_recipe_is_not_taken_for_this_one(
    whole, request_for, listener, tiny
) -> None:
    other = dataclasses.replace(tiny, hidden_size=9)
    with pytest.raises(OptionError, match="another recipe\n  hidden_size was 8; got 9"):
        train(request_for(output=whole.output, resume=True, recipe=other), progress=listener())


def test_a_damaged_checkpoint_is_refused(request_for, listener) -> None:
    with pytest.raises(Crash):
        train(request_for("cut"), progress=listener(5, crash))
    folder = checkpoint_folder(request_for("cut").output)
    checkpoint = load_checkpoint(folder, State)
    assert checkpoint is not None
    path = checkpoint.path / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"tensors.safetensors: is not the file that was written"):
        train(request_for("cut", resume=True), progress=listener())


# How often the run below is killed: PEEPHOLE_KILLS=100 asks for more.
KILLS = int(os.environ.get("PEEPHOLE_KILLS", "12"))


@pytest.fixture
def forked(monkeypatch) -> ForkServerContext:
    """Processes that have imported torch when they begin, so that a kill comes while they train."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["peephole.training"])
    return context


def ends(context: ForkServerContext, *arguments: object, seconds: float | None = None) -> bool:
    """Train in a process of its own; kill it after so many seconds, and tell whether it had ended before."""
    process = context.Process(target=short_run.run, args=arguments)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


@pytest.mark.slow
def test_kills_at_random_moments(corpus, tmp_path, tiny, forked) -> None:
    """Kills come by turns before some change of files, and after a random time: from the first text to the last file."""
    recipe = dataclasses.replace(tiny, epochs=2).to_json()
    assert ends(forked, str(corpus), str(tmp_path / "first"), recipe, False)
    began = time.monotonic()
    assert ends(forked, str(corpus), str(tmp_path / "whole"), recipe, False)
    longest = time.monotonic() - began
    dice = random.Random(7)
    kills, outputs = 0, [tmp_path / "killed"]
    while kills < KILLS:
        seconds = dice.uniform(0, 1.1) * longest if kills % 2 else None
        change = dice.randrange(1, 40) if seconds is None else 0
        if ends(forked, str(corpus), str(outputs[-1]), recipe, True, change, seconds=seconds):
            outputs.append(tmp_path / f"killed {len(outputs)}")
        else:
            kills += 1
    assert ends(forked, str(corpus), str(outputs[-1]), recipe, True)
    for output in outputs:
        assert weights(output) == weights(tmp_path / "whole"), output
