"""Reading what a scoring job wrote, with other libraries than those that wrote it where there are any."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset

from peephole.classifier import load
from peephole.scoring.storage import Store


def read_back(output: Path) -> list[dict[str, Any]]:
    """The rows of an output, in its order."""
    if output.suffix == ".parquet":
        return pyarrow.dataset.dataset(output, format="parquet").to_table().to_pylist()
    with output.open(encoding="utf-8", newline="") as file:
        if output.suffix == ".csv":
            return list(csv.DictReader(file))
        return [json.loads(line) for line in file]


def rejected(output: Path) -> list[dict[str, Any]]:
    """What could not be scored."""
    folder = output if output.suffix == ".parquet" else output.with_name(output.name + ".parts")
    lines = (folder / "_rejected.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def manifest(output: Path) -> dict[str, Any]:
    """What was noted at the end."""
    folder = output if output.suffix == ".parquet" else output.with_name(output.name + ".parts")
    return json.loads((folder / "_manifest.json").read_text("utf-8"))


def answers(model: str, texts: Sequence[str]) -> list[tuple[str, float]]:
    """What the classifier says of texts, asked in the plain way."""
    return [(found.label, found.probability) for found in load(model).predict(texts)]


def agree(rows: Sequence[dict[str, Any]], model: str, texts: Sequence[str], label: str = "label") -> None:
    """Assert that rows hold the answers of these texts, in their order."""
    expected = answers(model, texts)
    assert [row[label] for row in rows] == [name for name, _ in expected]
    apart = max(abs(float(row["probability"]) - p) for row, (_, p) in zip(rows, expected, strict=True))
    assert apart < 1e-6  # batches of other sizes may sum in another order


def write_half(store: Store, path: str) -> None:
    """Begin to write a file, and fail."""
    with store.writing(path) as file:
        file.write(b"half")
        raise RuntimeError
