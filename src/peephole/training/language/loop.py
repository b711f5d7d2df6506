"""The training loop of a language model, from the first step to the last, to be read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from peephole.training.keeper import Keeper
from peephole.training.language.gradients import add_language_gradients
from peephole.training.language.judge import judge_language
from peephole.training.language.learner import LanguageLearner
from peephole.training.language.sampled import Candidates
from peephole.training.language.state import Judged
from peephole.training.language.streams import Streams, pass_streams
from peephole.training.language.texts import LanguageTexts
from peephole.training.machine import Machine
from peephole.training.meter import Meter
from peephole.training.progress import Plan, Progress
from peephole.training.request import TrainingDiverged
from peephole.training.stopping import Clock, Interrupts


def plan_steps(texts: LanguageTexts) -> tuple[int, int]:
    """Return the steps of one pass, and of the whole run."""
    recipe = texts.recipe
    tokens = len(texts.train.ids) + len(texts.train)
    each = max(1, (tokens - 1) // recipe.streams // recipe.window)
    return each, max(1, round(recipe.epochs * each))


def rate_at(step: int, steps: int, peak: float, warmup: int, plateau: float) -> float:
    """Return the learning rate: up in a line, flat, and down in a line.

    Example:
        >>> [round(rate_at(step, 100, 1.0, 10, 0.5), 2) for step in (0, 9, 49, 75, 99)]
        [0.09, 0.91, 1.0, 0.5, 0.02]
    """
    falling = min(1.0, (1 - step / steps) / (1 - plateau)) if plateau < 1 else 1.0
    return peak * min(1.0, (step + 1) / (warmup + 1) if warmup else 1.0, falling)


def fit_language(
    learner: LanguageLearner,
    texts: LanguageTexts,
    machine: Machine,
    keeper: Keeper,
    progress: Progress,
    clock: Clock,
    interrupts: Interrupts,
    judge_steps: int | None,
) -> Literal["complete", "time"]:
    """Train a language model from where it stands to the last step, and say why it ended.

    Raises:
        TrainingInterrupted: Ctrl-C or SIGTERM came; a checkpoint was written.
        TrainingDiverged: the loss or a gradient is infinite or undefined.
    """
    recipe, state = texts.recipe, learner.state
    each, steps = plan_steps(texts)
    counts = np.bincount(texts.train.ids, minlength=texts.tokenizer.vocabulary_size)
    targets = recipe.streams * recipe.window
    choice = Candidates(counts, recipe.candidates, recipe.candidate_power, targets)
    every = judge_steps or max(1, math.ceil(steps / 4))
    meter = Meter(state, lambda: state.step // each + 1, steps)
    progress.start(Plan(steps, state.step, math.ceil(recipe.epochs), "perplexity"))
    laid: list[Streams] = []

    def judged() -> float:
        return judge_language(learner.model, learner.candidate, texts.held_out, recipe.window, machine)

    def stop_if_interrupted() -> None:
        if any(machine.agree(interrupts.received)):
            machine.wait()  # nobody leaves before the checkpoint is in place
            raise keeper.interrupted(state.step)

    learner.model.train()
    while state.step < steps:
        epoch, window = divmod(state.step, each)
        if not laid or window == 0:
            laid = [
                pass_streams(
                    texts.train, recipe.streams, seed=recipe.seed, epoch=epoch, reverse=direction == 1
                )
                for direction in range(learner.model.directions)
            ]
        if window == 0:
            learner.forget()
        machine.seed_step(recipe.seed, state.step)
        chance = np.random.default_rng([recipe.seed, state.step, 2, 0])
        loss = add_language_gradients(learner, laid, window, choice, chance, machine)
        rate = rate_at(state.step, steps, recipe.learning_rate, recipe.warmup_steps, recipe.plateau)
        norm = learner.step(rate)
        loss = machine.sum(loss)
        if not math.isfinite(loss) or (not math.isfinite(norm) and recipe.precision != "fp16"):
            raise TrainingDiverged(
                f"pretraining: loss and gradient must stay finite; got loss {loss} and gradient norm {norm} in step "
                f"{state.step} (learning rate {rate:.2g})",
                hint=f"train anew with a lower learning rate, such as {recipe.learning_rate / 3:.1g}",
            )
        state.loss_sum += loss
        state.tokens += recipe.streams * recipe.window
        state.seconds = meter.seconds
        progress.step(meter.report(loss, rate))
        if state.step % every == 0 or state.step == steps:
            _note_judgement(learner, judged, meter, progress)
        over, interrupted = machine.agree(clock.over, interrupts.received)
        out_of_time = over and state.step < steps
        if state.step % keeper.every == 0 or state.step == steps or out_of_time or interrupted:
            keeper.save(learner)
            stop_if_interrupted()
        if out_of_time:  # behind the checkpoint, which is that of a run that goes on
            if not state.history or state.history[-1].step != state.step:
                _note_judgement(learner, judged, meter, progress)
            return "time"
    return "complete"


def _note_judgement(
    learner: LanguageLearner, judged: Callable[[], float], meter: Meter, progress: Progress
) -> None:
    state = learner.state
    since = state.step - (state.history[-1].step if state.history else 0)
    line = Judged(state.step, state.loss_sum / max(since, 1), judged(), meter.seconds)
    state.history.append(line)
    state.loss_sum, state.seconds = 0.0, line.seconds
    progress.note(
        f"step {line.step:,}: training loss {line.train_loss:.3f}, held-out loss {line.log_loss:.3f} nats a token, "
        f"perplexity {math.exp(min(line.log_loss, 700)):.1f}"
    )
