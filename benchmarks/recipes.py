"""What each option of `peephole train` brings: the default recipe, and variants that each change one thing.

    python benchmarks/recipes.py --data imdb_train.csv.gz --group-column movie --unlabelled imdb_unlabelled.csv.gz \\
        --share 0.3 --set epochs=3 --work work --json recipes.json
    python benchmarks/recipes.py --table recipes.json

Every run is a ``peephole train`` of its own, on the same texts: the whole development part, and of the training part a
share, whole groups chosen by their hash; of the unlabelled texts as many as labelled ones. Vocabulary and batch size are
those of the labelled texts in all runs. A run with unlabelled texts makes as many passes, over twice the texts.
Each variant is compared with the default of the same seed, text by text. A finished run is kept in the work folder and not
run again, so the program can be stopped and started; results are written after each run. OMP_NUM_THREADS says how many threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import peephole
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.training.checkpoint import checkpoint_folder
from peephole.training.language.folder import WEIGHTS
from peephole.training.teachers import teacher_digest
from recipes_table import markdown, summarise
from recipes_texts import Texts, prepare
from recipes_variants import STORAGES, VARIANTS

PROGRAM = "benchmarks/recipes.py"
Trainer = Callable[[Sequence[str]], dict[str, Any]]


def main() -> None:
    """Train what is not trained yet, compare, and print the table."""
    asked = parse()
    if asked.table:
        print(markdown(json.loads(asked.table.read_text("utf-8"))))
        return
    columns = {name: getattr(asked, name) for name in ("text_column", "label_column", "group_column")}
    texts = prepare(asked.data, asked.unlabelled, asked.share, columns, asked.work / "texts")
    document = {
        "command": command_line(PROGRAM),
        "date": today(),
        "machine": machine() | {"threads": int(os.environ.get("OMP_NUM_THREADS", machine()["cores"]))},
        "versions": versions(),
        "texts": texts.facts,
        "settings": texts.sizes | asked.set,
        "seeds": asked.seeds,
    }
    lacking = {name: text for name in asked.variants if (text := lacks(name, asked))}
    for name, text in lacking.items():
        print(f"{name}: skipped, {text} not given", flush=True)
    document["skipped"] = [{"variant": name, "why": f"{text} not given"} for name, text in lacking.items()]
    runs: list[dict[str, Any]] = []
    titles = {name: variant.title for name, variant in VARIANTS.items()}
    for name in (name for name in asked.variants if name not in lacking):
        for seed in asked.seeds:
            runs.append(one_run(name, seed, asked, texts))
            print(f"{name}, seed {seed}: accuracy {runs[-1]['accuracy']:.4f}", flush=True)
            document |= summarise(runs, texts.truth, titles)
            if asked.json:
                asked.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(markdown(document))


def lacks(name: str, asked: argparse.Namespace) -> str:
    """Return the options that a variant needs and that were not given."""
    lacking = [need for need in VARIANTS[name].needs if getattr(asked, need) is None]
    return " and ".join("--from" if need == "language_model" else f"--{need}" for need in lacking)


def one_run(name: str, seed: int, asked: argparse.Namespace, texts: Texts) -> dict[str, Any]:
    """Return a finished run of the work folder, or make it."""
    changes: dict[str, Any] = {"storage": name} if name in STORAGES else dict(VARIANTS[name].changes)
    settings = {key: value for key, value in texts.sizes.items() if value is not None} | asked.set
    if name == "language-model":  # it brings its own tokens
        del settings["vocabulary"]
    what = {
        "variant": name,
        "seed": seed,
        "changes": changes,
        "settings": settings,
        "sha256": [texts.facts["sha256"][part] for part in ("training", "development")],
        **{need: identity(getattr(asked, need), texts, need) for need in VARIANTS[name].needs},
    }
    path = asked.work / "runs" / f"{name}-{seed}.json"
    if path.exists():
        run = json.loads(path.read_text("utf-8"))
        if different := [key for key in what if run.get(key) != what[key]]:
            raise SystemExit(
                f"{path} is of another {', '.join(different)}: give another --work, or remove it"
            )
        return run
    folder = asked.work / "models"
    if name in STORAGES:
        result = stored(folder / f"default-{seed}", name, texts)
    else:
        words = ["train", str(texts.file("training")), "--dev", str(texts.file("development"))]
        words += ["--output", str(folder / path.stem), "--resume", "--json", "--seed", str(seed)]
        for key, value in (settings | changes).items():
            words += ["--" + key.replace("_", "-"), str(value)]
        for need in VARIANTS[name].needs:
            given = texts.file("unlabelled") if need == "unlabelled" else getattr(asked, need)
            words += ["--from" if need == "language_model" else f"--{need}", str(given)]
        result = trained(words, folder / path.stem, texts, asked.trainer)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(what | result) + "\n", encoding="utf-8")
    return what | result


def identity(given: Path, texts: Texts, need: str) -> str:
    """Return the SHA-256 of what an option brings into a run."""
    if need == "unlabelled":
        return texts.facts["sha256"][need]
    if need == "teacher":
        return teacher_digest(given)
    return hashlib.sha256((given / WEIGHTS).read_bytes()).hexdigest()


def by_program(words: Sequence[str]) -> dict[str, Any]:
    """Run ``peephole`` in a process of its own, which trains in one precision, and return what it says in JSON."""
    done = subprocess.run([sys.executable, "-m", "peephole", *words], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"peephole {' '.join(words)}: ended with status {done.returncode}")
    return json.loads(done.stdout)


def trained(words: Sequence[str], model: Path, texts: Texts, trainer: Trainer) -> dict[str, Any]:
    """Train a model and judge it on the development texts."""
    model.parent.mkdir(parents=True, exist_ok=True)
    anew = not (model.exists() or checkpoint_folder(model).exists())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = trainer(words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return judged(peephole.load(model), texts) | {
        "minutes": said["seconds"] / 60,
        "cpu_minutes": spent / 60 if anew else None,  # of a run in two sessions only the second is known
        "recipe": said["recipe"],
        "data": {key: said["data"][key] for key in ("training", "training_tokens") if key in said["data"]},
    }


def stored(model: Path, storage: Any, texts: Texts) -> dict[str, Any]:
    """Judge a trained model with its matrices in another storage."""
    small = peephole.load(model).with_storage(storage)
    sizes = [size(model), size(small.save(model.with_name(f"{model.name}-{storage}")))]
    return judged(small, texts) | {"bytes": sizes[1], "float32_bytes": sizes[0]}


def size(folder: Path) -> int:
    """Return the bytes of a model folder."""
    return sum(file.stat().st_size for file in folder.iterdir())


def judged(model: peephole.Classifier, texts: Texts) -> dict[str, Any]:
    """Return what a model makes of the development texts."""
    columns = [model.labels.index(label) for label in texts.labels]
    probabilities = model.predict_proba(texts.development)[:, columns]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == texts.truth).mean()),
        "probabilities": np.round(probabilities, 9).tolist(),
    }


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="labelled texts, in any format that peephole reads")
    for name in ("text", "label", "group"):
        parser.add_argument(f"--{name}-column", help=f"the column of the {name}s")
    parser.add_argument("--unlabelled", type=Path, help="texts without labels")
    parser.add_argument("--teacher", type=Path, help="model folder to learn from")
    parser.add_argument("--from", type=Path, dest="language_model", help="language model to start from")
    parser.add_argument("--share", type=float, default=0.3, help="of the training texts; 0.3 by default")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[1, 2])
    parser.add_argument(
        "--variants", type=lambda text: text.split(","), default=list(VARIANTS), help="all by default"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of all runs, such as epochs=3",
    )
    parser.add_argument("--work", type=Path, help="folder of texts, models and finished runs")
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument(
        "--table", type=Path, metavar="RESULT", help="print the table of a result, and no more"
    )
    asked = parser.parse_args(words)
    asked.trainer = by_program
    if not asked.table and not (asked.data and asked.work):
        parser.error("--data and --work, or --table, must be given")
    if not 0 < asked.share <= 1:
        parser.error(f"--share must be above 0 and at most 1; got {asked.share}")
    if unknown := [name for name in asked.variants if name not in VARIANTS]:
        parser.error(f"--variants: {', '.join(unknown)} unknown; there are {', '.join(VARIANTS)}")
    if asked.variants[0] != "default":  # all others are compared with it
        asked.variants = ["default", *(name for name in asked.variants if name != "default")]
    if wrong := [setting for setting in asked.set if "=" not in setting]:
        parser.error(f"--set: must be NAME=VALUE; got {', '.join(wrong)}")
    for name, folder in (("--teacher", asked.teacher), ("--from", asked.language_model)):
        if folder is not None and not folder.is_dir():
            parser.error(f"{name}: there is no folder {folder}")
    asked.set = dict(setting.split("=", 1) for setting in asked.set)
    return asked


if __name__ == "__main__":
    main()
