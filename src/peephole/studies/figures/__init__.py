"""The theory, measured: the numbers, the figures and the tables of `docs/explanation/theory`, a file for each page.

`scripts/draw-figures` is the program. Numbers are measured once, over several seeds, and kept in one file; figures and tables are
made from that file alone.
"""

from __future__ import annotations

from peephole.studies.figures import (
    additive_updates,
    conveyor,
    forget_gate,
    gru,
    gru_or_lstm,
    peepholes,
    three_gates,
    vanishing_gradient,
)
from peephole.studies.figures.chapter import Chapter

# In the order in which they are read.
CHAPTERS: dict[str, Chapter] = {
    chapter.name: chapter
    for chapter in (
        vanishing_gradient.CHAPTER,
        three_gates.CHAPTER,
        conveyor.CHAPTER,
        additive_updates.CHAPTER,
        forget_gate.CHAPTER,
        peepholes.CHAPTER,
        gru.CHAPTER,
        gru_or_lstm.CHAPTER,
    )
}

__all__ = ["CHAPTERS", "Chapter"]
