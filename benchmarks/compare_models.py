"""Several models on the same texts: accuracy, log-loss, calibration, and whether the differences are more than chance.

    python benchmarks/compare_models.py teacher reviews --data kept_out_imdb_train.csv --json results.json

The first model is compared with each other one, text by text (`peephole.evaluation.paired`).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import peephole
from peephole.evaluation import evaluate
from peephole.evaluation.paired import compare
from peephole.reading import read
from peephole.studies.bench.machine import command_line, machine, today, versions


def main() -> None:
    """Compare models and print, or write, what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="model folders; the first is compared with each other one")
    parser.add_argument(
        "--data", nargs="+", required=True, type=Path, help="labelled texts, each file by itself"
    )
    parser.add_argument("--json", type=Path, help="file for the results")
    asked = parser.parse_args()
    results = [on_file(path, asked.models) for path in asked.data]
    document = {
        "command": command_line("benchmarks/compare_models.py"),
        "date": today(),
        "machine": machine(),
        "versions": versions(),
        "results": results,
    }
    text = json.dumps(document, indent=1)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")
    for result in results:
        sys.stdout.write(f"{result['data']} ({result['n']:,} texts)\n")
        for model in result["models"]:
            sys.stdout.write(
                f"  {model['model']}: accuracy {model['accuracy']:.4f}, log-loss {model['log_loss']:.4f}, "
                f"calibration error {model['cross_fitted_calibration_error']:.4f}\n"
            )
        for pair in result["pairs"]:
            sys.stdout.write(
                f"  {pair['first']} − {pair['second']}: {pair['difference']:+.4f} ± {1.96 * pair['standard_error']:.4f} nats "
                f"(p = {pair['p']:.2g}); right alone: {pair['first_only']} and {pair['second_only']} "
                f"(p = {pair['p_accuracy']:.2g})\n"
            )


def on_file(path: Path, models: list[str]) -> dict[str, Any]:
    """Judge all models on one file."""
    loaded = [peephole.load(model) for model in models]
    names = loaded[0].labels
    records = list(read([path], labels="required", known_labels=list(names)))
    texts, labels = (
        [record.text for record in records],
        np.array([names.index(str(r.label)) for r in records]),
    )
    found: list[dict[str, Any]] = []
    answers: list[Any] = []
    for name, model in zip(models, loaded, strict=True):
        columns = [model.labels.index(label) for label in names]
        probabilities = model.predict_proba(texts)[:, columns].astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        answers.append(probabilities)
        scores = evaluate(
            probabilities, labels, names, logits=np.log(np.maximum(probabilities, 1e-12))
        ).to_json()
        wanted = ("accuracy", "interval", "macro_f1", "log_loss", "roc_auc", "cross_fitted_calibration_error")
        found.append({"model": Path(name).name, **{key: scores[key] for key in wanted}})
    pairs: list[dict[str, Any]] = []
    for name, other in zip(models[1:], answers[1:], strict=True):
        pair = compare(answers[0], other, labels)
        pairs.append({
            "first": Path(models[0]).name, "second": Path(name).name, "difference": pair.difference,
            "standard_error": pair.standard_error, "p": pair.p, "first_only": pair.first_only,
            "second_only": pair.second_only, "p_accuracy": pair.p_accuracy,
        })  # fmt: skip
    return {"data": path.name, "n": len(records), "models": found, "pairs": pairs}


if __name__ == "__main__":
    main()
