"""One option for each setting of the recipe, made from the recipe's own table."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from peephole.cli.completion import among
from peephole.cli.parameters import in_place_of
from peephole.errors import OptionError
from peephole.training.recipe_base import Settings, meanings

_KINDS: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def with_recipe(kind: type[Settings]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what replaces the parameter `recipe` of a command by `--recipe FILE` and one option for each setting of `kind`."""
    options = _options(kind)
    return lambda command: in_place_of(command, "recipe", options, lambda values: _recipe(kind, values))


def _options(kind: type[Settings]) -> list[inspect.Parameter]:
    made = [
        _option(
            "recipe_file",
            Path,
            typer.Option("--recipe", metavar="FILE", help=_FILE_HELP, rich_help_panel=_PANEL),
        )
    ]
    panel = _PANEL
    for field in dataclasses.fields(cast("Any", kind)):
        panel = f"{_PANEL}: {PANELS[field.name].lower()}" if field.name in PANELS else panel
        made.append(_setting_option(kind, field, panel))
    return made


_PANEL = "Recipe"
# The first setting of each group in the recipes → what the group is called in the help.
PANELS = {
    "cell": "The model",
    "tokenizer": "The texts",
    "noise_from": "Against learning by heart",
    "input_dropout": "Against learning by heart",
    "virtual_adversarial": "Teachers and texts without labels",
    "candidates": "The softmax",
    "learning_rate": "The course of training",
}
_FILE_HELP = "JSON file of settings by name; the options below have the last word"


def _option(name: str, kind: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _setting_option(settings: type[Settings], field: dataclasses.Field[Any], panel: str) -> inspect.Parameter:
    rule = meanings(settings)[field.name]
    kind = str(field.type).partition(" |")[0]
    flag = "--" + field.name.replace("_", "-")
    default = field.default_factory() if field.default is dataclasses.MISSING else field.default  # pyright: ignore[reportCallIssue]
    words = [rule.meaning]
    if rule.unit:
        words.append(f"({rule.unit})")
    if rule.choices:
        words[-1] += ";"
        words.append(f"one of {', '.join(rule.choices)}")
    words.append(f"[default: {_shown(default, rule.optional)}]")
    if kind == "bool":
        return _option(
            field.name,
            bool,
            typer.Option(f"{flag}/--no-{flag[2:]}", help=" ".join(words), rich_help_panel=panel),
        )
    if kind.startswith("Mapping"):
        option = typer.Option(flag, metavar="NAME=VALUE", help=" ".join(words), rich_help_panel=panel)
        return _option(field.name, list[str], option)
    several = kind.startswith("tuple")
    option = typer.Option(
        flag,
        metavar="A,B" if several else None,
        help=" ".join(words),
        rich_help_panel=panel,
        autocompletion=among(rule.choices, several=several) if rule.choices else None,
    )
    return _option(field.name, _KINDS.get(kind, str), option)


def _shown(default: object, optional: bool) -> str:
    if default is None and optional:
        return "by the size of the corpus"
    if isinstance(default, tuple):
        return ",".join(map(str, default))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return "none" if default == {} else str(default)


def read_recipe(file: Path | None) -> dict[str, Any]:
    """Return the settings in a JSON file by name, unchecked; none without a file.

    Raises:
        OptionError: it is no JSON object.
    """
    if file is None:
        return {}
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not UTF-8
        raise OptionError(f"--recipe {file}: must be a JSON file; {error}") from None
    if not isinstance(document, dict):
        raise OptionError(f"--recipe {file}: must hold one JSON object; got {type(document).__name__}")
    return cast("dict[str, Any]", document)


def _recipe(settings: type[Settings], given: Mapping[str, Any]) -> Settings:
    file: Path | None = given["recipe_file"]
    values = read_recipe(file)
    for field in dataclasses.fields(cast("Any", settings)):
        value = given[field.name]
        if value is None or value == []:
            continue
        kind = str(field.type)
        if kind.startswith("tuple"):
            value = tuple(part.strip() for part in value.split(","))
        elif kind.startswith("Mapping"):
            value = dict(_pair(field.name, item) for item in value)
        values[field.name] = value
    return settings.from_json(values, where="recipe" if file is None else str(file))


def _pair(name: str, item: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not equals or not key:
        raise OptionError(f"--{name.replace('_', '-')}: must be NAME=VALUE; got {item!r}")
    return key, value
