"""Scoring texts with a trained classifier, ours and in other ways, in turn in one process.

    python benchmarks/scoring.py my-model imdb_train.csv.gz --texts 3000 --json scoring.json

Three tables:

- **tokenizer**: texts to ids, which is the same for all.
- **scoring**: ids to probabilities. The rivals are the same classifier with `torch.nn.LSTM` on packed sequences (float32) and on
  padded batches (float32, bfloat16), and as an ONNX model in ONNX Runtime (float32). Texts of like length go together, and each
  rival gets the batch size at which it is fastest, found before on a part of the texts (`--budgets`: places in a batch,
  padding included). Padding takes no part in the result.
- **from text**: texts to probabilities, tokenizer included, ours and a Transformer encoder of DistilBERT's size with random
  weights (float32, bfloat16), which reads the first 512 tokens. It has fewer texts (`--encoder-texts`), evenly drawn by length,
  and is compared by the time of one text. Its tokens are the classifier's own; word pieces would be about as many.

Before anything is timed, the probabilities on some texts (`--check`) are compared with those in float64: in float32 they may be
1e-4 off, in bfloat16, which keeps eight bits, 0.05. Who is further off gets no time. The encoder's answers mean nothing; it is
checked that those of a text are the same alone and beside longer ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peephole.classifier import Classifier, load
from peephole.classifier.prediction import softmax
from peephole.errors import DataError, OptionError
from peephole.reading import read
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.studies.bench.table import Table, number, times
from peephole.studies.bench.timing import Contestant, take_turns
from scoring_onnx import OnnxRival
from scoring_rivals import Encoder, Ids, Rival, TorchRival, score

BOUNDS = {"float32": 1e-4, "bfloat16": 0.05}
"""How far probabilities may be off, by the type in which they are computed."""

Probabilities = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Entrant:
    """Who takes part.

    Attributes:
        name: for the table.
        dtype: of its activations: a key of `BOUNDS`.
        rival: None for the classifier itself.
        budget: places in a batch, at least 1; 0 for the classifier itself, which deals its batches by its own rules.
    """

    name: str
    dtype: str
    rival: Rival | None
    budget: int = 0

    def score(self, classifier: Classifier, ids: Sequence[Ids]) -> Probabilities:
        """The probabilities `[N, C]` of texts."""
        temperature = classifier.config.temperature
        if self.rival is None:
            return softmax(classifier.logits(ids), temperature)
        return score(self.rival, ids, self.budget, temperature)


def spread(lengths: NDArray[np.integer], count: int) -> NDArray[np.intp]:
    """Indices of `count` texts (or all, if there are fewer), evenly drawn from the shortest to the longest."""
    order = np.argsort(lengths, kind="stable")
    return np.sort(order[np.linspace(0, len(order) - 1, min(count, len(order))).astype(np.intp)])


def check(
    entrants: Sequence[Entrant], classifier: Classifier, ids: Sequence[Ids], budget: int
) -> dict[str, dict[str, Any]]:
    """How far each is from torch on packed sequences in float64: name → largest error, its bound, labels that differ."""
    exact = TorchRival(classifier.config, classifier.weights, packed=True, dtype=torch.float64)
    truth = score(exact, ids, budget, classifier.config.temperature)
    found: dict[str, dict[str, Any]] = {}
    for entrant in entrants:
        got = dataclasses.replace(entrant, budget=budget).score(classifier, ids)
        found[entrant.name] = {
            "error": float(np.abs(got - truth).max()),
            "bound": BOUNDS[entrant.dtype],
            "labels_that_differ": int((got.argmax(1) != truth.argmax(1)).sum()),
        }
    return found


def fastest_budget(
    rival: Rival, ids: Sequence[Ids], budgets: Sequence[int], enter: Callable[[], None]
) -> int:
    """The batch size at which a rival is fastest on some texts."""
    contestants = {
        str(budget): Contestant(lambda budget=budget: score(rival, ids, budget, 1.0), enter=enter)
        for budget in budgets
    }
    timed = take_turns(contestants, 0.0, rounds=1)
    return min(budgets, key=lambda budget: timed[str(budget)].median)


def padding_changes_nothing(encoder: Rival, dtype: str, ids: Sequence[Ids]) -> dict[str, Any]:
    """The largest change of an encoder's probabilities when short texts stand beside long ones."""
    alone = score(encoder, ids, 1, 1.0)
    together = score(encoder, ids, sum(map(len, ids)) * len(ids), 1.0)
    return {"error": float(np.abs(alone - together).max()), "bound": BOUNDS[dtype]}


def race(
    contestants: dict[str, tuple[Callable[[], object], int]],
    checked: dict[str, dict[str, Any]],
    rounds: int,
    enter: Callable[[], None],
) -> list[dict[str, Any]]:
    """Time those whose answers are right; one entry for each.

    Args:
        contestants: name → the work, and how many texts it is.
        checked: name → `error` and `bound`; those who are not there need no check.
        rounds: at least 1.
        enter: called before each turn.
    """
    right = {
        name: Contestant(work, enter=enter)
        for name, (work, _) in contestants.items()
        if name not in checked or checked[name]["error"] <= checked[name]["bound"]
    }
    timed = take_turns(right, 0.0, rounds=rounds)
    results: list[dict[str, Any]] = []
    for name, (_, texts) in contestants.items():
        entry: dict[str, Any] = {"name": name, "texts": texts, **checked.get(name, {})}
        if name in timed:
            entry["seconds"] = timed[name].to_json()
            entry["milliseconds_a_text"] = 1e3 * timed[name].median / texts
        results.append(entry)
    first = results[0].get("milliseconds_a_text")
    for entry in results:
        if first and "milliseconds_a_text" in entry:
            entry["ratio"] = entry["milliseconds_a_text"] / first
    return results


def table(title: str, results: Sequence[dict[str, Any]]) -> Table:
    """The results of one race, for a person."""
    rows: list[tuple[str, ...]] = []
    for entry in results:
        error = f"{entry['error']:.0e}" if "error" in entry else ""
        name = f"{entry['name']} ({entry['budget']:,})" if entry.get("budget") else entry["name"]
        if "seconds" not in entry:
            rows.append((name, "wrong: no time", "", "", "", error))
            continue
        seconds = entry["seconds"]
        quartiles = f"{number(seconds['lower_quartile'])}–{number(seconds['upper_quartile'])}"
        rows.append(
            (
                name,
                number(seconds["median"]),
                quartiles,
                f"{1e3 / entry['milliseconds_a_text']:,.0f}",
                times(entry["ratio"]) if "ratio" in entry else "",
                error,
            )
        )
    return Table(title, ("<", "seconds", "quartiles", "texts a second", "×", "error"), tuple(rows))


def run(classifier: Classifier, texts: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Check and time everybody; return what is to be reported of it.

    Raises:
        DataError: no text has a token.
        OptionError: the classifier is none that the rivals can be built for.
    """
    texts = [
        text for text, ids in zip(texts, classifier.tokenizer.encode_batch(texts), strict=True) if len(ids)
    ]
    if not texts:
        raise DataError("scoring: there must be at least one text with a token; got none")
    ids = classifier.tokenizer.encode_batch(texts)
    lengths = np.array([len(tokens) for tokens in ids])
    config, weights = classifier.config, classifier.weights

    def enter() -> None:
        torch.set_num_threads(options.threads)

    enter()
    entrants = [
        Entrant("peephole", "float32", None),
        Entrant("torch, packed", "float32", TorchRival(config, weights, packed=True, dtype=torch.float32)),
        Entrant("torch, padded", "float32", TorchRival(config, weights, packed=False, dtype=torch.float32)),
        Entrant(
            "torch, padded, bfloat16",
            "bfloat16",
            TorchRival(config, weights, packed=False, dtype=torch.bfloat16),
        ),
        Entrant("ONNX Runtime", "float32", OnnxRival(config, weights, options.threads)),
    ]
    checked = check(
        entrants, classifier, [ids[i] for i in spread(lengths, options.check)], options.budgets[0]
    )
    part = [ids[i] for i in spread(lengths, max(1, len(ids) // 4))]
    entrants = [
        entrant
        if entrant.rival is None
        else dataclasses.replace(entrant, budget=fastest_budget(entrant.rival, part, options.budgets, enter))
        for entrant in entrants
    ]
    tokenizer = race(
        {"peephole": (lambda: classifier.tokenizer.encode_batch(texts), len(texts))},
        {},
        options.rounds,
        enter,
    )
    scoring = race(
        {
            entrant.name: (lambda entrant=entrant: entrant.score(classifier, ids), len(texts))
            for entrant in entrants
        },
        checked,
        options.rounds,
        enter,
    )
    for entry, entrant in zip(scoring, entrants, strict=True):
        entry["budget"] = entrant.budget
    few = [texts[i] for i in spread(lengths, options.encoder_texts)]
    report: dict[str, Any] = {"tokenizer": tokenizer, "scoring": scoring}
    if few:
        report["from_text"] = from_text(classifier, texts, few, options, enter)
    return {
        "model": {
            "labels": list(config.labels),
            "parameters": int(sum(array.size for array in weights.values())),
            "stages": [f"{stage.name}: {stage}" for stage in config.stages if stage.kind != "dropout"],
        },
        "texts": {
            "count": len(texts),
            "tokens": int(lengths.sum()),
            "median_tokens": float(np.median(lengths)),
            "for_the_encoder": len(few),
            "for_the_check": min(options.check, len(texts)),
        },
        "threads": options.threads,
        "rounds": options.rounds,
        "results": report,
    }


def from_text(
    classifier: Classifier,
    texts: Sequence[str],
    few: Sequence[str],
    options: argparse.Namespace,
    enter: Callable[[], None],
) -> list[dict[str, Any]]:
    """Time everybody from text to probabilities."""
    encoders: dict[str, Encoder] = {
        f"encoder, {name}": options.make_encoder(getattr(torch, name)) for name in BOUNDS
    }

    def cut() -> list[Ids]:
        return [tokens[: Encoder.most_tokens] for tokens in classifier.tokenizer.encode_batch(few)]

    sample = cut()
    closest = [sample[i] for i in spread(np.array([len(tokens) for tokens in sample]), 4)]
    checked: dict[str, dict[str, Any]] = {}
    contestants: dict[str, tuple[Callable[[], object], int]] = {
        "peephole": (lambda: classifier.predict_proba(texts), len(texts))
    }
    budgets: dict[str, int] = {}
    for name, encoder in encoders.items():
        checked[name] = padding_changes_nothing(encoder, name.removeprefix("encoder, "), closest)
        budgets[name] = fastest_budget(encoder, closest, options.encoder_budgets, enter)
        contestants[name] = (
            lambda encoder=encoder, budget=budgets[name]: score(encoder, cut(), budget, 1.0),
            len(few),
        )
    results = race(contestants, checked, options.rounds, enter)
    for entry in results:
        entry["budget"] = budgets.get(entry["name"], 0)
    return results


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("model", help="a model folder")
    parser.add_argument("data", help="texts, in any format that peephole reads")
    parser.add_argument(
        "--texts", type=int, default=2000, help="how many, from the first on; 2,000 by default"
    )
    parser.add_argument(
        "--threads", type=int, default=cores, help="of everybody; by default as many as there are cores"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each; 5 by default")
    parser.add_argument(
        "--check", type=int, default=256, help="texts for the check in float64; 256 by default"
    )
    parser.add_argument(
        "--encoder-texts", type=int, default=32, help="texts for the encoder; 32 by default, 0 leaves it out"
    )
    parser.add_argument(
        "--budgets",
        type=int,
        nargs="+",
        default=[4_000, 16_000, 64_000],
        help="batch sizes to try, in places",
    )
    parser.add_argument(
        "--encoder-budgets", type=int, nargs="+", default=[512, 4_096], help="likewise for the encoder"
    )
    parser.add_argument("--json", type=Path, help="write results, versions and machine here")
    options = parser.parse_args(words)
    for name in ("texts", "threads", "rounds", "check"):
        if getattr(options, name) < 1:
            raise OptionError(f"--{name}: must be at least 1; got {getattr(options, name)}")
    for name in ("budgets", "encoder_budgets"):
        if min(getattr(options, name)) < 1:
            raise OptionError(
                f"--{name.replace('_', '-')}: must be at least 1; got {min(getattr(options, name))}"
            )
    if options.encoder_texts < 0:
        raise OptionError(f"--encoder-texts: must be at least 0; got {options.encoder_texts}")
    options.make_encoder = Encoder
    return options


def main() -> None:
    options = parse()
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)  # the tokenizer's; read when it first runs
    classifier = load(options.model)
    records = itertools.islice(read([options.data], labels="absent"), options.texts)
    found = run(classifier, [record.text for record in records], options)
    report = {
        "command": command_line("benchmarks/scoring.py"),
        "date": today(),
        "machine": machine(),
        "versions": versions(),
        "data": Path(options.data).name,
        **found,
    }
    facts = found["texts"]
    print(
        f"{facts['count']:,} texts, {facts['tokens']:,} tokens, half of the texts have {facts['median_tokens']:,.0f} or more · "
        f"{found['threads']} threads"
    )
    for title, results in found["results"].items():
        print(table(title.replace("_", " "), results).plain())
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
