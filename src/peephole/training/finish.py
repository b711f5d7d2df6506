"""The end of a run: a temperature, the evaluation, and the model folder."""

from __future__ import annotations

from typing import Any, cast

import peephole
from peephole.classifier import Classifier
from peephole.classifier.config import ModelConfig
from peephole.classifier.storage import Storage
from peephole.evaluation import Evaluation, evaluate, fit_temperature
from peephole.training.judge import softmax
from peephole.training.learner import as_arrays
from peephole.training.loop import Fitted
from peephole.training.output import learning_curve
from peephole.training.prepare import Prepared
from peephole.training.request import TrainRequest
from peephole.training.state import State


def write_model(
    request: TrainRequest, config: ModelConfig, data: Prepared, fitted: Fitted, state: State
) -> Evaluation:
    """Fit the temperature, evaluate on the development texts, and write the model folder in one piece.

    Args:
        request: where to write, and the command for the model card.
        config: the stages of the network.
        data: the development texts, the tokenizer, the facts and the recipe with every number filled in.
        fitted: the weights that are kept.
        state: the learning curve.

    Returns:
        The evaluation at the fitted temperature; its cross-fitted calibration error is the honest one, since the
        temperature was fitted on the same texts.
    """
    storage, labels = cast("Storage", data.recipe.storage), data.development.labels
    stored = Classifier(config, data.tokenizer, as_arrays(fitted.weights)).with_storage(storage)
    logits = fitted.judgement.logits
    if storage != "float32":  # scores are those of the numbers that are written
        logits = stored.logits([data.development.text(index) for index in range(len(labels))])
    temperature = fit_temperature(logits, labels)
    evaluation = evaluate(
        softmax(logits, temperature), labels, data.labels, lengths=data.development.lengths, logits=logits
    )
    config = config.replace(
        temperature=temperature,
        metrics={
            "development": headline(evaluation),
            "learning_curve": learning_curve(tuple(state.history)),
            "command": request.command,
        },
        data=card_facts(request, data, fitted, state),
        split=data.facts["split"],
        library=f"peephole {peephole.__version__}",
        storage=storage,
    )
    Classifier(config, data.tokenizer, stored.tensors).save(request.output)
    return evaluation


def headline(evaluation: Evaluation) -> dict[str, Any]:
    """Return what the model card says of the evaluation on the development texts."""
    every = evaluation.to_json()
    names = (
        "n",
        "accuracy",
        "interval",
        "baseline",
        "macro_f1",
        "roc_auc",
        "log_loss",
        "cross_fitted_calibration_error",
    )
    f1 = {scores.name: scores.f1 for scores in evaluation.per_class}
    return {**{name: every[name] for name in names}, "f1": f1}


def card_facts(request: TrainRequest, data: Prepared, fitted: Fitted, state: State) -> dict[str, Any]:
    """Return the facts of a run for the model card and for whoever trains again."""
    return {
        "sources": [str(source) for source in request.sources],
        "development_sources": [str(source) for source in request.dev_sources],
        "unlabelled_sources": [str(source) for source in request.unlabelled],
        "teachers": [str(teacher) for teacher in request.teachers],
        **{name: value for name, value in data.facts.items() if name != "split"},
        "sha256": data.digest,
        "recipe": data.recipe.to_json(),
        "ending": fitted.ending,
        "steps": state.step,
        "best_epoch": state.best_epoch,
        "training_seconds": round(state.seconds, 1),
    }
