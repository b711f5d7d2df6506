"""A recipe that trains in a blink, and a narrow space to search it in."""

from __future__ import annotations

from peephole.studies.tune.space import Dimension
from peephole.training import Recipe

TINY = Recipe(
    embedding=6,
    hidden_size=4,
    head=0,
    vocabulary=300,
    epochs=3,
    batch_rows=16,
    embeddings="random",
    adversarial=0.0,
    learning_rate=0.02,
    average=0.9,
)
NARROW = (Dimension("learning_rate", 1e-4, 3e-2, log=True), Dimension("hidden_size", 2, 6, whole=True))
