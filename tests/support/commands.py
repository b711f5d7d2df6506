"""Command lines as documents and help show them."""

from __future__ import annotations

import functools
import shlex
from typing import Any

from peephole.cli.app import app


@functools.cache
def _program() -> Any:
    import typer

    return typer.main.get_command(app)


def parse_command(line: str) -> str:
    """Parse a command line, run nothing, and return the command's name; it fails where the program would refuse the line."""
    program, *arguments = shlex.split(line.partition(" > ")[0].rpartition(" | ")[2])
    assert program == "peephole"
    name, *arguments = arguments
    _program().commands[name].make_context(name, arguments)
    return name
