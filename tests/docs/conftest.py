"""What the commands and programs on the pages take as given, small: tables, texts, a model of one's own."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path

import pytest

from peephole.classifier.shipped import shipped_models

PRAISE = ("lovely", "warm", "clever", "funny", "splendid", "moving")
BLAME = ("dull", "cold", "silly", "boring", "awful", "tired")
THINGS = ("plot", "cast", "film", "story", "end")


@pytest.fixture
def given_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything that a page names and does not make, as the working directory."""
    monkeypatch.chdir(tmp_path)
    rows = [reviews_row(n) for n in range(60)]
    for name in (
        "reviews.csv",
        "new-reviews.csv",
        "more-reviews.csv",
        "more.csv",
        "labelled.csv",
        "held-out.csv",
        "contrasts.csv",
    ):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0], lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    (tmp_path / "imdb_train.csv.gz").write_bytes(
        gzip.compress((tmp_path / "reviews.csv").read_bytes(), mtime=0)
    )
    lines = "".join(f"{row['text']}\n" for row in rows)
    for name in ("reviews.txt", "lines.txt"):
        (tmp_path / name).write_text(lines, encoding="utf-8")
    (tmp_path / "recipe.json").write_text(json.dumps({"epochs": 1}), encoding="utf-8")
    for name in ("my-model", "my-small-model", "large", "imdb-lstm", "peephole-demo", "runs/7"):
        shutil.copytree(shipped_models()[0].path, tmp_path / name)
    return tmp_path


def reviews_row(n: int) -> dict[str, str]:
    """One review: text and label under the names that are found by themselves and under two others, and its film."""
    good, denied = n % 2 == 0, n % 7 == 3
    word = (PRAISE if good else BLAME)[n // 2 % 6]
    text = f"The {THINGS[n // 2 % 5]} of film {n // 6 + 1} was {'not ' if denied else ''}{word}."
    label = "positive" if good != denied else "negative"
    return {"text": text, "label": label, "movie": f"film {n // 6 + 1}", "body": text, "verdict": label}
