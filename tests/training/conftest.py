"""A small corpus that a tiny network learns, and the recipe of that network."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from peephole.training import Progress, Recipe, TrainRequest

GOOD, BAD = ("good", "great", "fine", "lovely"), ("bad", "awful", "dull", "poor")
FILLING = (
    "the",
    "a",
    "film",
    "book",
    "soup",
    "was",
    "is",
    "very",
    "quite",
    "and",
    "with",
    "long",
    "short",
    "plot",
)


def rows(count: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """(text, label, group): the label is decided by which kind of word the text holds."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(count):
        good = bool(random.random() < 0.5)
        words = list(random.choice(FILLING, random.integers(3, 12)))
        words.insert(int(random.integers(0, len(words))), str(random.choice(GOOD if good else BAD)))
        found.append((" ".join(words), "positive" if good else "negative", f"group {index % 20}"))
    return found


@pytest.fixture(scope="session")
def small_corpus() -> Callable[[Path], Path]:
    """Write a CSV of 300 short texts of two classes, with groups."""
    return lambda path: write(path, rows(300))


@pytest.fixture
def corpus(small_corpus, tmp_path: Path) -> Path:
    """A CSV of 300 short texts of two classes, with groups."""
    return small_corpus(tmp_path / "texts.csv")


def write(path: Path, lines: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "group"])
        writer.writerows(lines)
    return path


TINY = Recipe(
    embedding=8,
    hidden_size=8,
    head=6,
    vocabulary=330,
    epochs=3,
    batch_rows=16,
    batch_tokens=400,
    max_length=16,
    head_tokens=6,
    noise_from="start",
    word_dropout=0.05,
    embedding_dropout=0.1,
    pool_dropout=0.1,
    head_dropout=0.1,
    adversarial=1.0,
    learning_rate=0.03,
    average=0.9,
    seed=3,
)


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """A recipe that trains in a second."""
    return TINY


@pytest.fixture
def request_for(corpus: Path, tmp_path: Path) -> Callable[..., TrainRequest]:
    """Make a request for the small corpus, with any field changed."""

    def make(name: str = "model", **changes) -> TrainRequest:
        return TrainRequest(**{"sources": (corpus,), "output": tmp_path / name, "recipe": TINY} | changes)

    return make


class Listener(Progress):
    """Remembers what it hears, and can act at a step."""

    def __init__(self, at: int = -1, act: Callable[[], None] | None = None) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.steps: list = []
        self.passes: list = []
        self.plan = None
        self._at, self._act = at, act

    def note(self, text):
        self.notes.append(text)

    def warn(self, text):
        self.warnings.append(text)

    def start(self, plan):
        self.plan = plan

    def step(self, report):
        self.steps.append(report)
        if report.step == self._at and self._act is not None:
            self._act()

    def finish_pass(self, line, *, best):
        self.passes.append((line, best))


@pytest.fixture
def listener() -> type[Listener]:
    return Listener
