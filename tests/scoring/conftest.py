"""A small model and many short texts."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from support.small_models import small_classifier


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of a small model with three labels."""
    return str(small_classifier().save(tmp_path_factory.mktemp("model") / "small"))


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """1,000 rows: texts of every length, with line ends, quotes and letters of other scripts."""
    draw = random.Random(7)
    words = [
        "good",
        "bad",
        "film",
        "not",
        "it's",
        "end",
        'a "quote"',
        "naïve",
        "日本",
        "one\ntwo",
        "a\u2028b",
        "\x85",
    ]
    return [
        {
            "id": str(number),
            "text": " ".join(draw.choices(words, k=draw.choice([0, 1, 2, 5, 9, 30]))),
            "stars": str(draw.randrange(6)),
        }
        for number in range(1000)
    ]


@pytest.fixture(scope="session")
def table(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows as CSV."""
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "stars"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
