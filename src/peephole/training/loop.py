"""The training loop, from the first step to the last, to be read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from torch import Tensor

from peephole.nn.classifier import ClassifierModule
from peephole.training.batches import Rows
from peephole.training.chance import guessing_advice, is_guessing
from peephole.training.judge import Judgement, judge
from peephole.training.keeper import Keeper
from peephole.training.language.auxiliary import LanguageTask
from peephole.training.learner import Learner
from peephole.training.machine import Machine
from peephole.training.meter import Meter
from peephole.training.noise import guesser_loss, note_loss
from peephole.training.objective import add_gradients
from peephole.training.prepare import Prepared
from peephole.training.progress import Plan, Progress
from peephole.training.recipe import Recipe
from peephole.training.request import TrainingDiverged
from peephole.training.schedule import OneCycle
from peephole.training.sharing import gather_part
from peephole.training.state import Pass, State
from peephole.training.stopping import Clock, Interrupts
from peephole.training.targets import class_weights

Ending: TypeAlias = Literal["complete", "patience", "time"]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What the loop leaves.

    Args:
        ending: why it ended: all passes were made, the score had stopped rising, or the time budget was over.
        weights: the weights that are kept, by name.
        judgement: what they make of the development texts.
    """

    ending: Ending
    weights: dict[str, Tensor]
    judgement: Judgement


def fit(
    learner: Learner[ClassifierModule, State],
    data: Prepared,
    plan: Sequence[Sequence[Rows]],
    machine: Machine,
    keeper: Keeper,
    progress: Progress,
    clock: Clock,
    interrupts: Interrupts,
    task: LanguageTask | None = None,
) -> Fitted:
    """Train a network from where it stands to the last pass, and return the best weights.

    Args:
        learner: the network and all that changes while it learns.
        data: texts, labels and recipe.
        plan: the batches of every pass, each of which the processes share.
        machine: device, precision and processes.
        keeper: writes checkpoints.
        progress: hears of steps and passes.
        clock: says when the time budget is over.
        interrupts: says when to stop at once.
        task: the language model's own task, which is learnt beside; or None.

    Raises:
        TrainingInterrupted: Ctrl-C or SIGTERM came; a checkpoint was written.
        TrainingDiverged: the loss or a gradient is infinite or undefined.
    """
    recipe, train, state = data.recipe, data.train, learner.state
    labels, texts = train.known_labels, train.known_weights
    weights = class_weights(labels, len(data.labels), recipe.class_weights, machine.device, texts)
    balance = None if weights is None else weights.cpu().numpy()
    guess = guesser_loss(labels, len(data.labels), recipe.label_smoothing, balance, texts)
    steps = sum(len(batches) for batches in plan)
    schedule = OneCycle(recipe.learning_rate, steps, recipe.warmup)
    meter = Meter(state, lambda: state.epoch + 1, steps)
    warned = False
    progress.start(Plan(steps, state.step, len(plan), recipe.score))

    def stop_if_interrupted() -> None:
        if any(machine.agree(interrupts.received)):
            machine.wait()  # nobody leaves before the checkpoint is in place
            raise keeper.interrupted(state.step)

    def listen(done: int, texts: int) -> None:
        progress.judge(done, texts)
        if machine.processes == 1:  # several judge unequal numbers of batches: they cannot agree in between
            stop_if_interrupted()

    def judge_weights(candidate: Mapping[str, Tensor]) -> Judgement:
        return judge(learner.model, candidate, data.development, data.labels, machine, listen)

    while state.epoch < len(plan) and not out_of_patience(state, recipe):
        batches = plan[state.epoch]
        learner.model.train()
        for rows in batches[state.batch :]:
            # The learning rate and the chance in a step are functions of its number: nothing else to restore.
            learning_rate = schedule.rate(state.step)
            machine.seed_step(recipe.seed, state.step)
            noisy = recipe.noise_from == "start" or state.noise_step > 0
            batch = gather_part(train, rows, machine.process, machine.processes)
            loss = add_gradients(learner, batch, weights, recipe, machine, noisy=noisy, task=task)
            norm = learner.step(learning_rate)
            loss = None if loss is None else machine.sum(loss)
            finite = loss is None or math.isfinite(loss)
            if not finite or (not math.isfinite(norm) and recipe.precision != "fp16"):
                raise diverged(state, loss, norm, learning_rate)
            state.batch += 1
            state.loss_sum += loss or 0.0
            if loss is not None:
                note_loss(state, loss, guess)
            state.tokens += int(train.lengths[rows].sum())
            state.seconds = meter.seconds
            progress.step(meter.report(loss, learning_rate))

            over, interrupted = machine.agree(clock.over, interrupts.received)
            out_of_time = over and state.step < steps
            if state.step % keeper.every == 0 or out_of_time or interrupted:
                keeper.save(learner)
                stop_if_interrupted()
            if out_of_time:
                return better_of_two(learner, recipe, judge_weights)
        keeper.save(learner)
        stop_if_interrupted()

        judgement = judge_weights(learner.candidate)
        labelled_batches = sum(bool((train.labels[rows] >= 0).any()) for rows in batches)
        line = Pass(
            epoch=state.epoch + 1,
            step=state.step,
            train_loss=state.loss_sum / max(1, labelled_batches),
            log_loss=judgement.log_loss,
            accuracy=judgement.accuracy,
            macro_f1=judgement.macro_f1,
            seconds=meter.seconds,
        )
        if state.best is None or merit(line, recipe) > merit(state.best, recipe):
            state.best_epoch = line.epoch
            learner.keep_candidate()
        state.history.append(line)
        state.epoch, state.batch, state.loss_sum, state.seconds = line.epoch, 0, 0.0, line.seconds
        progress.finish_pass(line, best=state.best_epoch == line.epoch)
        warm = state.step >= schedule.warmup_steps
        if warm and not warned and is_guessing(judgement.predicted, data.development.labels):
            counts = np.bincount(labels, minlength=len(data.labels))
            progress.warn(guessing_advice(line.train_loss, guess, counts, recipe.learning_rate))
            warned = True
        keeper.save(learner)

    # A resumed run may not have the best pass's judgement any more; judging again gives both the same bits.
    ending: Ending = "complete" if state.epoch == len(plan) else "patience"
    return Fitted(ending, learner.best, judge_weights(learner.best))


def merit(line: Pass | Judgement, recipe: Recipe) -> tuple[float, float]:
    """Return what decides between two sets of weights: the score, and between equal scores the loss."""
    return (line.macro_f1 if recipe.score == "macro_f1" else line.accuracy, -line.log_loss)


def out_of_patience(state: State, recipe: Recipe) -> bool:
    """Tell whether the score has not risen for as many passes as the recipe waits."""
    return recipe.patience is not None and len(state.history) - state.best_epoch >= recipe.patience


def better_of_two(
    learner: Learner[ClassifierModule, State],
    recipe: Recipe,
    judge_weights: Callable[[Mapping[str, Tensor]], Judgement],
) -> Fitted:
    """Return the better of the best pass's weights and the present ones, for a run that is out of time."""
    present = judge_weights(learner.candidate)
    best = learner.state.best
    if best is None or merit(present, recipe) > merit(best, recipe):
        return Fitted("time", learner.candidate, present)
    return Fitted("time", learner.best, judge_weights(learner.best))


def diverged(state: State, loss: float | None, norm: float, learning_rate: float) -> TrainingDiverged:
    """Return the error of a run whose numbers are no longer finite."""
    return TrainingDiverged(
        f"training: loss and gradient must stay finite; got loss {loss} and gradient norm {norm} in step {state.step} "
        f"(epoch {state.epoch + 1}, batch {state.batch + 1}, learning rate {learning_rate:.2g})",
        hint=f"train anew with a lower learning rate, such as {learning_rate / 3:.1g}",
    )
