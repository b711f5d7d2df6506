"""The file of what was measured: one document, written after each item, so that a run that is stopped goes on where it was."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peephole.errors import OptionError
from peephole.files import write_json
from peephole.studies.bench.machine import machine, today, versions
from peephole.studies.figures.chapter import Chapter, Numbers

COMMAND = "scripts/draw-figures --measure"
_PACKAGES = ("python", "torch", "numpy")


class Store:
    """The measured numbers of all chapters, of one machine with one set of versions.

    Args:
        path: the file; need not exist.

    Raises:
        OptionError: it exists and is no such document.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document: dict[str, Any] = {"command": COMMAND, "machine": {}, "versions": {}, "items": {}}
        if path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise OptionError(
                    f"{path}: must be JSON; {error}", hint="remove it to measure anew"
                ) from None
            if not isinstance(found, dict) or not {"machine", "versions", "items"} <= {*found}:
                raise OptionError(
                    f"{path}: must be a document of {COMMAND}", hint="remove it to measure anew"
                )
            self.document = found

    def numbers(self, chapter: Chapter) -> Numbers:
        """Return what was measured for a chapter, by item.

        Raises:
            OptionError: something was not, or with other settings.
        """
        missing = [name for name in chapter.items if not self.has(chapter, name)]
        if missing:
            raise OptionError(
                f"{self.path.name}: {chapter.name} must have been measured as it is set now; missing: {', '.join(missing)}",
                hint=f"{COMMAND} {chapter.name}",
            )
        return {name: self.document["items"][key_of(chapter, name)]["numbers"] for name in chapter.items}

    def has(self, chapter: Chapter, name: str) -> bool:
        """Tell whether an item was measured with the settings that it has now."""
        kept = self.document["items"].get(key_of(chapter, name))
        return kept is not None and kept["settings"] == plain(chapter.items[name].settings)

    def measure(
        self, chapter: Chapter, *, again: bool = False, hear: Callable[[str], None] = lambda line: None
    ) -> None:
        """Measure what a chapter lacks, and write the file after each item.

        Args:
            chapter: whose items.
            again: whether what is there is measured again.
            hear: hears of each item that was measured.

        Raises:
            OptionError: the numbers that are there come from another machine, or from other versions.
        """
        due = [name for name in chapter.items if again or not self.has(chapter, name)]
        for name in due:
            self._check_machine()
            item, begun = chapter.items[name], time.perf_counter()
            numbers = plain(item.measure(item.settings))
            seconds = round(time.perf_counter() - begun, 1)
            self.document["items"][key_of(chapter, name)] = {
                "date": today(),
                "seconds": seconds,
                "settings": plain(item.settings),
                "numbers": numbers,
            }
            write_json("scripts/draw-figures", self.path, self.document)
            hear(f"{key_of(chapter, name)}: {seconds} s")

    def _check_machine(self) -> None:
        """The document's machine is this one, or it has none yet."""
        here = {
            "machine": machine(),
            "versions": {name: version for name, version in versions().items() if name in _PACKAGES},
        }
        for kind, found in here.items():
            if self.document[kind] and self.document[kind] != found:
                raise OptionError(
                    f"{self.path.name}: all numbers must be of one machine and one set of versions; its {kind}: "
                    f"{self.document[kind]}, here {found}",
                    hint=f"remove it, and run {COMMAND}",
                )
            self.document[kind] = found


def key_of(chapter: Chapter, name: str) -> str:
    """Return the name of an item in the document."""
    return f"{chapter.name}.{name}"


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back: tuples as lists.

    Raises:
        ValueError: a number in it is not finite.
    """
    return json.loads(json.dumps(value, allow_nan=False))


def minutes(document: Mapping[str, Any]) -> int:
    """Return how long measuring took in all, in minutes, rounded up.

    >>> minutes({"items": {"a": {"seconds": 50.0}, "b": {"seconds": 15.5}}})
    2
    """
    return math.ceil(sum(item["seconds"] for item in document["items"].values()) / 60)
