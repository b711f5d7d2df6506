"""What may go to a terminal, and how."""

from __future__ import annotations

import json
import shutil
import sys


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def one_line(text: str, width: int) -> str:
    r"""Return the start of a text as one harmless line: control characters are spaces, and at most `width` characters stay.

    >>> one_line("Good.\n\x1b[31mBad", 12)
    'Good.  [31m…'
    """
    head = "".join(char if char.isprintable() else " " for char in text[: width + 1])
    return head if len(head) <= width else head[: width - 1] + "…"


def columns() -> int:
    """Width of the terminal in characters; 80 where there is none."""
    return shutil.get_terminal_size().columns


def print_json(document: object) -> None:
    """Print a document as strict JSON, indented, in UTF-8."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
