"""What the options of ``peephole compare`` say, read from their words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peephole.cli.recipe_options import read_recipe
from peephole.errors import OptionError, nearest
from peephole.training.recipe import Recipe

_CONTENDERS_OWN = ("cell", "cell_options", "seed")
_DEFAULTS = Recipe().to_json()


def flag(name: str) -> str:
    """The option of a parameter.

    >>> flag("learning_rate")
    '--learning-rate'
    """
    return "--" + name.replace("_", "-")


def refuse(given: Mapping[str, Any], why: str) -> None:
    """Refuse options that were given and mean nothing here, all at once.

    Raises:
        OptionError: one was given.
    """
    named = [name for name, value in given.items() if value not in (None, False, [])]
    if named:
        raise OptionError(f"compare: {', '.join(named)} {why}")


def seed_numbers(text: str) -> tuple[int, ...]:
    """Read how many seeds, or which.

    >>> seed_numbers("3"), seed_numbers("7,"), seed_numbers("4, 5")
    ((1, 2, 3), (7,), (4, 5))
    """
    parts = [part.strip() for part in text.split(",")]
    numbers = [part for part in parts if part]
    if not numbers or not all(part.isdecimal() for part in numbers):
        raise OptionError(f"--seeds: must be how many, such as 5, or which, such as 1,2,3; got {text!r}")
    if len(parts) > 1:
        return tuple(int(part) for part in numbers)
    if not 1 <= int(numbers[0]) <= 1000:
        raise OptionError(f"--seeds: must be from 1 to 1000 seeds; got {text!r}")
    return tuple(range(1, int(numbers[0]) + 1))


def rates(given: list[str] | None, names: Sequence[str]) -> dict[str, float]:
    """Read ``NAME=RATE`` options.

    Args:
        given: the options.
        names: of the contenders that take part.

    >>> rates(["irnn=0.001"], ["irnn", "lstm"])
    {'irnn': 0.001}
    """
    found: dict[str, float] = {}
    for item in given or []:
        name, _, value = item.partition("=")
        if name not in names:
            raise OptionError(
                f"--rate: must be of a contender that takes part ({', '.join(names)}); got {item!r}{nearest(name, names)}"
            )
        try:
            found[name] = float(value)
        except ValueError:
            raise OptionError(f"--rate: must be NAME=RATE, such as irnn=0.001; got {item!r}") from None
    return found


def shared_recipe(file: Path | None, settings: list[str] | None) -> Recipe:
    """Return the recipe that all contenders share: a file's, with the settings in the last word.

    Raises:
        OptionError: the file or a setting cannot be used, or it is the contenders' own.
    """
    values = {
        name: value
        for name, value in read_recipe(file).items()
        if name not in _CONTENDERS_OWN or value != _DEFAULTS[name]
    }
    for item in settings or []:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise OptionError(f"--set: must be NAME=VALUE, such as epochs=2; got {item!r}")
        values[name.replace("-", "_")] = _value(name.replace("-", "_"), text)
    if own := [name for name in _CONTENDERS_OWN if name in values]:
        raise OptionError(
            f"compare: {', '.join(own)} cannot be set for all: contenders and seeds have their own",
            hint="say who with --contenders, and which seeds with --seeds",
        )
    return Recipe.from_json(values, where="--set" if file is None else str(file))


def _value(name: str, text: str) -> Any:
    """A setting's value: a list of words, a number, true, false or null, or else a word."""
    if isinstance(_DEFAULTS.get(name), list):
        return tuple(part.strip() for part in text.split(","))
    try:
        return json.loads(text)
    except ValueError:
        return text
