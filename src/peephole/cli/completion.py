"""What a shell completes: names and words for the values of options. Nothing here reads more than it must."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import typer

Completer = Callable[[typer.Context, str], list[str]]

# Of what stands in files and folders, only names that no shell reads as more than a name: some evaluate what they are offered.
_PLAIN = re.compile(r"[\w .,:+@%=#/()~-]+")

# The words that options take. They are checked where they are used, far from here; reading them there would take torch.
METHODS = ("auto", "shapley", "decomposition", "integrated-gradients", "leave-one-out", "conveyor")
STORAGES = ("float32", "float16", "int8")
FORMATS = ("csv", "tsv", "tsv-raw", "jsonl", "lines", "parquet", "folder")
EXPORTS = ("onnx",)
CONTENDERS = (
    "rnn", "irnn", "lstm", "peephole-lstm", "peephole-lstm-previous", "peephole-lstm-full", "gru", "gru-before",
    "coupled-lstm",
)  # fmt: skip
MATCHES = ("parameters", "units")
TASKS = {
    "adding": ("early", "halves"),
    "order": ("two", "three"),
    "copy": ("ten", "five"),
    "count": ("anbn", "anbncn"),
    "timing": ("gts", "msd", "cosine", "triangle", "rectangle"),
}
INITS = ("orthogonal", "chrono")
BENCH_CASES = (
    "single", "review", "review-256", "wide", "odd", "packed", "packed-deep", "short",
    "cells", "gates", "dtypes", "threads", "long", "lengths", "memory",
    "peephole", "reset", "compile", "dense", "latency", "forward",
)  # fmt: skip
BENCH_DEVICES = ("cpu", "cuda")
BENCH_CELLS = ("lstm", "gru", "gru-before", "rnn", "peephole-lstm", "own")
DTYPES = ("float32", "bfloat16", "float64")
RIVALS = ("torch", "compile", "onnxruntime", "jax", "reference", "none")


def among(words: Iterable[str], *, several: bool = False, ending: str = "") -> Completer:
    """Return what completes one of some words.

    Args:
        words: all of them.
        several: whether the option takes several with commas.
        ending: put behind each.
    """
    known = tuple(words)

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
        given = before.split(",")
        return [
            before + comma + word + ending for word in known if word.startswith(last) and word not in given
        ]

    return complete


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete ``NAME=VALUE`` of a setting of the recipe: its name, and its value where that is one of some words."""
    from peephole.training.recipe import settings

    name, equals, value = incomplete.partition("=")
    rules = settings()
    if not equals:
        return [f"{known}=" for known in rules if known.startswith(name)]
    choices = rules[name].choices if name in rules else ()
    return [f"{name}={choice}" for choice in choices if choice.startswith(value)]


def searched(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of settings that can be searched, with commas."""
    from peephole.training.recipe import settings

    return among([name for name in settings() if name != "seed"], several=True)(ctx, incomplete)


def variants(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the variants of the task that stands before, or of all."""
    task = ctx.params.get("task")
    words = TASKS[task] if task in TASKS else [word for variants in TASKS.values() for word in variants]
    return [word for word in words if word.startswith(incomplete)]


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a model: those of this installation by name, and model folders; without any, the shell offers its files."""
    from peephole.classifier.file_names import CONFIG
    from peephole.classifier.shipped import shipped_models

    found = [model.name for model in shipped_models() if model.name.startswith(incomplete)]
    folder, start = os.path.split(incomplete)
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted(_plain((entry.name for entry in entries), start))
    except OSError:
        return found
    here = [os.path.join(folder, name) for name in names if start or not name.startswith(".")]  # noqa: PTH118 (as typed)
    return found + [name for name in here if name not in found and (Path(name) / CONFIG).is_file()]


def labels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a label of the model that stands before, or of the default one."""
    from peephole.classifier.config import MAX_CONFIG_BYTES, ModelConfig
    from peephole.classifier.file_names import CONFIG
    from peephole.classifier.shipped import find_model
    from peephole.errors import PeepholeError

    try:
        path = find_model(ctx.params.get("named_model") or ctx.params.get("model")) / CONFIG
        if not path.is_file() or path.stat().st_size > MAX_CONFIG_BYTES:
            return []
        config = ModelConfig.loads(path.read_bytes())
    except (OSError, ValueError, PeepholeError):  # whatever is wrong is said when the command is called
        return []
    return _plain(config.labels, incomplete)


def columns(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a column of the first table that stands before."""
    return _plain(_header(ctx), incomplete)


def conditions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the column of ``COLUMN=VALUE``."""
    if "=" in incomplete:
        return []
    return [f"{name}=" for name in _plain(_header(ctx), incomplete)]


_MOST_HEADER = 1 << 16  # bytes of a first line that are looked at


def _header(ctx: typer.Context) -> Sequence[str]:
    """Return the columns of the first ``.csv``, ``.tsv`` or ``.jsonl`` file among the arguments; none where that is not plain."""
    import csv
    import json

    # An option that still waits for its value keeps arguments from being given to their parameters: they are left over.
    given = [value for name in ("data", "texts", "text") for value in _listed(ctx.params.get(name))]
    for name in (*given, *ctx.args):
        path = Path(name)
        if path.suffix not in (".csv", ".tsv", ".jsonl") or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                line = file.readline(_MOST_HEADER).decode("utf-8-sig").rstrip("\r\n")
            if path.suffix == ".jsonl":
                record = json.loads(line)
                return list(record) if isinstance(record, dict) else []  # pyright: ignore[reportUnknownArgumentType]
            return next(csv.reader([line], delimiter="\t" if path.suffix == ".tsv" else ","), [])
        except (OSError, ValueError, RecursionError, csv.Error):
            return []
    return []


def _plain(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that begin like this, without those that a shell could act on."""
    return [name for name in names if name.startswith(incomplete) and _PLAIN.fullmatch(name)]


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
