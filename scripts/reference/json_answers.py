"""The page of what commands print as JSON: every field of every answer."""

from __future__ import annotations

from peephole.cli.schemas import ANSWERS, schema
from peephole.cli.schemas.fields import Field, fields
from reference.texts import filled


def json_page() -> str:
    """Every answer, in the order of the commands."""
    names = [
        f"| [`{name}`](#{name}) | {answer.version} | `peephole {answer.command}` |"
        for name, answer in ANSWERS.items()
    ]
    return filled("json.md", names=names, answers=[line for name in ANSWERS for line in _answer(name)][:-1])


def _answer(name: str) -> list[str]:
    answer, (whole, *places) = ANSWERS[name], fields(schema(name))
    said = f" {whole.meaning[0].upper()}{whole.meaning[1:]}." if whole.meaning else ""
    return [
        f"## {name}",
        "",
        f"`peephole {answer.command}`, version {answer.version}: {whole.kind}.{said}",
        "",
        "| field | type | |",
        "|---|---|---|",
        *(_row(place) for place in places if not _plain_item(place)),
        "",
    ]


def _plain_item(place: Field) -> bool:
    """Whether it is an item that has nothing to say but its type, which the row of its list says."""
    return place.path.endswith("[]") and not place.meaning and place.kind == "object"


def _row(place: Field) -> str:
    path = place.path.replace("|", "\\|")
    missing = "" if place.needed else "may be missing"
    more = "; ".join(part for part in (place.meaning.replace("|", "\\|"), missing) if part)
    return f"| `{path}` | {place.kind} | {more} |"
