"""The page of the environment variables. A test compares it with what the code reads."""

from __future__ import annotations

from peephole.serve import settings as server
from reference.texts import filled


def environment_page() -> str:
    """Every environment variable that the package reads."""
    rows: list[str] = []
    for name in server.setting_names():
        option = "[MODEL]..." if name == "models" else server.option(name)
        rows.append(f"| `{server.variable(name)}` | `{option}` | {server.meaning(name)} |")
    return filled("environment.md", server=rows)
