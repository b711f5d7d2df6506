"""`pretrain`: from a request to a language model's folder."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import torch

import peephole
from peephole import cells
from peephole.classifier.tokenizer import Tokenizer
from peephole.errors import OptionError
from peephole.ops import choose_backend
from peephole.training.checkpoint import TENSORS, checkpoint_folder, has_checkpoint, load_checkpoint
from peephole.training.keeper import Keeper, check_same_run, run_facts
from peephole.training.language.folder import Language, load_language, save_language
from peephole.training.language.judge import language_headline
from peephole.training.language.learner import LanguageLearner
from peephole.training.language.loop import fit_language, plan_steps
from peephole.training.language.network import LanguageModel
from peephole.training.language.request import PretrainRequest, PretrainResult
from peephole.training.language.state import Judged, LanguageState
from peephole.training.language.texts import LanguageTexts, read_texts
from peephole.training.machine import Machine
from peephole.training.output import check_output
from peephole.training.progress import Progress, make_progress
from peephole.training.request import resumable
from peephole.training.state import checked_lines
from peephole.training.stopping import Clock, Interrupts


def pretrain(request: PretrainRequest, *, progress: Progress | None = None) -> PretrainResult:
    r"""Train a language model and write its folder.

    The same request gives the same weights, bit for bit, on the same machine with the same number of threads; a run that was
    killed at any moment and resumed gives them too.

    Of several processes that a launcher has started each calls this with the same request; they share the streams and are, up to
    rounding, what one process is. The first one reads the texts, writes and speaks.

    Args:
        request: texts, recipe and output.
        progress: hears what happens; None shows it on standard error.

    Returns:
        What was written and how well it tells held-out texts.

    Raises:
        OptionError: an option cannot be used, the output is not empty, or a run that is to be resumed is another.
        DataError: the texts cannot be used; every problem is listed with its place.
        ModelError: the checkpoint is damaged.
        TrainingDiverged: the loss or a gradient became infinite or undefined.
        ProcessLost: another of several processes has ended.
        TrainingInterrupted: Ctrl-C or SIGTERM came; what was reached is kept.

    Example:
        >>> from pathlib import Path
        >>> from peephole.training import LanguageRecipe, PretrainRequest
        >>> _ = Path("days.txt").write_text("\n".join(f"day {n} was as {n % 7} as any other day" for n in range(200)))
        >>> recipe = LanguageRecipe(embedding=8, hidden_size=8, streams=4, window=8, epochs=1)
        >>> result = pretrain(PretrainRequest(sources=("days.txt",), output=Path("lm"), recipe=recipe), progress=Progress())
        >>> result.ending, sorted(path.name for path in result.output.iterdir())
        ('complete', ['README.md', 'language_model.json', 'model.safetensors', 'tokenizer.json'])
    """
    clock = Clock(request.time_budget)
    machine = Machine(request.recipe.precision, cpu=request.cpu)
    with resumable("pretraining"):
        machine.by_main(lambda: check_output(request.output, resume=request.resume, what="pretrain"))
        if before := machine.by_main(lambda: _finished_before(request)):
            return dataclasses.replace(before, process=machine.process)
        listener = Progress() if not machine.is_main else progress or make_progress()
        try:
            with torch.random.fork_rng():  # the caller's generator stays as it was
                return _pretrain(request, machine, listener, clock)
        finally:
            listener.stop()


def _pretrain(request: PretrainRequest, machine: Machine, progress: Progress, clock: Clock) -> PretrainResult:
    if request.recipe.streams % machine.processes:
        raise OptionError(
            f"pretrain: streams must be a multiple of the {machine.processes} processes; got {request.recipe.streams}"
        )
    checkpoints = checkpoint_folder(request.output)
    checkpoint = None
    if request.resume:
        checkpoint = machine.by_main(lambda: load_checkpoint(checkpoints, LanguageState))
    tokenizer = (
        None if checkpoint is None else Tokenizer.from_json(checkpoint.tokenizer, where=str(checkpoint.path))
    )
    texts = read_texts(request, progress, machine, tokenizer)
    run = run_facts(request.recipe, texts.digest, (), _machine_facts(machine, request), {})
    if checkpoint is not None:
        for difference in machine.by_main(partial(check_same_run, checkpoint, run)):
            progress.warn(f"{difference}: the result may not have the same bits as without the interruption")

    recipe = texts.recipe
    torch.manual_seed(recipe.seed)
    network = LanguageModel(recipe, texts.tokenizer.vocabulary_size)
    _start_bias(network, texts)
    learner = LanguageLearner(network, recipe, machine, recipe.streams // machine.processes)
    keeper = Keeper(
        checkpoints, run, texts.tokenizer.to_json(), request.checkpoint_steps, writes=machine.is_main
    )
    if checkpoint is None:
        keeper.save(learner)
    else:
        learner.restore(checkpoint.state, checkpoint.tensors, where=str(checkpoint.path / TENSORS))
        progress.note(f"going on after {checkpoint.state.step:,} steps")
    steps = plan_steps(texts)[1]
    parameters = sum(weight.numel() for weight in network.parameters())
    progress.note(f"{parameters:,} parameters, {recipe.epochs:g} passes, {steps:,} steps")

    with Interrupts(several=machine.processes > 1) as interrupts:
        ending = fit_language(
            learner, texts, machine, keeper, progress, clock, interrupts, request.judge_steps
        )
        progress.stop()
        notes: tuple[str, ...] = ()
        if ending == "time":
            notes = (
                f"stopped by the time budget after {learner.state.step:,} of {steps:,} steps; run the same command "
                "with --resume (resume=True in Python) to go on",
            )
        history = learner.state.history
        metrics = language_headline(history[-1].log_loss)
        data = texts.facts | {
            "sources": [str(source) for source in request.sources],
            "sha256": texts.digest,
            "command": request.command,
            "ending": ending,
            "steps": learner.state.step,
            "training_seconds": round(learner.state.seconds, 1),
        }
        if machine.is_main:
            kept = network.tensors(learner.candidate)
            curve = {"held_out": metrics, "learning_curve": [dataclasses.asdict(line) for line in history]}
            save_language(Language(recipe, texts.tokenizer, kept, curve, data, request.output))
            if ending == "complete":
                keeper.remove()
        machine.wait()
    return PretrainResult(
        output=request.output,
        ending=ending,
        metrics=metrics,
        history=tuple(history),
        data=data,
        seconds=learner.state.seconds,
        notes=notes,
        process=machine.process,
    )


def _start_bias(network: LanguageModel, texts: LanguageTexts) -> None:
    """Begin with each token's frequency, so that the first steps need not learn it."""
    counts = np.bincount(texts.train.ids, minlength=texts.tokenizer.vocabulary_size) + 1.0
    with torch.no_grad():
        network.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))


def _finished_before(request: PretrainRequest) -> PretrainResult | None:
    """Return the result of a run that is asked to go on but was complete already; None if there is more to do."""
    output = request.output
    if not request.resume or has_checkpoint(checkpoint_folder(output)):
        return None
    if not output.is_dir() or not any(output.iterdir()):
        return None
    language = load_language(output)
    if language.data.get("ending") == "time":
        raise OptionError(
            f"resume: {output} was stopped by its time budget, and its checkpoint is no longer beside it",
            hint="give another output to train anew",
        )
    asked = dataclasses.replace(
        request.recipe, vocabulary=request.recipe.vocabulary or language.recipe.vocabulary
    )
    if different := language.recipe.differences(asked):
        raise OptionError(
            "\n  ".join([f"resume: {output} holds a finished language model of another recipe", *different]),
            hint="give another output to train anew",
        )
    curve: Any = language.metrics.get("learning_curve", [])
    return PretrainResult(
        output=output,
        ending="already",
        metrics=language.metrics.get("held_out", {}),
        history=tuple(checked_lines(Judged, curve, f"{output}: learning_curve")),
        data=language.data,
        seconds=float(language.data.get("training_seconds", 0.0)),
        notes=("the language model was complete already: there was nothing to go on with",),
    )


def _machine_facts(machine: Machine, request: PretrainRequest) -> dict[str, Any]:
    recipe = request.recipe
    cell = cells.make(recipe.cell, **recipe.cell_options)
    backend = choose_backend(
        cell, device=machine.device.type, recurrent_mask=recipe.recurrent_dropout > 0
    ).name
    return {
        "backend": backend,
        "processes": machine.processes,
        "threads": torch.get_num_threads(),
        "device": machine.device.type,
        "torch": str(torch.__version__),
        "peephole": peephole.__version__,
    }
