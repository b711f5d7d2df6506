"""The words that schemas are written in: short names for JSON Schema (draft 2020-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def _typed(kind: str, meaning: str, limits: Mapping[str, object]) -> Schema:
    return {"type": kind, **limits, **({"description": meaning} if meaning else {})}


def text(meaning: str = "", **limits: object) -> Schema:
    """A text."""
    return _typed("string", meaning, limits)


def word(*choices: str, meaning: str = "") -> Schema:
    """One of some words."""
    return _typed("string", meaning, {"enum": list(choices)})


def number(meaning: str = "", **limits: object) -> Schema:
    """A number."""
    return _typed("number", meaning, limits)


def share(meaning: str = "") -> Schema:
    """A number from 0 to 1."""
    return number(meaning, minimum=0, maximum=1)


def count(meaning: str = "", least: int = 0) -> Schema:
    """A whole number of at least `least`."""
    return _typed("integer", meaning, {"minimum": least})


def yes_or_no(meaning: str = "") -> Schema:
    """True or false."""
    return _typed("boolean", meaning, {})


def many(of: Schema, meaning: str = "", **limits: object) -> Schema:
    """A list."""
    return _typed("array", meaning, {"items": of, **limits})


def interval(meaning: str) -> Schema:
    """A list of two numbers, the lower first."""
    return many(number(), meaning, minItems=2, maxItems=2)


def mapping(to: Schema, meaning: str = "") -> Schema:
    """An object whose names are the answer's own."""
    return _typed("object", meaning, {"additionalProperties": to})


def record(fields: Mapping[str, Schema], meaning: str = "") -> Schema:
    """An object of exactly these fields; one whose name ends with ``?`` may be missing."""
    names = {name.removesuffix("?"): schema for name, schema in fields.items()}
    needed = [name for name in fields if not name.endswith("?")]
    return _typed("object", meaning, {"properties": names, "required": needed, "additionalProperties": False})


def or_null(schema: Schema, meaning: str = "") -> Schema:
    """What may also be null."""
    inner = dict(schema)
    said = meaning or inner.pop("description", "")
    if isinstance(inner.get("type"), str) and "enum" not in inner:
        return {**inner, "type": [inner["type"], "null"], "description": said}
    return {"anyOf": [inner, {"type": "null"}], "description": said}
