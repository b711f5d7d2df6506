"""What the terminal can show."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from peephole.cli import output

if TYPE_CHECKING:
    from peephole.insight.ink import Style


def terminal_style() -> Style:
    """Return width, colours and characters of the terminal on stdout, as far as its environment tells."""
    from peephole.insight.ink import Style

    return Style(max(20, output.columns()), colours(os.environ, os.name), _has_blocks())


def colours(environment: Mapping[str, str], system: str) -> int:
    """Return how many colours a terminal has: 0, 256 or 16,777,216. None with ``NO_COLOR``.

    Example:
        >>> colours({"TERM": "xterm-256color"}, "posix"), colours({"TERM": "xterm", "NO_COLOR": "1"}, "posix")
        (256, 0)
    """
    term = environment.get("TERM", "")
    if environment.get("NO_COLOR") or term in ("dumb", "linux"):
        return 0
    if environment.get("COLORTERM") in ("truecolor", "24bit") or environment.get("WT_SESSION"):
        return 1 << 24
    return 256 if term and system == "posix" else 0


def _has_blocks() -> bool:
    try:
        "▁█→“…".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
