"""What the documents of measurements begin with."""

from __future__ import annotations

from peephole.cli.schemas.words import Schema, count, mapping, record, text


def header(more: dict[str, Schema] | None = None) -> dict[str, Schema]:
    """The fields that say how, when and on what a document was made.

    Args:
        more: further fields of the machine.
    """
    return {
        "format": {"const": 1, "description": "version of this document"},
        "command": text("what was typed, without where the results went"),
        "date": text("day", format="date"),
        "machine": record(
            {
                "cpu": text(),
                "cores": count(least=1),
                "instruction_set": text("that the kernels used"),
                "system": text(),
                "threads?": count(least=1),
                **(more or {}),
            }
        ),
        "versions": mapping(text(), "package → version"),
    }
