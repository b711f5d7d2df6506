"""Signatures as a reader would write them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

WIDTH = 100


def signature(name: str, what: Callable[..., Any], *, bound: bool = False) -> str:
    """Return a signature on one line, or an argument a line where that would be too long.

    Private arguments are left out; ``…`` stands for them.

    Args:
        name: as it is called.
        what: a function or a class.
        bound: leave the first argument out.

    Raises:
        ValueError: a default has no form that is the same in every process.
    """
    try:
        found = inspect.signature(what)
    except ValueError:  # a class written in C, such as a dict
        return name
    given = list(found.parameters.values())[1 if bound else 0 :]
    answer = found.return_annotation
    arrow = "" if inspect.isclass(what) or answer is inspect.Signature.empty else f" -> {_annotation(answer)}"
    arguments = _arguments([parameter for parameter in given if not parameter.name.startswith("_")])
    if any(parameter.name.startswith("_") for parameter in given):
        arguments.append("…")
    line = f"{name}({', '.join(arguments)}){arrow}"
    if " at 0x" in line:
        raise ValueError(f"{name}: a default must read the same in every process; got {line}")
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){arrow}"


def _arguments(given: list[inspect.Parameter]) -> list[str]:
    written: list[str] = []
    kinds = [parameter.kind for parameter in given]
    for k, parameter in enumerate(given):
        if parameter.kind is parameter.KEYWORD_ONLY and not {
            parameter.VAR_POSITIONAL,
            parameter.KEYWORD_ONLY,
        } & set(kinds[:k]):
            written.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        text = stars + parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {_annotation(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            equals = " = " if parameter.annotation is not parameter.empty else "="
            text += equals + _default(parameter.default)
        written.append(text)
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.POSITIONAL_ONLY not in kinds[k + 1 :]:
            written.append("/")
    return written


def _annotation(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:collections\.abc|typing|peephole(?:\.\w+)+)\.(?=\w)", "", text)


def _default(value: object) -> str:
    if inspect.isclass(value) or inspect.isfunction(value):
        return str(value.__name__)
    return "…" if repr(value) == "<factory>" else repr(value)
