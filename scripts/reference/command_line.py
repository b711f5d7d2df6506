"""The page of the command line: every command with its arguments, options and examples."""

from __future__ import annotations

import re
import typing
from pathlib import Path
from typing import Annotated, Any

import typer

from peephole.cli.app import COMMANDS, app
from peephole.cli.examples import Example, split_help
from reference.texts import filled

_DEFAULT = re.compile(r"\s*\[default: ([^\]]*)\]")
_VARIABLE = re.compile(r"\s*\[env: ([^\]]*)\]")


def command_line_page() -> str:
    """Every command, in the order of the help."""
    program: Any = typer.main.get_command(app)
    summaries = [f"| [`{name}`](#peephole-{name}) | {summary} |" for name, summary in COMMANDS.items()]
    commands = [line for name in COMMANDS for line in _command(name, program.commands[name])]
    return filled("command-line.md", summaries=summaries, commands=commands[:-1])


def _command(name: str, command: Any) -> list[str]:
    said, examples = split_help(command.callback.__doc__)
    declared = typing.get_type_hints(command.callback, include_extras=True)
    context = typer.Context(command, info_name=name)
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join(["peephole", name, *command.collect_usage_pieces(context)])
    lines = [f"## `peephole {name}`", "", said, "", "```text", usage, "```", "", *_examples(examples)]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [
            f"| `{one.metavar or one.name.upper()}`{_needed(one)} | {_cell(_meaning(one)[0])} |"
            for one in arguments
        ]
        lines.append("")
    for panel in dict.fromkeys(one.rich_help_panel or "" for one in options):
        if panel:
            lines += [f"**{panel}**", ""]
        lines += ["| option | value | default | meaning |", "|---|---|---|---|"]
        lines += [_option(one, declared[one.name]) for one in options if (one.rich_help_panel or "") == panel]
        lines.append("")
    return lines


def _examples(examples: list[Example]) -> list[str]:
    shown = [line for one in examples for line in ("", f"# {one.meaning}", *one.command.split("\n"))]
    return ["```bash", *shown[1:], "```", ""]


def _option(option: Any, declared: Any) -> str:
    meaning, default, variable = _meaning(option)
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    written = f"; `{variable}` in the environment" if variable else ""
    return f"| {names}{_needed(option)} | {_value(option, declared)} | {_cell(default)} | {_cell(meaning)}{written} |"


def _needed(parameter: Any) -> str:
    return ", must be given" if parameter.required else ""


def _value(option: Any, declared: Any) -> str:
    """What an option takes: its metavar or its type, and its range."""
    if option.is_flag:
        return ""
    kinds = [kind for kind in _KINDS if kind in _types(declared)]
    name = f"`{_cell(option.metavar)}`" if option.metavar else ", ".join(_KINDS[kind] for kind in kinds)
    info = next((one for one in getattr(declared, "__metadata__", ()) if hasattr(one, "min")), None)
    ends = (("from", getattr(info, "min", None)), ("to", getattr(info, "max", None)))
    return " ".join([name, *(f"{word} {limit:g}" for word, limit in ends if limit is not None)])


_KINDS: dict[Any, str] = {int: "whole number", float: "number", str: "text", Path: "path"}


def _types(declared: Any) -> set[Any]:
    """The plain types in an annotation such as ``Annotated[list[int] | None, …]``."""
    inside = typing.get_args(declared)
    if typing.get_origin(declared) is Annotated:
        inside = inside[:1]
    return {declared} if not inside else {kind for part in inside for kind in _types(part)}


def _meaning(parameter: Any) -> tuple[str, str, str]:
    """What the help says, apart from the default and the variable that stand in its words."""
    said = parameter.help or ""
    default, variable = _DEFAULT.search(said), _VARIABLE.search(said)
    bare = _VARIABLE.sub("", _DEFAULT.sub("", said)).strip()
    shown = default[1] if default else _own_default(parameter)
    return bare, shown, variable[1] if variable else ""


def _own_default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required or value is None or value is False or callable(value) or value in ((), []):
        return ""
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")
