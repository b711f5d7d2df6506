"""Arguments that are texts, or name where texts are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from peephole.errors import OptionError
from peephole.files import nearest_path

_FILE_NAME = re.compile(r"\S+\.(csv|tsv|jsonl|ndjson|json|txt|parquet|pq|gz)|\.{0,2}/\S+", re.IGNORECASE)


def is_source(argument: str, where: str) -> bool:
    """Return whether an argument names texts (``-``, ``hf:NAME``, an existing path) and is none itself.

    Args:
        argument: of the command line.
        where: the command, for messages.

    Raises:
        OptionError: it looks like a path, and there is none.

    Example:
        >>> is_source("-", "predict"), is_source("Not bad at all.", "predict")
        (True, False)
    """
    if argument == "-" or re.fullmatch(r"hf:\S+", argument):
        return True
    if not argument or argument.isspace():
        return False
    try:
        exists = Path(argument).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL: a text
        return False
    if not exists and _FILE_NAME.fullmatch(argument) and "://" in argument:
        raise OptionError(
            f"{where}: {argument}: an address, which only predict --output reads",
            hint="give --output OUT.parquet, OUT.jsonl or OUT.csv, or fetch the file",
        )
    if not exists and _FILE_NAME.fullmatch(argument):
        raise OptionError(
            f"{where}: {argument}: no such file{nearest_path(argument)}",
            hint="check the name, or pass --text if this is the text itself",
        )
    return exists


def refuse_reading(reading: Mapping[str, object], where: str) -> None:
    """Refuse options of reading where what is given are texts, all at once.

    Args:
        reading: parameter → its value, empty where the option was not given.
        where: the command, for messages.

    Raises:
        OptionError: one was given.
    """
    named = ", ".join("--" + name.replace("_", "-") for name, value in reading.items() if value)
    if named:
        raise OptionError(f"{where}: {named} is for files; got text")
