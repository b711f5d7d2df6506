"""The methods of explanation, ranked: against contributions that are known, by faithfulness on texts, and by their time.

    PEEPHOLE_DATA=corpora python benchmarks/explanations.py --json benchmarks/results/explanations.json

1. known: small networks learn to add the marked numbers of a sequence, and, where marks have signs, to subtract some. What each
   step contributes is known; each method's scores are correlated with it. From none to four numbers are marked: were there always
   two, as in the adding problem, a network could take the same from both and add it at the end, and what a step contributes
   would be known up to that only. (One did, and every method found that out.)
2. texts: reviews of held-out films, and held-out sentences, are explained for the model in the package; words are deleted in the
   order of the scores. `normalised` is 0 for random orders and 1 for a greedy one.
3. time: of the scores of a 60-word text, on one thread.

Methods in brackets are not offered: they are measured to know what others would be worth.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import peephole
from peephole import nn
from peephole.classifier import Classifier
from peephole.classifier.rows import LinearWeights
from peephole.insight.explanations import Attribution, Case, Head, attribute, case_of_rows, methods
from peephole.insight.explanations.cases import case_of_text
from peephole.insight.explanations.explain import explain
from peephole.insight.explanations.faithfulness import deletions, faithfulness
from peephole.insight.explanations.integrated import integrated_gradients
from peephole.insight.explanations.methods import decomposition
from peephole.insight.explanations.shapley import shapley
from peephole.ops import limit_threads
from peephole.studies.bench.machine import command_line, machine, today, versions

DATA = Path(os.environ.get("PEEPHOLE_DATA", ""))
LENGTH, MOST_MARKS, HIDDEN, UPDATES, SEQUENCES, SEEDS = 24, 4, 24, 2000, 100, (1, 2)
MEASURES = ("comprehensiveness", "sufficiency", "area")
CELLS: dict[str, Callable[..., Any]] = {"lstm": nn.LSTM, "peephole-lstm": nn.PeepholeLSTM, "gru": nn.GRU}
TASKS = (
    "sum",
    "signed sum",
)  # a mark is 1; or, with signs, 1 or -1, and says whether its number is added or subtracted


def gradient_times_input(case: Case) -> Attribution:
    """The first-order guess: gradient times input."""
    ((value, gradient),) = case.gradients([case.rows])
    scores = (gradient.astype(np.float64) * case.rows).sum(axis=1)
    return Attribution(value, np.add.reduceat(scores, case.spans[:, 0]))


def from_the_mean(model: Classifier) -> Callable[[Case], Attribution]:
    """Integrated gradients that start at the mean of the vocabulary's vectors."""
    mean = model.weights["embedding.weight"].mean(axis=0)
    return lambda case: integrated_gradients(case, baseline=np.broadcast_to(mean, case.rows.shape))


def with_orders(count: int) -> Callable[[Case], Attribution]:
    """Shapley values from a fixed number of orders."""
    return lambda case: shapley(case, orders=count)


def at_random(case: Case) -> Attribution:
    """Scores that know nothing."""
    return Attribution(0.0, np.random.default_rng(case.steps).normal(size=len(case.spans)))


def contenders(model: Classifier | None = None) -> dict[str, Callable[[Case], Attribution]]:
    """The methods, and some that are not offered; those that need a vocabulary only with a model."""
    found: dict[str, Callable[[Case], Attribution]] = {
        each.name: lambda case, name=each.name: attribute(case, name) for each in methods()
    }
    if model is not None:
        found["[integrated gradients from the mean vector]"] = from_the_mean(model)
    return found | {
        "[shapley, 32 orders]": with_orders(32),
        "[decomposition, biases in any order]": lambda case: decomposition(case, "free"),
        "[gradient times input]": gradient_times_input,
        "[random]": at_random,
    }


# ---- contributions that are known


def draw(size: int, rng: np.random.Generator, task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences `[T, N, 2]` of numbers and marks, their lengths, and what each step contributes `[T, N]`."""
    lengths = rng.integers(LENGTH * 3 // 4, LENGTH, size=size, endpoint=True)
    step = np.arange(LENGTH)[:, None]
    inside = step < lengths
    numbers = rng.random((LENGTH, size)) * inside
    ranks = np.argsort(np.argsort(np.where(inside, rng.random((LENGTH, size)), 2.0), axis=0), axis=0)
    marks = (ranks < rng.integers(0, MOST_MARKS, size=size, endpoint=True)).astype(np.float64)
    if task == "signed sum":
        marks *= rng.choice([-1.0, 1.0], marks.shape)
    inputs = np.stack([numbers, marks], axis=2).astype(np.float32)
    return inputs, lengths, inputs[:, :, 0] * inputs[:, :, 1]


class Adder(torch.nn.Module):
    """A recurrent layer whose last h is read by one linear unit."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.layer = CELLS[cell](2, HIDDEN)
        self.unit = torch.nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The answers `[N]`."""
        _, state = self.layer(x, lengths=lengths)
        h = state[0] if isinstance(state, tuple) else state
        return self.unit(h[-1])[:, 0]

    def case(self, x: np.ndarray) -> Case:
        """One sequence `[T, 2]`."""
        linear = LinearWeights(self.unit.weight.detach().numpy(), self.unit.bias.detach().numpy(), "none")
        return case_of_rows(self.layer, Head(("last",), [linear]), x, [1.0])


def train(cell: str, task: str, seed: int) -> tuple[Adder, float]:
    """A network that adds, and its mean squared error on sequences that it has not seen."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    adder = Adder(cell)
    optimiser = torch.optim.Adam(adder.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=UPDATES)
    for _ in range(UPDATES):
        x, lengths, truth = draw(32, rng, task)
        answers = adder(torch.from_numpy(x), torch.from_numpy(lengths))
        loss = ((answers - torch.from_numpy(truth.sum(axis=0))) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    x, lengths, truth = draw(1000, np.random.default_rng(1000 + seed), task)
    with torch.no_grad():
        answers = adder(torch.from_numpy(x), torch.from_numpy(lengths)).numpy()
    return adder, float(((answers - truth.sum(axis=0)) ** 2).mean())


def known() -> Iterator[dict[str, Any]]:
    """Correlation of scores with what each step contributes, for each task, cell, seed and method."""
    for task in TASKS:
        for cell in CELLS:
            for seed in SEEDS:
                adder, error = train(cell, task, seed)
                x, lengths, truth = draw(SEQUENCES, np.random.default_rng(2000 + seed), task)
                told = np.flatnonzero(
                    truth.any(axis=0)
                ).tolist()  # where nothing is marked, there is nothing to correlate with
                found: dict[str, Any] = {}
                for name, run in contenders().items():
                    correlations: list[float] = []
                    hits = 0
                    for n in told:
                        own = truth[: lengths[n], n]
                        scores = run(adder.case(x[: lengths[n], n])).scores
                        correlations.append(float(np.corrcoef(scores, own)[0, 1]))
                        marked = np.flatnonzero(own)
                        hits += set(np.argsort(-np.abs(scores))[: len(marked)].tolist()) == set(
                            marked.tolist()
                        )
                    found[name] = {
                        "correlation": float(np.mean(correlations)),
                        "marks_on_top": hits / len(told),
                    }
                row = {"task": task, "cell": cell, "seed": seed, "squared_error": error, "methods": found}
                sys.stderr.write(
                    f"{task} {cell} {seed}: error {error:.2g}; " + brief(found, "correlation") + "\n"
                )
                yield row


# ---- faithfulness on texts


def texts(name: str, count: int) -> list[str]:
    """Texts that no stage of the model's training has seen, drawn by a hash: sentences, or reviews of 50 to 150 words."""
    csv.field_size_limit(1 << 30)
    with gzip.open(DATA / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if name == "imdb_train":
        rows = [
            row for row in rows if digest(row["movie"]) % 10 == 0 and 50 <= len(row["text"].split()) <= 150
        ]
    else:
        rows = [row for row in rows if row["split"] != "train" and row["label"] in ("positive", "negative")]
    return sorted((row["text"] for row in rows), key=digest)[:count]


def digest(text: str) -> int:
    """A hash that is the same on every machine; the one that scripts/train-reviews-model holds films out by."""
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)


def case_of(model: Classifier, text: str) -> Case:
    """A text's case, for the label that the model gives it."""
    ids, words = model.tokenizer.encode(text), model.tokenizer.words(text)
    best, other = np.argsort(-model.logits([ids])[0], kind="stable")[:2].tolist()
    return case_of_text(model, ids, np.array([[word.first, word.end] for word in words]), best, other)


def on_texts(model: Classifier, name: str, count: int) -> dict[str, Any]:
    """Mean faithfulness of each method, with its standard error."""
    numbers: dict[str, list[list[float]]] = {}
    greedy: list[float] = []
    random: list[float] = []
    drawn = texts(name, count)
    for text in drawn:
        case = case_of(model, text)
        orders = deletions(case)
        for method, run in contenders(model).items():
            found = faithfulness(case, run(case).scores, orders)
            assert found is not None
            values = [getattr(found, measure) for measure in MEASURES]
            numbers.setdefault(method, []).append([np.nan if value is None else value for value in values])
            if method == "[random]":
                random.append(found.random)
                greedy.append(np.nan if found.greedy is None else found.greedy)
    result: dict[str, Any] = {}
    for method, rows in numbers.items():
        table = np.array(rows)
        mean, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0) / np.sqrt(len(table))
        result[method] = {
            measure: {"mean": float(mean[k]), "standard_error": float(spread[k])}
            for k, measure in enumerate(MEASURES)
        }
        # A ratio of means beside the mean of ratios, which texts with hardly any room weigh on.
        room = np.nanmean(greedy) - np.nanmean(random)
        result[method]["normalised_of_means"] = float((mean[2] - np.nanmean(random)) / room)
    sys.stderr.write(
        f"{name}: " + ", ".join(f"{m} {v['normalised_of_means']:.3f}" for m, v in result.items()) + "\n"
    )
    return {
        "texts": len(drawn), "area_of_random_orders": float(np.nanmean(random)),
        "area_of_greedy_orders": float(np.nanmean(greedy)), "methods": result,
    }  # fmt: skip


# ---- time

SIXTY = (
    "This film is not nearly as bad as the critics would have you believe, and although the plot drags a little in the "
    "middle, the acting of the two leads is a joy to watch; I laughed, I cried, and I will certainly see it again with my "
    "friends when it comes out on video next year."
)


def times(model: Classifier, repeats: int = 9) -> dict[str, Any]:
    """Median milliseconds of each method's scores, then with faithfulness, and with the tree of phrases."""
    result: dict[str, Any] = {
        "words": len(model.tokenizer.words(SIXTY)),
        "tokens": len(model.tokenizer.encode(SIXTY)),
    }
    with limit_threads(1):
        for each in methods():
            result[each.name] = {
                "scores": median(
                    lambda name=each.name: explain(model, SIXTY, method=name, faithfulness=False), repeats
                ),
                "with_faithfulness": median(
                    lambda name=each.name: explain(model, SIXTY, method=name), repeats
                ),
            }
        result["with_phrases"] = median(
            lambda: explain(model, SIXTY, faithfulness=False, phrases=True), repeats
        )
    return result


def median(call: Callable[[], object], repeats: int) -> float:
    """Milliseconds."""
    taken: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken))


def tables(document: dict[str, Any]) -> str:
    """The tables of docs/explanation/explanations.md."""
    rows = document["known"]["results"]
    names = list(rows[0]["methods"])
    columns = [(task, cell) for task in TASKS for cell in CELLS]
    lines = [
        "| method | " + " | ".join(f"{cell}, {task}" for task, cell in columns) + " | mean |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for name in names:
        means = [
            np.mean(
                [row["methods"][name]["correlation"] for row in rows if (row["task"], row["cell"]) == column]
            )
            for column in columns
        ]
        lines.append(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in [*means, np.mean(means)]) + " |")
    for corpus, found in document["texts"]["results"].items():
        lines += ["", f"{corpus}: {found['texts']} texts; area {found['area_of_random_orders']:.3f} for random orders, "
                  f"{found['area_of_greedy_orders']:.3f} for greedy ones", "",
                  "| method | comprehensiveness | sufficiency | area | normalised |", "|---|---|---|---|---|"]  # fmt: skip
        for name, values in found["methods"].items():
            cells = [f"{values[m]['mean']:.3f} ± {values[m]['standard_error']:.3f}" for m in MEASURES]
            lines.append(f"| {name} | " + " | ".join([*cells, f"{values['normalised_of_means']:.3f}"]) + " |")
    timed = document["time"]["results"]
    lines += ["", "| method | scores | with faithfulness |", "|---|---|---|"]
    for name, value in timed.items():
        if isinstance(value, dict):
            lines.append(f"| {name} | {value['scores']:.0f} ms | {value['with_faithfulness']:.0f} ms |")
    return "\n".join(lines) + "\n"


def brief(found: dict[str, Any], key: str) -> str:
    """One line."""
    return ", ".join(f"{name} {value[key]:.3f}" for name, value in found.items())


def main() -> None:
    """Measure what is asked for, and print or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default="known,texts,time", help="which, separated by commas")
    parser.add_argument("--model", default=None, help="a model folder; the one in the package by default")
    parser.add_argument("--texts", type=int, default=100, help="texts of each corpus")
    parser.add_argument(
        "--json", type=Path, help="file for the results; parts that are not measured stay as they are in it"
    )
    parser.add_argument(
        "--tables", action="store_true", help="measure nothing, and print the tables of a file of results"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.tables:
        sys.stdout.write(tables(json.loads(asked.json.read_text(encoding="utf-8"))))
        return
    parts = asked.parts.split(",")
    model = peephole.load(asked.model) if asked.model else peephole.load()
    measures: dict[str, Callable[[], Any]] = {
        "time": lambda: times(model),
        "known": lambda: list(known()),
        "texts": lambda: {
            name: on_texts(model, name, asked.texts) for name in ("imdb_train", "sst2_sentences")
        },
    }
    for part in parts:
        facts = {
            "command": command_line("benchmarks/explanations.py"), "date": today(), "machine": machine(), "versions": versions(),
        }  # fmt: skip
        found = {**facts, "results": measures[part]()}
        if asked.json is None:
            sys.stdout.write(json.dumps({part: found}, indent=1) + "\n")
            continue
        document = json.loads(asked.json.read_text(encoding="utf-8")) if asked.json.exists() else {}
        asked.json.write_text(json.dumps(document | {part: found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
