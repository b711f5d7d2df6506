"""Faithfulness on texts, for `explanations.py`: words are deleted in the order of each method's scores."""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from explanations_methods import contenders
from peephole.classifier import Classifier
from peephole.insight.explanations import Case
from peephole.insight.explanations.cases import case_of_text, chosen_label
from peephole.insight.explanations.faithfulness import deletions, faithfulness
from peephole.insight.texts import Reading

DATA = Path(os.environ.get("PEEPHOLE_DATA", ""))
MEASURES = ("comprehensiveness", "sufficiency", "area")


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
    reading = Reading.of(model, text)
    best, other = chosen_label(model.labels, model.logits([reading.ids])[0], None)
    return case_of_text(model, reading.ids, reading.spans, best, other)


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
