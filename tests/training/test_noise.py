from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from peephole.training import train
from peephole.training.losses import label_loss
from peephole.training.noise import guesser_loss, note_loss
from peephole.training.state import State
from peephole.training.targets import class_weights


@pytest.mark.parametrize("kind", ["none", "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_guessers_loss_is_the_least_that_constant_scores_reach(kind, smoothing) -> None:
    labels = np.array([0] * 50 + [1] * 30 + [2] * 20)
    weights = class_weights(labels, 3, kind)
    scores = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = label_loss(scores.expand(100, 3), torch.from_numpy(labels), weights, smoothing)
        loss.backward()
        return loss

    optimizer.step(closure)
    expected = guesser_loss(labels, 3, smoothing, None if weights is None else weights.numpy())
    assert closure().item() == pytest.approx(expected, abs=1e-5)


def test_noise_sets_in_when_the_loss_has_left_guessing_behind() -> None:
    state = State()
    for state.step in range(1, 500):
        note_loss(state, 0.69 if state.step <= 200 else 0.5, guess=math.log(2))
    # 0.69 · 0.98^n + 0.5 · (1 − 0.98^n) < 0.9 · ln 2 from n = 22 on
    assert state.noise_step == 222
    for state.step in range(500, 900):
        note_loss(state, 5.0, guess=math.log(2))
    assert state.noise_step == 222  # and it stays


def test_noise_does_not_wait_for_less_than_fifty_steps_of_evidence() -> None:
    state = State()
    for state.step in range(1, 60):
        note_loss(state, 0.01, guess=math.log(2))
    assert state.noise_step == 50


def test_a_run_begins_without_noise(request_for, listener, tiny, monkeypatch) -> None:
    from peephole.training import loop

    noisy: list[bool] = []
    real = loop.add_gradients

    def add_gradients(*arguments, **options):
        noisy.append(options["noisy"])
        return real(*arguments, **options)

    monkeypatch.setattr(loop, "add_gradients", add_gradients)
    recipe = dataclasses.replace(tiny, noise_from="learning", epochs=12)
    train(request_for(recipe=recipe), progress=listener())
    begins = noisy.index(True)
    assert begins >= 50
    assert all(noisy[begins:])
    noisy.clear()
    train(request_for("start"), progress=listener())
    assert all(noisy)


@pytest.mark.slow
def test_noise_sets_in_at_the_same_step_after_a_resumption(request_for, listener, tiny) -> None:
    class Crash(Exception):
        pass

    def crash() -> None:
        raise Crash

    recipe = dataclasses.replace(tiny, noise_from="learning", epochs=6)
    whole = train(request_for("whole", recipe=recipe), progress=listener())
    for output, step in (("early", 40), ("late", 95)):
        with pytest.raises(Crash):
            train(request_for(output, recipe=recipe, checkpoint_steps=7), progress=listener(step, crash))
        result = train(
            request_for(output, recipe=recipe, checkpoint_steps=7, resume=True), progress=listener()
        )
        assert (result.output / "model.safetensors").read_bytes() == (
            whole.output / "model.safetensors"
        ).read_bytes()
