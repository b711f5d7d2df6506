"""Finished runs, kept in the output folder: none of them is run twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from peephole.errors import ModelError, OptionError
from peephole.files import write_json

RUNS, MODELS, DOCUMENT, PAGE = "runs", "models", "compare.json", "report.html"
_OURS = (RUNS, MODELS, DOCUMENT, PAGE)


class Ledger:
    """The runs of a comparison, a file for each contender and seed.

    Args:
        folder: new, empty, or of an earlier comparison; made if need be.

    Raises:
        OptionError: the folder is a file, or holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.check(folder)
        self.folder = folder
        (folder / RUNS).mkdir(parents=True, exist_ok=True)

    @staticmethod
    def check(folder: Path) -> None:
        """Refuse a folder that cannot be an output, and change nothing."""
        if folder.exists() and not folder.is_dir():
            raise OptionError(f"compare: the output must be a folder; got the file {folder}")
        found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        strange = [name for name in found if name not in _OURS and not name.startswith(".")]
        if strange:
            listed = ", ".join(strange[:3]) + (" …" if len(strange) > 3 else "")
            raise OptionError(
                "compare: the output must be a new or empty folder, or that of an earlier comparison; "
                f"got {folder} with {listed}",
                hint="give another --output",
            )

    def path(self, name: str) -> Path:
        """Return the file of a run."""
        return self.folder / RUNS / f"{name}.json"

    def find(self, name: str, what: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a finished run, or None.

        Args:
            name: of the run, such as ``lstm-1``.
            what: all that decides its result.

        Raises:
            OptionError: the run that is kept under this name is another one.
            ModelError: its file is damaged.
        """
        path = self.path(name)
        if not path.exists():
            return None
        kept = _read(path)
        theirs = cast("dict[str, Any]", kept["what"])
        plain = json.loads(json.dumps(what))  # tuples are lists there
        if different := [key for key in {**plain, **theirs} if plain.get(key) != theirs.get(key)]:
            listed = "; ".join(f"{key}: {theirs.get(key)!r}, now {plain.get(key)!r}" for key in different)
            raise OptionError(
                f"compare: {path} must be the run that is asked for; it is another one: {listed}",
                hint="give another --output, or remove that file",
            )
        return kept

    def keep(self, name: str, what: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
        """Write a finished run, and return it as `find` will."""
        run: dict[str, Any] = {"what": dict(what), **result}
        write_json("compare", self.path(name), run)
        return run


def _read(path: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: must be a JSON file; {error}", hint="remove it, to run it again") from None
    if not isinstance(found, dict) or not isinstance(cast("dict[str, Any]", found).get("what"), dict):
        raise ModelError(f"{path}: must hold a run with its 'what'", hint="remove it, to run it again")
    return cast("dict[str, Any]", found)
