"""What a notebook shows of the trace of a batch: a line for each value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from peephole.insight.trace import Trace
from peephole.insight.visible import visible
from peephole.markup import element, escaped, more, table

_MOST_VALUES, _MOST_TEXTS = 40, 10


def batch_html(trace: Trace) -> str:
    """Return a table of the values, over the real steps; and of a classifier's batch one of the answers.

    Args:
        trace: of several texts or sequences.

    Example:
        >>> import peephole
        >>> shown = batch_html(peephole.trace(peephole.load(), ["Not bad at all.", "<b>Bad"]))
        >>> "layer0.forward.f" in shown, "&lt;b&gt;Bad" in shown
        (True, True)
    """
    lengths = trace.sequences.lengths
    steps = f"{int(sum(lengths)):,} steps in {len(lengths):,} sequences"
    parts = [element("p", element("b", f"Trace of {steps}"), style="margin:.2em 0")]
    if trace.texts:
        rows = [
            (
                element("bdi", escaped(visible(text.text, 80))),
                element("bdi", escaped(visible(text.label))),
                f"{100 * float(text.probabilities.max()):.1f} %",
            )
            for text in trace.texts[:_MOST_TEXTS]
        ]
        parts += [table(rows, head=("text", "label", "probability"), align="<<>", style="margin-bottom:.6em")]
        parts += more(len(trace.texts) - len(rows), "texts")
    rows = list(itertools.islice(_values(trace), _MOST_VALUES))
    parts.append(table(rows, head=("value", "shape", "mean", "least", "most"), align="<<>>>"))
    parts += more(len(trace) - len(rows), "values")
    return element("div", *parts, style="line-height:1.45")


def _values(trace: Trace) -> Iterator[tuple[str, ...]]:
    for name in trace.names:
        rows = trace.rows(name)
        shape = f"[{len(trace.sequences.batch_sizes)}, {len(trace.sequences.lengths)}, {rows.shape[1]}]"
        numbers = (rows.mean(dtype="float64"), rows.min(), rows.max()) if rows.size else ()
        yield element("code", escaped(name)), shape, *(f"{float(number):.3f}" for number in numbers)
