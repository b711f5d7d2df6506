"""Links lead somewhere, and what is generated is up to date. What pages show is run by tests/docs."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_generated_pages_are_up_to_date() -> None:
    script = ROOT / "scripts" / "generate-reference"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_first_page_and_the_menu_list_every_page() -> None:
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    listed = set(re.findall(r"\]\(([^)#:]+\.md)", (docs / "index.md").read_text(encoding="utf-8")))
    assert listed == pages - {"index.md"}
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"[\w/.-]+\.md$", menu, flags=re.M)) == sorted(pages)


def test_every_result_stands_on_the_page_that_says_how_to_make_it_again() -> None:
    page = (ROOT / "docs" / "how-to" / "reproduce-the-numbers.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([\w*-]+\.json)`", page))
    results = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    assert results
    for path in results:
        assert any(fnmatch.fnmatch(path.name, name) for name in listed), path.name
        result = json.loads(path.read_bytes())
        parts = [result] if "command" in result else result.values()
        assert all("command" in part for part in parts), path.name


def test_no_page_waits_for_a_number() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        assert not re.search(r"^@[A-Z]+@$", page.read_text(encoding="utf-8"), flags=re.M), page.name
