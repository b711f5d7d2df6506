"""One option for each setting of the server, made from the settings' own table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, cast

import typer

from peephole.cli import completion
from peephole.serve.settings import SECRET, default, kind, meaning, option, setting_names, variable

_KINDS: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has an option for each setting, and the models as arguments; it is called with all by name."""
    parameters = [_parameter(name) for name in setting_names()]
    cast("Any", command).__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameter(name: str) -> inspect.Parameter:
    made = kind(name)
    words = f"{meaning(name)[0].upper()}{meaning(name)[1:]} [env: {variable(name)}]"
    if name == "models":
        declared: Any = Annotated[
            list[str] | None,
            typer.Argument(metavar="MODEL", help=words, autocompletion=completion.models, show_default=False),
        ]
    elif made == "bool":
        declared = Annotated[bool | None, typer.Option(option(name), help=words, show_default=False)]
    else:
        if default(name) not in (None, ()):
            words += f" [default: {default(name)}]"
        several = made.startswith("tuple")
        declared = Annotated[
            (list[str] if several else _KINDS[made]) | None,
            typer.Option(
                option(name),
                help=words + ("; may be repeated" if several else ""),
                show_default=False,
                metavar="TOKEN" if name in SECRET else None,
            ),
        ]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=declared)
