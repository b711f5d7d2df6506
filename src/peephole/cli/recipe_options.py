"""One option for each setting of the recipe, made from the recipe's own table."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, cast

import typer

from peephole.cli.completion import among
from peephole.errors import OptionError
from peephole.training.recipe_base import Settings, meanings

P = ParamSpec("P")
R = TypeVar("R")

_KINDS: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def with_recipe(kind: type[Settings]) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Return what replaces the parameter `recipe` of a command by `--recipe FILE` and one option for each setting of `kind`."""

    def decorate(command: Callable[P, R]) -> Callable[..., R]:
        return _with_recipe(kind, command)

    return decorate


def _with_recipe(kind: type[Settings], command: Callable[P, R]) -> Callable[..., R]:
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> R:
        file: Path | None = kwargs.pop("recipe_file")
        given = {name: kwargs.pop(name) for name in meanings(kind)}
        return command(*args, recipe=_recipe(kind, file, given), **kwargs)  # pyright: ignore[reportCallIssue]

    signature = inspect.signature(command, eval_str=True)
    kept = [p for p in signature.parameters.values() if p.name != "recipe"]
    added = [
        _option(
            "recipe_file",
            Path,
            typer.Option("--recipe", metavar="FILE", help=_FILE_HELP, rich_help_panel=_PANEL),
        )
    ]
    panel = _PANEL
    for field in dataclasses.fields(cast("Any", kind)):
        panel = f"{_PANEL}: {PANELS[field.name].lower()}" if field.name in PANELS else panel
        added.append(_setting_option(kind, field, panel))
    cast("Any", run).__signature__ = signature.replace(parameters=[*kept, *added])
    run.__annotations__ = {p.name: p.annotation for p in (*kept, *added)}
    del run.__wrapped__  # what is wrapped has other parameters
    return run


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


def _recipe(settings: type[Settings], file: Path | None, given: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {}
    if file is not None:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:  # not JSON, or not UTF-8
            raise OptionError(f"--recipe {file}: must be a JSON file; {error}") from None
        if not isinstance(document, dict):
            raise OptionError(f"--recipe {file}: must hold one JSON object; got {type(document).__name__}")
        values.update(document)  # pyright: ignore[reportUnknownArgumentType]
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
