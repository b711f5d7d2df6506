"""Processes of Ray that this one started."""

from __future__ import annotations

from pathlib import Path


def ray_actors(top: int) -> list[int]:
    """The process numbers of scoring actors among the descendants of a process, from their titles."""
    found: list[int] = []
    waiting = [top]
    while waiting:
        number = waiting.pop()
        try:
            if Path(f"/proc/{number}/cmdline").read_bytes().startswith(b"ray::Actor"):
                found.append(number)
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += [int(word) for word in (task / "children").read_text().split()]
        except OSError:  # it has ended
            continue
    return sorted(found)
