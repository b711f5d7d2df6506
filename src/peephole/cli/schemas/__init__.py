"""What commands print with ``--json`` and ``--jsonl``, as JSON Schemas, each with a version.

Within a version, a field is never removed, renamed, or given another type or meaning; a release may add fields. A schema names
every field of its release and allows no others.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from peephole.errors import check_choice

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Answer(NamedTuple):
    """What a command can print.

    Attributes:
        command: what prints it.
        version: of its schema.
        home: module and function that describe it.
    """

    command: str
    version: int
    home: str


ANSWERS = {
    "predict": Answer("predict TEXT --json", 1, "answers.predictions"),
    "predict-line": Answer("predict TEXT --jsonl", 1, "answers.prediction"),
    "predict-files": Answer("predict DATA --output OUT --json", 1, "answers.scored"),
    "explain": Answer("explain TEXT --json", 1, "explanation.explanation"),
    "explain-several": Answer("explain FILE --json", 1, "explanation.several"),
    "evaluate": Answer("evaluate MODEL DATA --json", 1, "scores.evaluation"),
    "evaluate-behaviour": Answer("evaluate MODEL --behaviour --json", 1, "scores.behaviour"),
    "train": Answer("train DATA --output MODEL --json", 1, "training.trained"),
    "pretrain": Answer("pretrain DATA --output LM --json", 1, "training.pretrained"),
    "convert": Answer("convert MODEL --storage int8 --output MODEL --json", 1, "answers.converted"),
    "export": Answer("export MODEL --to onnx --json", 1, "answers.exported"),
    "compare": Answer("compare DATA --json", 1, "studies.compared"),
    "tune": Answer("tune DATA --json", 1, "training.tuned"),
    "bench": Answer("bench --json FILE", 1, "studies.benched"),
    "bench-gpu": Answer("bench --device cuda --json FILE", 1, "gpu.benched"),
    "info": Answer("info --json", 1, "answers.installation"),
}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of an answer.

    Args:
        name: one of `ANSWERS`.

    Raises:
        OptionError: there is no such answer.

    Example:
        >>> schema("convert")["$id"]
        'urn:peephole:convert:1'
    """
    check_choice("info", "--schema", name, tuple(ANSWERS))
    answer = ANSWERS[name]
    module, _, function = answer.home.partition(".")
    made: dict[str, Any] = getattr(importlib.import_module(f"peephole.cli.schemas.{module}"), function)()
    return {
        "$schema": DRAFT,
        "$id": f"urn:peephole:{name}:{answer.version}",
        "title": f"peephole {answer.command}",
        **made,
    }
