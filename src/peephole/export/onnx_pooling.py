"""Pooling under lengths, in an ONNX graph."""

from __future__ import annotations

import functools

from peephole.classifier.stages import Pooling
from peephole.export.onnx_graph import Graph, onnx_type


class Mask:
    """Which steps are real, added to the graph when it is first asked for.

    Args:
        graph: the graph.
        ids: `[N, T]`.
        lengths: `[N]` int64.
    """

    def __init__(self, graph: Graph, ids: str, lengths: str) -> None:
        self.graph, self.ids, self.lengths = graph, ids, lengths

    @functools.cached_property
    def alive(self) -> str:
        """Which steps of which texts are real, `[T, N, 1]` bool."""
        graph = self.graph
        shape = graph.add("Shape", self.ids, name="shape")
        steps = graph.add("Gather", shape, graph.integer(1), name="T", axis=0)
        times = graph.add("Range", graph.integer(0), steps, graph.integer(1), name="times")
        times = graph.add("Unsqueeze", times, graph.integers(1, 2), name="times")
        ends = graph.add("Unsqueeze", self.lengths, graph.integers(0, 2), name="ends")
        return graph.add("Less", times, ends, name="is_real")

    @functools.cached_property
    def column(self) -> str:
        """The lengths as a column `[N, 1]`."""
        return self.graph.add("Unsqueeze", self.lengths, self.graph.integers(1), name="column")


def add_pooling(graph: Graph, stage: Pooling, rows: str, last: str, mask: Mask) -> str:
    """Add the statistics of rows `[T, N, F]` over the real steps, `[N, F · len(statistics)]`; zeros for a text without any.

    Args:
        graph: the graph.
        stage: which statistics.
        rows: the rows.
        last: final states `[N, F]`, for ``"last"``.
        mask: which steps are real.
    """
    parts: list[str] = []
    for statistic in stage.statistics:
        if statistic == "last":
            parts.append(last)
            continue
        neutral = graph.number(float("-inf") if statistic == "max" else 0.0)
        real = graph.add("Where", mask.alive, rows, neutral, name=f"{statistic}_of")
        if statistic == "max":
            largest = graph.add("ReduceMax", real, graph.integers(0), name="max", keepdims=0)
            some = graph.add("Greater", mask.column, graph.integer(0), name="is_some")
            parts.append(graph.add("Where", some, largest, graph.number(0.0), name="max"))
        else:
            total = graph.add("ReduceSum", real, graph.integers(0), name="sum", keepdims=0)
            count = graph.add("Max", mask.column, graph.integer(1), name="count")
            count = graph.add("Cast", count, name="count", to=onnx_type(graph.dtype))
            parts.append(graph.add("Div", total, count, name="mean"))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, name="pooled", axis=1)
