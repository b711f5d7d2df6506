"""scripts/changelog-section: the text of a release's page, cut out of the changelog."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "changelog-section"
TEXT = """# Changelog

## Unreleased

### Numerics

Nothing yet.

## [0.2.0] (2026-12-01)

### Numerics

Nothing changed.

### Added

- A thing: `## 9.9.9` is no heading.

## 0.2.0rc1 (2026-11-30)

### Numerics

Everything.

## 0.1.1

- A mend.

## 0.1.0

"""


def cut(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "CHANGELOG.md"
    file.write_text(TEXT, encoding="utf-8")
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments, file], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("version", ["0.2.0", "v0.2.0"])
def test_a_section_ends_where_the_next_begins(version: str, tmp_path: Path):
    done = cut(tmp_path, version)
    assert done.returncode == 0
    assert (
        done.stdout
        == "### Numerics\n\nNothing changed.\n\n### Added\n\n- A thing: `## 9.9.9` is no heading.\n"
    )


def test_a_candidate_is_another_version(tmp_path: Path):
    assert cut(tmp_path, "v0.2.0rc1").stdout == "### Numerics\n\nEverything.\n"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.3.0", "must have a section of 0.3.0; it has Unreleased, 0.2.0, 0.2.0rc1, 0.1.1, 0.1.0"),
        ("0.2", "must have a section of 0.2;"),
        ("0.1.1", 'must have a heading "Numerics"'),
        ("0.1.0", "the section of 0.1.0 must say something"),
    ],
)
def test_what_cannot_be_released_is_refused(version: str, message: str, tmp_path: Path):
    done = cut(tmp_path, version)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr


def test_without_a_version_it_says_how_it_is_called():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: changelog-section VERSION [FILE]" in done.stderr


def test_the_changelog_says_what_is_not_released_yet_and_its_numerics():
    done = subprocess.run([sys.executable, SCRIPT, "Unreleased"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("### Numerics\n")
