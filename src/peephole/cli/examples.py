"""The examples in a command's docstring: shown under its help, listed in the reference, and parsed by a test."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

_HEADING = re.compile(r"^Examples:\n", re.MULTILINE)


class Example(NamedTuple):
    """One example.

    Attributes:
        meaning: what it does, in a few words.
        command: what is typed: one command, or several, each on lines of its own.
    """

    meaning: str
    command: str

    def commands(self) -> list[str]:
        """Return the commands one by one, without the backslashes of those that run over several lines."""
        return re.sub(r"\\\n\s*", "", self.command).split("\n")


def split_help(docstring: str) -> tuple[str, list[Example]]:
    r"""Return what a docstring says of a command, and its examples.

    Args:
        docstring: with the examples under ``Examples:`` at its end, each a line that begins with ``#`` and a command below it.

    Example:
        >>> split_help("Label texts.\n\nExamples:\n    # One text\n    peephole predict good\n")
        ('Label texts.', [Example(meaning='One text', command='peephole predict good')])
    """
    parts = _HEADING.split(inspect.cleandoc(docstring), maxsplit=1)
    blocks = re.split(r"^# ", inspect.cleandoc(parts[1]), flags=re.MULTILINE)[1:] if len(parts) > 1 else []
    found = [
        Example(meaning, command.strip())
        for meaning, _, command in (block.partition("\n") for block in blocks)
    ]
    return parts[0].strip(), found


def examples_text(examples: list[Example]) -> str:
    """Return examples as the help shows them; nothing where there are none.

    >>> print(examples_text([Example("One text", "peephole predict good")]))
    <BLANKLINE>
     Examples
    <BLANKLINE>
       # One text
       peephole predict good
    <BLANKLINE>
    """
    if not examples:
        return ""
    shown = [
        "\n".join(f"   {line}" for line in (f"# {example.meaning}", *example.command.split("\n")))
        for example in examples
    ]
    return "\n Examples\n\n" + "\n\n".join(shown) + "\n"
