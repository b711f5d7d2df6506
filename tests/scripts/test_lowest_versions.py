"""constraints-lowest.txt: the lowest versions that pyproject.toml allows, which scripts/check-distributions installs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNTESTED = {"torch"}  # its lowest has no build for every Python
ELSEWHERE = {"dev", "docs"}  # extras of our own tools


def bounds() -> dict[str, set[str]]:
    """Return the lowest versions of every package that users may get, by its name."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    extras = re.search(r"^\[project.optional-dependencies\]\n(.*?)^\[", text, re.DOTALL | re.MULTILINE)
    assert needed
    assert extras
    lists = [needed[1]]
    for name, body in re.findall(r"^(\w+) = \[(.*?)\]$", extras[1], re.DOTALL | re.MULTILINE):
        if name not in ELSEWHERE:
            lists.append(body)
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r'"([A-Za-z0-9-]+)(?:\[[^]"]*\])?>=([0-9.]+)"', "\n".join(lists)):
        found.setdefault(name, set()).add(version)
    return found


def test_every_lowest_version_is_one_and_is_listed():
    text = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)$", text, re.MULTILINE))
    wanted = bounds()
    assert {"numpy", "typer", "fastapi", "torch"} <= set(wanted)
    assert all(len(versions) == 1 for versions in wanted.values())
    assert set(listed) == set(wanted) - UNTESTED
    for name, version in listed.items():
        bound = next(iter(wanted[name]))
        assert version.split(".")[: bound.count(".") + 1] == bound.split("."), name
        assert set(version.split(".")[bound.count(".") + 1 :]) <= {"0"}, name
