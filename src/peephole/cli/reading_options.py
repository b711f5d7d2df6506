"""The options that say how labelled texts are read and split, shared by the commands that train and score."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from peephole.cli.options import (
    Dev,
    Format,
    GroupColumn,
    LabelColumn,
    SkipBad,
    TextColumn,
    Where,
    conditions,
)
from peephole.cli.parameters import in_place_of


@dataclasses.dataclass(frozen=True)
class Reading:
    """What was said of reading; a field that a command lacks has its default."""

    text_column: TextColumn = None
    label_column: LabelColumn = None
    group_column: GroupColumn = None
    dev: Dev = None
    where: Where = None
    format: Format = None
    skip_bad: SkipBad = False

    def texts(self) -> dict[str, Any]:
        """Return the arguments of readers of texts, and of a request to pretrain."""
        return {
            "text_column": self.text_column,
            "where": conditions(self.where),
            "format": self.format,
            "skip_bad": self.skip_bad,
        }

    def labelled(self) -> dict[str, Any]:
        """Return the arguments of a request to train."""
        return {
            **self.texts(),
            "label_column": self.label_column,
            "group_column": self.group_column,
            "dev_sources": tuple(self.dev or ()),
        }

    def given(self) -> dict[str, Any]:
        """Return every option by its name on the command line, with what was given."""
        return {f"--{name.replace('_', '-')}": value for name, value in vars(self).items()}


def with_reading(*without: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what replaces the parameter `reading` of a command by the options of `Reading`.

    Args:
        without: fields that the command has no option for.
    """
    hints = get_type_hints(Reading, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(Reading)
        if field.name not in without
    ]
    return lambda command: in_place_of(command, "reading", options, lambda values: Reading(**values))
