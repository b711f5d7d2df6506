"""The tables of README.md, docs/reference/benchmarks.md and docs/how-to/replace-torch-layers.md, one function each."""

from __future__ import annotations

from peephole.studies.bench.comparisons import TORCH_CELLS
from peephole.studies.bench.results import Document, Results
from peephole.studies.bench.table import Table, number, percent, times
from peephole.studies.bench.tables import case_text

_PASSES = ("forward", "training")
_SHOWN = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN", "peephole-lstm": "peephole LSTM", "own": "own cell"}
_SHOWN["gru-before"] = "GRU, reset before"


def _both(title: str) -> tuple[str, ...]:
    return tuple(f"{_SHOWN[cell]} {kind}" for kind in (title, "fwd + bwd") for cell in TORCH_CELLS)


def _case_names(results: Results) -> list[str]:
    """Cases that were raced against torch, `short` (for torch.compile) left out."""
    return [name for name in results.cases if name != "short" and results.titles(name)]


def speed_table(results: Results) -> Table:
    """How many times faster than torch.nn we are."""
    rows = [
        (
            f"{case}: {case_text(results.cases[case])}",
            *(results.ratio(f"{case} · {cell}", kind, "torch") for kind in _PASSES for cell in TORCH_CELLS),
        )
        for case in _case_names(results)
    ]
    return Table("speed", ("<times faster than torch.nn", *_both("forward")), tuple(rows))


def peak_table(results: Results) -> Table:
    """Our milliseconds and share of the multiply-add peak."""

    def cell_of(case: str, cell: str, kind: str) -> str:
        entrant = results.entrant(f"{case} · {cell}", kind, "peephole")
        if entrant is None:
            return "–"
        share = entrant.get("share_of_peak")
        shown = f"{number(1e3 * entrant['seconds']['median'])} ms"
        return shown if share is None else f"{shown}, {percent(share)}"

    rows = [
        (case, *(cell_of(case, cell, kind) for kind in _PASSES for cell in TORCH_CELLS))
        for case in _case_names(results)
    ]
    return Table("peak", ("<median, share of the peak", *_both("forward")), tuple(rows))


def rivals_table(results: Results) -> Table:
    """How many times faster than the others we are."""
    rivals = {
        "onnxruntime": "ONNX Runtime",
        "jax": "JAX",
        "reference": "eager loop",
        "compile": "torch.compile",
    }
    rows: list[tuple[str, ...]] = []
    for case in (*_case_names(results), "short"):
        for title in results.titles(case):
            for kind in _PASSES:
                found = [results.ratio(title, kind, rival) for rival in rivals]
                if any(value != "–" for value in found):
                    rows.append((case, _shown_cell(title), _shown_pass(kind), *found))
    return Table("rivals", ("<case", "<cell", "<pass", *rivals.values()), tuple(rows))


def _shown_cell(title: str) -> str:
    cell = title.split(" · ")[-1]
    return _SHOWN.get(cell, cell)


def _shown_pass(kind: str) -> str:
    return "forward" if kind == "forward" else "fwd + bwd"


def cells_table(results: Results) -> Table:
    """The time of our cells as a multiple of our LSTM's."""
    titles = results.titles("cells")
    columns = [f"{title.split(' · ')[1]} {_shown_pass(kind)}" for title in titles for kind in _PASSES]
    rows = [
        (_SHOWN[cell], *(results.ratio(title, kind, cell) for title in titles for kind in _PASSES))
        for cell in ("lstm", "gru", "gru-before", "rnn", "peephole-lstm", "own")
    ]
    rows.append(
        (
            "GRU, reset before ÷ after",
            *(results.ratio(title, kind, "gru-before", "gru") for title in titles for kind in _PASSES),
        )
    )
    return Table("cells", ("<time ÷ the LSTM's", *columns), tuple(rows))


def gates_table(results: Results) -> Table:
    """All named values returned."""
    rows = [
        (_shown_cell(title), results.ratio(title, "forward", "all values"))
        for title in results.titles("gates")
    ]
    return Table("gates", ("<forward, review", "time ÷ the plain forward pass's"), tuple(rows))


def dtypes_table(results: Results) -> Table:
    """Other dtypes against float32 and against torch's."""
    rows: list[tuple[str, ...]] = []
    for title in results.titles("dtypes"):
        _, case, _ = title.split(" · ")
        for kind in _PASSES:
            half = results.entrant(title, kind, "bfloat16")
            errors = "–"
            if half is not None:
                worst = max(half["errors"]["outputs"], half["errors"]["gradients"] or 0.0)
                errors = f"{100 * worst:.1f} %"
            rows.append(
                (
                    case,
                    _shown_cell(title),
                    _shown_pass(kind),
                    results.ratio(title, kind, "float32", "bfloat16"),
                    results.ratio(title, kind, "torch bfloat16", "bfloat16"),
                    errors,
                    results.ratio(title, kind, "torch float64", "float64"),
                )
            )
    columns = (
        "<case", "<cell", "<pass", "bfloat16: × our float32", "× torch's bfloat16", "largest error", "float64: × torch's",
    )  # fmt: skip
    return Table("dtypes", columns, tuple(rows))


def threads_table(results: Results) -> Table:
    """All threads against one."""
    rows: list[tuple[str, ...]] = []
    for title in results.titles("threads"):
        _, case, _ = title.split(" · ")
        rows.append((case, _shown_cell(title), *(results.ratio(title, kind, "1 thread") for kind in _PASSES)))
    return Table("threads", ("<case", "<cell", "forward", "fwd + bwd"), tuple(rows))


def rows_table(results: Results, name: str) -> Table:
    """The time of one row, by the number of steps or the sum of lengths."""
    titles = results.titles(name)
    columns = [f"{_shown_cell(title)} {_shown_pass(kind)}" for title in titles for kind in _PASSES]
    races = [race for race in results.document["races"] if race["title"] in titles]
    labels = [entrant["label"] for entrant in races[0]["entrants"]] if races else []

    def nanoseconds(title: str, kind: str, label: str) -> str:
        entrant = results.entrant(title, kind, label)
        if entrant is None:
            return "–"
        return f"{number(1e9 * entrant['seconds']['median'] / results.cases[entrant['case']]['R'])} ns"

    rows = [
        (label, *(nanoseconds(title, kind, label) for title in titles for kind in _PASSES))
        for label in labels
    ]
    return Table(name, ("<time of one row", *columns), tuple(rows))


def step_table(document: Document) -> Table:
    """A whole training step of the classifier, from benchmarks/training_step.py."""
    shown = {
        "peephole": "Peephole",
        "packed": "torch.nn.LSTM, packed sequences",
        "padded": "torch.nn.LSTM, padding",
    }
    entries = {entry["model"]: entry.get("seconds_a_step") for entry in document["results"]}
    ours = entries["peephole"]
    rows = [
        (
            shown[model],
            "–" if seconds is None else f"{number(1e3 * seconds['median'])} ms",
            "–" if seconds is None or ours is None else times(seconds["median"] / ours["median"]),
        )
        for model, seconds in entries.items()
    ]
    return Table("training-step", ("<model", "one step", "Peephole is faster by"), tuple(rows))


def programs_table(document: Document) -> Table:
    """Three whole programs with torch.nn and with ours, from benchmarks/programs.py."""
    shown = {
        "word_language_model": "word-level language model, 2 LSTM layers",
        "forecaster": "forecaster, 2 GRU layers",
        "sentiment_tutorial": "padded sentiment, packed bidirectional LSTM",
    }
    rows = list[tuple[str, ...]]()
    for entry in document["results"]:
        apart = [f"{entry['losses'][dtype]['difference']:.0e}" for dtype in ("float64", "float32")]
        if entry["void"]:
            speed = ["–", "–", "void: losses differ"]
        else:
            seconds = [entry["seconds_a_step"][whose]["median"] for whose in ("torch", "peephole")]
            speed = [*(f"{number(1e3 * one)} ms" for one in seconds), times(entry["times_faster"])]
        rows.append((shown[entry["program"]], *apart, *speed))
    columns = ("<program", "losses apart, float64", "float32", "torch.nn", "Peephole", "times faster")
    return Table("programs", columns, tuple(rows))
