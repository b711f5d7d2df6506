"""Training of the classifier and of the language model on one GPU: the time per epoch.

    python benchmarks/gpu_training.py imdb_train.csv.gz --group-column movie --output gpu-runs --json gpu_training.json

Both run as `peephole train` and `peephole pretrain` run them, in bfloat16 unless told otherwise, for a few passes. An epoch
of the classifier ends with its judgement on the development texts, and that is in its time. Stopped at any moment, the same
command goes on from the last checkpoint; what was finished before keeps the time that was noted beside it (``times.json``).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from peephole.errors import OptionError
from peephole.files import replacing
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.studies.bench.table import Table, number
from peephole.training import LanguageRecipe, PretrainRequest, Recipe, TrainRequest, pretrain, train

PARTS = ("classifier", "language")


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """What both trainings are asked alike."""
    return {
        "sources": (arguments.data,),
        "group_column": arguments.group_column,
        "resume": True,
        "time_budget": arguments.time_budget,
        "cpu": arguments.device == "cpu",
        "command": command_line("benchmarks/gpu_training.py"),
    }


def classifier(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the classifier: what it brought, without ``seconds_an_epoch`` where the run was finished before."""
    recipe = Recipe(
        precision=arguments.precision,
        epochs=arguments.epochs,
        embeddings="random",
        **_sizes(arguments, ("embedding", "hidden_size")),
    )
    result = train(
        TrainRequest(
            output=arguments.output / "classifier",
            recipe=recipe,
            **_asked(arguments),
        )
    )
    ends = [0.0, *(line.seconds for line in result.history)]
    found: dict[str, Any] = {"part": "classifier", "ending": result.ending}
    if result.ending != "already" and len(ends) > 1:
        found["seconds_an_epoch"] = [late - early for early, late in itertools.pairwise(ends)]
        found["accuracy"] = result.history[-1].accuracy
    return found


def language(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train the language model: likewise; only whole runs tell the time of an epoch."""
    recipe = LanguageRecipe(
        precision=arguments.precision,
        epochs=arguments.epochs,
        **_sizes(arguments, ("embedding", "hidden_size")),
    )
    result = pretrain(
        PretrainRequest(
            output=arguments.output / "language",
            recipe=recipe,
            **_asked(arguments),
        )
    )
    found: dict[str, Any] = {"part": "language", "ending": result.ending}
    if result.ending == "complete":
        found["seconds_an_epoch"] = [result.seconds / arguments.epochs] * arguments.epochs
        found["perplexity"] = result.metrics["perplexity"]
    return found


RUN: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "classifier": classifier,
    "language": language,
}


def _sizes(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, int]:
    """The sizes that were given; the recipe has its own for the others."""
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}


def device_facts(device: str) -> dict[str, Any]:
    """What runs it."""
    facts: dict[str, Any] = {"device": device, "threads": torch.get_num_threads()}
    if device == "cuda":
        facts |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
        facts |= {"cudnn": torch.backends.cudnn.version()}
    return facts


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a labelled file, in any format that peephole reads")
    parser.add_argument("--group-column", help="keep the rows of one group on the same side")
    parser.add_argument("--output", type=Path, required=True, help="folder of the two models")
    parser.add_argument("--part", choices=PARTS, action="append", help="one of the two only")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--precision", choices=("bf16", "fp16", "no"), default="bf16")
    parser.add_argument("--epochs", type=int, default=2, help="passes of each; 2 by default")
    parser.add_argument("--hidden-size", type=int, help="units; by default those of the recipes")
    parser.add_argument("--embedding", type=int, help="numbers of a token's vector; likewise")
    parser.add_argument("--time-budget", type=float, help="seconds for each of the two")
    parser.add_argument("--json", type=Path, help="write results, versions and machine here")
    arguments = parser.parse_args(words)
    if arguments.epochs < 1:
        raise OptionError(f"--epochs: must be at least 1; got {arguments.epochs}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise OptionError(
            f"--device: cuda needs an NVIDIA GPU that torch can use; got none (torch {torch.__version__})",
            hint="pass --device cpu to try it on the processor",
        )
    return arguments


def with_noted(found: dict[str, Any], notes: Path) -> dict[str, Any]:
    """Note the times of a run beside its model, or find them there if it was finished before."""
    noted: dict[str, Any] = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    part = found["part"]
    if found["ending"] == "already":
        return noted.get(part, found)
    with replacing("gpu_training", notes) as file:
        file.write(json.dumps(noted | {part: found}, indent=1) + "\n")
    return found


def table(report: dict[str, Any]) -> Table:
    """The results, for a person."""
    rows: list[tuple[str, ...]] = []
    for found in report["results"]:
        epochs = found.get("seconds_an_epoch")
        if epochs is None:
            rows.append((found["part"], found["ending"], "no time", ""))
            continue
        score = f"perplexity {found['perplexity']:.1f}" if "perplexity" in found else ""
        score = f"accuracy {found['accuracy']:.3f}" if "accuracy" in found else score
        rows.append((found["part"], found["ending"], ", ".join(map(number, epochs)), score))
    machine = report["machine"]
    title = f"{machine.get('gpu', machine['cpu'])} · {report['settings']['precision']}"
    return Table(title, ("<model", "<run", "s an epoch", "<"), tuple(rows))


def main(words: list[str] | None = None) -> None:
    arguments = parse(words)
    arguments.output.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "command": command_line("benchmarks/gpu_training.py"),
        "date": today(),
        "machine": machine() | device_facts(arguments.device),
        "versions": versions(),
        "settings": {"precision": arguments.precision, "epochs": arguments.epochs},
        "results": [],
    }
    for part in dict.fromkeys(arguments.part or PARTS):
        report["results"].append(with_noted(RUN[part](arguments), arguments.output / "times.json"))
        if arguments.json:
            with replacing("gpu_training", arguments.json) as file:
                file.write(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(table(report).plain())


if __name__ == "__main__":
    main()
