"""The fields of a schema, one line each, for the reference and for the test that none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_ELSEWHERE = ("recipe",)  # has a page of its own


class Field(NamedTuple):
    """One place in an answer.

    Attributes:
        path: ``a.b`` is b in a, ``[]`` any item of a list, ``*`` any name of the answer's own, ``<2>`` the second of
            several forms.
        kind: its JSON type, or its types.
        meaning: what it is; may be empty.
        needed: whether it is always there.
    """

    path: str
    kind: str
    meaning: str
    needed: bool


def fields(schema: dict[str, Any], path: str = "", *, needed: bool = True) -> Iterator[Field]:
    """Yield every place of a schema, from the outside in.

    Example:
        >>> from peephole.cli.schemas.words import many, record, text
        >>> [(field.path, field.kind) for field in fields(many(record({"label": text()})))]
        [('', 'array'), ('[]', 'object'), ('[].label', 'string')]
    """
    yield Field(path, _kind(schema), schema.get("description", ""), needed)
    if path.rpartition(".")[2] in _ELSEWHERE:
        return
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}".lstrip("."), needed=name in schema["required"])
    names = schema.get("additionalProperties")
    if isinstance(names, dict):
        yield from fields(names, f"{path}.*".lstrip("."))  # pyright: ignore[reportUnknownArgumentType]
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")
    forms = [form for form in schema.get("anyOf", ()) if form != {"type": "null"}]
    for number, form in enumerate(forms, 1):
        inside = fields(form, path if len(forms) == 1 else f"{path}<{number}>", needed=needed)
        yield from (field for field in inside if field.path != path)
    for name, inner in schema.get("$defs", {}).items():
        yield from fields(inner, name)


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(form) for form in schema["anyOf"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "any")
    return kind if isinstance(kind, str) else " or ".join(kind)
