"""The commonest command line, read without the command-line library, which takes longer to load than a text takes to answer.

Only plain calls of ``predict`` are taken: texts, and the few options below, spelt out. All others, and all mistakes, go to the
library, which reads these calls to the same end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_FLAGS = {"--text": "text", "--jsonl": "jsonl", "--json": "as_json"}
_WITH_VALUE = {"--model": "model", "-m": "model"}


def quick_arguments(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the arguments of `answers.answer` that a command line means, or None where it is not plain.

    Example:
        >>> quick_arguments(["predict", "not bad", "--model", "mine"])
        {'texts': ['not bad'], 'model': 'mine'}
        >>> quick_arguments(["predict", "--help"]) is None
        True
    """
    if not arguments or arguments[0] != "predict":
        return None
    texts: list[str] = []
    found: dict[str, Any] = {"texts": texts}
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _FLAGS:
            found[_FLAGS[argument]] = True
        elif argument in _WITH_VALUE:
            value = next(rest, "-")
            if value.startswith("-"):
                return None
            found[_WITH_VALUE[argument]] = value
        elif argument.startswith("-") and argument != "-":
            return None
        else:
            texts.append(argument)
    return found
