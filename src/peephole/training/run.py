"""`train`: from a request to a model folder."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import peephole
from peephole import cells
from peephole.classifier.tokenizer import Tokenizer
from peephole.errors import OptionError
from peephole.ops import choose_backend
from peephole.training.checkpoint import TENSORS, checkpoint_folder, load_checkpoint
from peephole.training.finish import write_model
from peephole.training.keeper import Keeper, check_same_run, run_facts
from peephole.training.language.auxiliary import LanguageTask
from peephole.training.language.folder import WEIGHTS, Language, load_language
from peephole.training.language.start import adapt_recipe, paces, start_weights
from peephole.training.learner import Learner
from peephole.training.loop import fit
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network, start_vectors
from peephole.training.output import check_output, finished_before
from peephole.training.planning import plan_batches
from peephole.training.prepare import Parts, prepare
from peephole.training.progress import Progress, Several, make_progress
from peephole.training.recipe import Recipe
from peephole.training.request import TrainRequest, TrainResult, resumable
from peephole.training.sharing import check_shares
from peephole.training.state import State
from peephole.training.stopping import Clock, Interrupts
from peephole.training.teachers import teacher_digest
from peephole.training.tensorboard import TensorBoard


def train(
    request: TrainRequest, *, progress: Progress | None = None, parts: Parts | None = None
) -> TrainResult:
    r"""Train a classifier and write its model folder.

    The same request gives the same weights, bit for bit, on the same machine with the same number of threads;
    a run that was killed at any moment and resumed gives them too.

    Of several processes that a launcher has started (``torchrun``, ``accelerate launch``) each calls this with the same request.
    They share every batch and are, up to rounding, what one process is. The first one reads the texts, writes and speaks.

    Args:
        request: texts, recipe and output.
        progress: hears what happens; None shows it on standard error.
        parts: the texts, where they are not to be read from the request's sources.

    Returns:
        What was written and how good it is.

    Raises:
        OptionError: an option cannot be used, the output is not empty, or a run that is to be resumed is another.
        DataError: the texts cannot be used; every problem is listed with its place.
        ModelError: the checkpoint is damaged.
        TrainingDiverged: the loss or a gradient became infinite or undefined.
        ProcessLost: another of several processes has ended.
        TrainingInterrupted: Ctrl-C or SIGTERM came; what was reached is kept.

    Example:
        >>> from pathlib import Path
        >>> from peephole.training import Recipe
        >>> lines = ["text,label"] + [f"a {word} day {n},{word}" for n in range(20) for word in ("fine", "dull")]
        >>> _ = Path("days.csv").write_text("\n".join(lines))
        >>> recipe = Recipe(embedding=8, hidden_size=8, head=0, epochs=1)
        >>> result = train(TrainRequest(sources=("days.csv",), output=Path("days"), recipe=recipe), progress=Progress())
        >>> result.ending, sorted(path.name for path in result.output.iterdir())
        ('complete', ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json'])
    """
    clock = Clock(request.time_budget)
    machine = Machine(request.recipe.precision, cpu=request.cpu)
    with resumable("training"):
        machine.by_main(lambda: check_output(request.output, resume=request.resume))
        language = None if request.language_model is None else load_language(request.language_model)
        if language is not None:
            recipe = adapt_recipe(request.recipe, language)
            request = dataclasses.replace(request, recipe=recipe, language_model=language.path)
        if before := machine.by_main(lambda: finished_before(request)):
            return dataclasses.replace(before, process=machine.process)
        listener = _listener(request, machine, progress)
        try:
            with torch.random.fork_rng():  # the caller's generator stays as it was
                return _train(request, language, machine, listener, clock, parts)
        finally:
            listener.stop()


def _train(
    request: TrainRequest,
    language: Language | None,
    machine: Machine,
    progress: Progress,
    clock: Clock,
    parts: Parts | None,
) -> TrainResult:
    checkpoints = checkpoint_folder(request.output)
    checkpoint = None
    if request.resume:
        checkpoint = machine.by_main(lambda: load_checkpoint(checkpoints, State))
    tokenizer = (
        None if checkpoint is None else Tokenizer.from_json(checkpoint.tokenizer, where=str(checkpoint.path))
    )
    if language is not None:
        tokenizer = language.tokenizer
    data = prepare(request, progress, machine, tokenizer, parts)
    check_shares(data.recipe, machine.processes)
    facts = _machine_facts(machine, request.recipe)
    run = machine.by_main(
        lambda: run_facts(request.recipe, data.digest, data.labels, facts, _options(request))
    )
    differences = [] if checkpoint is None else machine.by_main(partial(check_same_run, checkpoint, run))
    for difference in differences:
        progress.warn(f"{difference}: the result may not have the same bits as without the interruption")

    plan = plan_batches(data.train.lengths, data.recipe)
    data = dataclasses.replace(data, recipe=dataclasses.replace(data.recipe, epochs=len(plan)))
    config = make_config(data.recipe, data.tokenizer.vocabulary_size, data.labels)
    network = make_network(config, data.recipe)
    steps = sum(map(len, plan))
    if language is not None:
        start_weights(network, language)
    elif checkpoint is None and machine.is_main:
        start_vectors(network, data, request.word_vectors, progress)
    task = None
    if data.recipe.language_loss and language is not None:
        counts = np.bincount(data.train.ids, minlength=config.vocabulary)
        task = LanguageTask(language, counts, machine.device)
    pace = None if language is None else paces(network, data.recipe, steps)
    learner = Learner(network, data.recipe, machine, State(), pace)
    keeper = Keeper(
        checkpoints, run, data.tokenizer.to_json(), request.checkpoint_steps, writes=machine.is_main
    )
    if checkpoint is None:
        keeper.save(learner)
    else:
        learner.restore(checkpoint.state, checkpoint.tensors, where=str(checkpoint.path / TENSORS))
        progress.note(f"going on after {checkpoint.state.step:,} steps")
    progress.note(f"{config.parameters():,} parameters, {len(plan)} epochs, {steps:,} steps")

    with Interrupts(several=machine.processes > 1) as interrupts:
        fitted = fit(learner, data, plan, machine, keeper, progress, clock, interrupts, task)
        progress.stop()
        notes: tuple[str, ...] = ()
        if fitted.ending == "time":
            notes = (
                f"stopped by the time budget after {learner.state.step:,} of {steps:,} steps; run the same command "
                "with --resume (resume=True in Python) to go on",
            )
        metrics: dict[str, Any] = {}
        if machine.is_main:
            metrics = write_model(request, config, data, fitted, learner.state).to_json()
            if fitted.ending != "time":
                keeper.remove()
        machine.wait()
    return TrainResult(
        output=request.output,
        ending=fitted.ending,
        metrics=machine.from_main(metrics),
        history=tuple(learner.state.history),
        recipe=data.recipe,
        data=data.facts,
        seconds=learner.state.seconds,
        notes=notes,
        process=machine.process,
    )


def _listener(request: TrainRequest, machine: Machine, progress: Progress | None) -> Progress:
    """Return what hears of the run: nothing, in all processes but the main one."""
    if not machine.is_main:
        return Progress()
    listeners = [make_progress() if progress is None else progress]
    if request.tensorboard is not None:
        listeners.append(TensorBoard(request.tensorboard))
    return Several(listeners)


def _machine_facts(machine: Machine, recipe: Recipe) -> dict[str, Any]:
    cell = cells.make(recipe.cell, **recipe.cell_options)
    masked = recipe.recurrent_dropout > 0
    backend = choose_backend(cell, device=machine.device.type, recurrent_mask=masked).name
    return {
        "backend": backend,
        "processes": machine.processes,
        "threads": torch.get_num_threads(),
        "device": machine.device.type,
        "torch": str(torch.__version__),
        "peephole": peephole.__version__,
    }


def _options(request: TrainRequest) -> dict[str, Any]:
    """Return what decides the result besides recipe and texts."""
    options: dict[str, Any] = {
        "word_vectors": None,
        "language_model": None,
        "teachers": [teacher_digest(teacher) for teacher in request.teachers],
    }
    if request.language_model is not None:
        weights = Path(request.language_model) / WEIGHTS
        options["language_model"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    if (vectors := request.word_vectors) is not None:
        if not vectors.is_file():
            raise OptionError(f"train: word_vectors must be a file; got {vectors}")
        options["word_vectors"] = [vectors.name, vectors.stat().st_size]
    return options
