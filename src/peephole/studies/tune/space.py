"""What is searched: settings of the recipe, each with the range in which it is tried."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from peephole.errors import OptionError, nearest
from peephole.training.recipe import Recipe, settings

Value: TypeAlias = "int | float | str | bool"


@dataclasses.dataclass(frozen=True, slots=True)
class Dimension:
    """A setting and where it is looked for.

    Args:
        name: of the setting.
        low, high: smallest and largest number that is tried; of a setting that is a number.
        log: whether factors count alike, and not differences.
        whole: whether only whole numbers are tried.
        choices: words that are tried; of a setting that is a word, or true or false.

    Example:
        >>> str(Dimension("learning_rate", 1e-3, 1e-2, log=True))
        '0.001 to 0.01, by factors'
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Value, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(str(choice) for choice in self.choices)
        return f"{self.low:g} to {self.high:g}" + (", by factors" if self.log else "")

    def covering(self, value: Any) -> Dimension:
        """Return the dimension, made wide enough for a value that is tried first."""
        if self.choices:
            return (
                self if value in self.choices else dataclasses.replace(self, choices=(*self.choices, value))
            )
        if value is None or (self.log and value <= 0):
            raise OptionError(
                f"tune: {self.name} must be a number{' above 0' if self.log else ''} to be searched from; got {value!r}"
            )
        return dataclasses.replace(self, low=min(self.low, value), high=max(self.high, value))

    def draw(self, trial: Any) -> Value:
        """Return the value that a trial of Optuna is given."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


# Ranges around the recipe's defaults, which were set on corpora of five to fifty thousand texts. What decides most comes first:
# the learning rate, then the size, then what keeps a network from learning its texts by heart.
SPACE = (
    Dimension("learning_rate", 1e-3, 1e-2, log=True),
    Dimension("hidden_size", 48, 256, log=True, whole=True),
    Dimension("embedding", 48, 256, log=True, whole=True),
    Dimension("word_dropout", 0.0, 0.4),
    Dimension("embedding_dropout", 0.0, 0.6),
    Dimension("pool_dropout", 0.0, 0.6),
    Dimension("label_smoothing", 0.0, 0.15),
    Dimension("adversarial", 0.0, 6.0),
    Dimension("weight_decay", 1e-3, 0.3, log=True),
)


def space_of(searched: Sequence[str], recipe: Recipe) -> tuple[Dimension, ...]:
    """Return the space that is asked for, wide enough for the recipe, which is the first trial.

    Args:
        searched: settings, each ``NAME`` or ``NAME=LOW..HIGH``; none: the default space.
        recipe: where the search begins.

    Raises:
        OptionError: a setting is unknown, stands twice, cannot be searched or needs a range; all of them are listed.

    Example:
        >>> [str(one) for one in space_of(["word_dropout", "cell", "clip=0.5..2"], Recipe())][::2]
        ['0 to 0.4', '0.5 to 2']
    """
    if not searched:
        return tuple(dimension.covering(getattr(recipe, dimension.name)) for dimension in SPACE)
    found: list[Dimension] = []
    problems: list[str] = []
    for item in searched:
        try:
            dimension = _dimension(item)
            found.append(dimension.covering(getattr(recipe, dimension.name)))
            for value in dimension.choices or (dimension.low, dimension.high):
                dataclasses.replace(recipe, **{dimension.name: value})  # refused beside the others' values
        except OptionError as error:
            problems.append(error.message)
    names = [dimension.name for dimension in found]
    problems += [f"{name} stands twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise OptionError("\n  ".join(["tune: this space cannot be searched", *problems]))
    return tuple(found)


def first_trial(space: Sequence[Dimension], recipe: Recipe) -> dict[str, Value]:
    """Return the values of the first trial: those of the recipe itself."""
    return {dimension.name: getattr(recipe, dimension.name) for dimension in space}


def _dimension(item: str) -> Dimension:
    name, given, limits = item.partition("=")
    name = name.replace("-", "_")
    rules = settings()
    if name not in rules or name == "seed":
        raise OptionError(f"{name!r} is no setting to search{nearest(name, list(rules))}")
    known = next((dimension for dimension in SPACE if dimension.name == name), None)
    rule, default = rules[name], getattr(Recipe(), name)
    if isinstance(default, bool):
        return Dimension(name, choices=(False, True))
    if rule.choices and isinstance(default, str):
        return Dimension(name, choices=rule.choices)
    if known is not None and not given:
        return known
    low, _, high = limits.partition("..")
    whole = isinstance(default, int) or name in (
        "epochs",
        "vocabulary",
        "batch_rows",
        "batch_tokens",
        "patience",
    )
    try:
        bounds = (int(low), int(high)) if whole else (float(low), float(high))
    except ValueError:
        raise OptionError(f"{name} needs a range, such as {name}=1..4; got {item!r}") from None
    if not bounds[0] < bounds[1] or not all(map(math.isfinite, bounds)):
        raise OptionError(f"{name}: the range must rise; got {item!r}")
    log = known.log if known is not None else False
    return Dimension(name, *bounds, log=log and bounds[0] > 0, whole=whole)
