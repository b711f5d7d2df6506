"""Labelled texts as the subject of a comparison: a classifier of each cell, by the trainer of `peephole train`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from peephole.classifier import Classifier, load
from peephole.evaluation import evaluate
from peephole.evaluation.metrics import SMALLEST_PROBABILITY
from peephole.nn.classifier import ClassifierModule
from peephole.ops import choose_backend
from peephole.studies.bench.timing import Contestant, take_turns
from peephole.studies.compare.contenders import Contender
from peephole.studies.compare.study import Cost, Stopped, Study
from peephole.studies.compare.text_scores import text_scores
from peephole.studies.measures import memory_of_classifier
from peephole.training import Progress, Recipe, TrainingDiverged, TrainRequest, train
from peephole.training.batches import gather
from peephole.training.corpus import Corpus
from peephole.training.network import make_config
from peephole.training.prepare import Parts, digest_of, read_parts
from peephole.training.progress import StepReport

_MEASURED, _TIMED_TEXTS = 64, 32  # development texts that memory is measured on, and that are timed
_TIMED = 0.5  # seconds that turns are taken for


class TextStudy(Study):
    """A comparison on labelled texts.

    Args:
        request: what to train on, and the recipe that all share; its output is the folder of the models. Cell, size and seed are
            the contenders', and a plain RNN's first weights.
        rates: contender → another peak of the learning rate than the recipe's.

    Raises:
        DataError: the texts cannot be used; every problem is listed.
    """

    def __init__(self, request: TrainRequest, rates: Mapping[str, float] | None = None) -> None:
        self.request, self.rates = request, dict(rates or {})
        self.parts: Parts = read_parts(request)
        self.digest = digest_of(self.parts)
        self.texts = [record.text for record in self.parts.development]
        index = {label: k for k, label in enumerate(self.parts.labels)}
        self.truth = np.array([index[str(record.label)] for record in self.parts.development], np.int64)

    @property
    def usual_size(self) -> int:
        """The recipe's."""
        return self.request.recipe.hidden_size

    @property
    def facts(self) -> dict[str, Any]:
        """The texts and the recipe."""
        counts = np.bincount(self.truth, minlength=len(self.parts.labels))
        return {
            "kind": "texts",
            "title": ", ".join(Path(str(source)).name for source in self.request.sources),
            "training": len(self.parts.train),
            "development": len(self.texts),
            "labels": list(self.parts.labels),
            "split": self.parts.facts["split"],
            "sha256": self.digest,
            "chance": float(counts.max() / counts.sum()),
            "recipe": self.request.recipe.to_json(),
            "rates": self.rates,
        }

    def count(self, contender: Contender, hidden: int) -> int:
        """The whole network but the vectors of its tokens, which are the same for all."""
        recipe = self.recipe(contender, hidden, 0)
        vocabulary = 300
        return make_config(recipe, vocabulary, self.parts.labels).parameters() - vocabulary * recipe.embedding

    def recipe(self, contender: Contender, hidden: int, seed: int) -> Recipe:
        """Return the recipe of a run: the shared one with the contender's cell."""
        shared = self.request.recipe
        return dataclasses.replace(
            shared,
            cell=contender.cell,
            cell_options=contender.options,
            init=contender.init or shared.init,
            hidden_size=hidden,
            seed=seed,
            learning_rate=self.rates.get(contender.name, shared.learning_rate),
        )

    def what(self, contender: Contender, hidden: int, seed: int) -> dict[str, Any]:
        """The texts and the recipe of the run."""
        recipe = self.recipe(contender, hidden, seed).to_json()
        return {"sha256": self.digest, "contender": contender.name, "seed": seed, "recipe": recipe}

    def model(self, name: str, seed: int) -> Path:
        """Return the folder of a run's model."""
        return self.request.output / f"{name}-{seed}"

    def run(
        self,
        contender: Contender,
        hidden: int,
        seed: int,
        seconds_left: Callable[[], float],
        hear: Callable[[str], None],
    ) -> dict[str, Any]:
        """Train, or go on training, and judge on the development texts."""
        left = seconds_left()
        if left <= 0:
            raise Stopped
        request = dataclasses.replace(
            self.request,
            output=self.model(contender.name, seed),
            recipe=self.recipe(contender, hidden, seed),
            resume=True,
            time_budget=left if math.isfinite(left) else None,
        )
        parameters = self.count(contender, hidden)
        try:
            result = train(request, progress=_Heard(hear))
        except TrainingDiverged as error:
            return {"ending": "diverged", "message": error.message, "parameters": parameters}
        if result.ending == "time":
            raise Stopped
        classifier = load(request.output)
        cell = contender.make_cell()
        return {
            "ending": result.ending if result.ending != "already" else "complete",
            "parameters": parameters,
            "backend": choose_backend(cell, recurrent_mask=request.recipe.recurrent_dropout > 0).name,
            "threads": torch.get_num_threads(),
            "seconds": round(result.seconds, 1),
            "epochs": len(result.history),
            "curve": {
                "epoch": [line.epoch for line in result.history],
                "accuracy": [line.accuracy for line in result.history],
                "loss": [line.log_loss for line in result.history],
            },
            **self._judged(classifier),
            "memory": memory_of_classifier(classifier, self._some(_MEASURED)).to_json(),
        }

    def _judged(self, classifier: Classifier) -> dict[str, Any]:
        columns = [classifier.labels.index(label) for label in self.parts.labels]
        probabilities = classifier.predict_proba(self.texts)[:, columns]
        found = evaluate(probabilities, self.truth, self.parts.labels)
        given = probabilities[np.arange(len(self.truth)), self.truth]
        right = probabilities.argmax(axis=1) == self.truth
        return {
            "accuracy": found.accuracy,
            "macro_f1": found.macro_f1,
            "log_loss": found.log_loss,
            "right_texts": "".join("01"[int(one)] for one in right),
            "losses": np.round(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)), 6).tolist(),
        }

    def _some(self, count: int) -> list[str]:
        """So many development texts, evenly spread over them."""
        places = np.linspace(0, len(self.texts) - 1, min(count, len(self.texts)))
        return [self.texts[place] for place in np.unique(places.astype(np.int64)).tolist()]

    def costs(self, sizes: Mapping[str, int]) -> dict[str, Cost]:
        """A training step on some development texts, cut as in training, and their scores by the NumPy classifier.

        Contenders without a model, since all their runs diverged, are left out.
        """
        recipe, contestants, tokens = (
            self.request.recipe,
            dict[str, Contestant](),
            dict[str, tuple[int, int]](),
        )
        for name in sizes:
            folders = sorted(self.request.output.glob(f"{name}-[0-9]*"))
            folder = next((folder for folder in folders if (folder / "config.json").exists()), None)
            if folder is None:
                continue
            classifier = load(folder)
            ids = classifier.tokenizer.encode_batch(self._some(_TIMED_TEXTS))
            whole = Corpus.from_texts(ids, [0] * len(ids))
            cut = whole.cropped(recipe.max_length, recipe.head_tokens)
            contestants[f"training {name}"] = _training(classifier, cut)
            contestants[f"inference {name}"] = Contestant(
                lambda classifier=classifier, ids=ids: classifier.logits(ids)
            )
            tokens[name] = len(cut.ids), len(whole.ids)
        times = take_turns(contestants, _TIMED, rounds=3) if contestants else {}
        return {
            name: Cost(
                times[f"training {name}"].median * 1e6 / max(1, training),
                times[f"inference {name}"].median * 1e6 / max(1, inference),
            )
            for name, (training, inference) in tokens.items()
        }

    def summary(self, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
        """Accuracy and log-loss over texts and seeds, and the differences from the LSTM on the same texts and seeds."""
        return text_scores(runs)

    def told(self, run: Mapping[str, Any]) -> str:
        """How it ended."""
        if run["ending"] == "diverged":
            return "diverged"
        return f"accuracy {run['accuracy']:.1%}, {run['seconds'] / 60:.1f} minutes"


def _training(classifier: Classifier, corpus: Corpus) -> Contestant:
    """A training step of the classifier's torch twin on all texts of a corpus."""
    network = ClassifierModule(classifier.config).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    batch = gather(corpus, np.arange(len(corpus)))
    ids, labels = torch.from_numpy(batch.ids), torch.from_numpy(batch.labels)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(ids, batch.sequences), labels).backward()
        optimizer.step()

    return Contestant(step)


class _Heard(Progress):
    """Hands on a few words of a run's progress."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear

    def warn(self, text: str) -> None:
        self._hear(f"warning: {text}")

    def step(self, report: StepReport) -> None:
        self._hear(f"epoch {report.epoch}, loss {report.loss:.3f}, {report.tokens_per_second:,.0f} tokens/s")
