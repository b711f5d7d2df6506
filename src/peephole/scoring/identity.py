"""Whether a job is the one that was begun: its input, its model and what shapes the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peephole.classifier.folder import CONFIG, TOKENIZER, WEIGHTS
from peephole.errors import OptionError
from peephole.scoring.inputs import InputFile
from peephole.scoring.request import ScoreRequest
from peephole.scoring.task import Setup

LAYOUT = 2  # of the folder of parts, and of how files are cut into them
_SHOWN = 8


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a model's files."""
    digest = hashlib.sha256()
    for name in (CONFIG, TOKENIZER, WEIGHTS):
        with (folder / name).open("rb") as file:
            while octets := file.read(1 << 20):
                digest.update(octets)
    return digest.hexdigest()


def identity_of(
    request: ScoreRequest, setup: Setup, files: Sequence[InputFile], model: str
) -> dict[str, Any]:
    """Return what must be the same for a job to go on, as plain values.

    Args:
        request: what is asked.
        setup: what was made of it.
        files: the input.
        model: the model's fingerprint.
    """
    return {
        "layout": LAYOUT,
        "inputs": {
            file.path: {"format": file.format, "bytes": file.size, "changed": file.mark} for file in files
        },
        "model": model,
        "columns": {name: "text" if kind is None else str(kind) for name, kind in setup.columns.items()},
        "answers": list(setup.answers.names),
        "options": {
            "text_column": request.text_column,
            "where": dict(request.where),
            "neutral": request.neutral,
            "part_rows": request.part_rows,
        },
    }


def check_same(output: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a job that is another one.

    Raises:
        OptionError: they differ; all differences are listed.
    """
    found: list[str] = []
    if before.get("layout") != now["layout"]:
        found.append(f"the layout of its folder is {before.get('layout')}, here {now['layout']}")
    old, new = before.get("inputs", {}), now["inputs"]
    found += [f"{path}: read then, not now" for path in old if path not in new]
    found += [f"{path}: not read then" for path in new if path not in old]
    found += [_changed(path, old[path], new[path]) for path in new if path in old and old[path] != new[path]]
    if list(old) != list(new) and sorted(old) == sorted(new):
        found.append("the files stood in another order")
    if before.get("model") != now["model"]:
        found.append(f"the model was {str(before.get('model'))[:12]}…, now {now['model'][:12]}…")
    for name, value in now["options"].items():
        was = before.get("options", {}).get(name)
        if was != value:
            found.append(f"{name} was {was!r}, now {value!r}")
    for name in ("columns", "answers"):
        if not found and (before.get(name) != now[name] or list(before[name]) != list(now[name])):
            found.append(f"the {name} were {list(before.get(name, ()))}, now {list(now[name])}")
    if found:
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise OptionError(
            f"predict: {output} holds the answers of another job:\n  " + "\n  ".join(found[:_SHOWN] + more),
            hint="give another --output; or --restart, which removes those answers and begins again",
        )


def _changed(path: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if before["bytes"] != now["bytes"]:
        return f"{path}: changed: {before['bytes']:,} bytes then, {now['bytes']:,} now"
    return f"{path}: changed since (or only touched: its size is the same)"
