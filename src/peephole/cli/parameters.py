"""Parameters of a command that stand for several options, made from a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def in_place_of(
    command: Callable[..., Any],
    parameter: str,
    options: Iterable[inspect.Parameter],
    make: Callable[[Mapping[str, Any]], object],
) -> Callable[..., Any]:
    """Return a command that takes some options where another takes one parameter that is made of them.

    Args:
        command: the other command.
        parameter: its parameter that is made.
        options: what is declared in its place.
        make: takes the options' values by name, and returns what the parameter is given.
    """
    signature = inspect.signature(command, eval_str=True)
    added = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options]
    declared: list[inspect.Parameter] = []
    for given in signature.parameters.values():
        declared += added if given.name == parameter else [given.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    def run(**kwargs: Any) -> Any:
        made = make({option.name: kwargs.pop(option.name) for option in added})
        return command(**{parameter: made}, **kwargs)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__annotations__ = {given.name: given.annotation for given in declared}
    run.__signature__ = signature.replace(parameters=declared)  # pyright: ignore[reportFunctionMemberAccess]
    return run
