"""What the documents show runs, and what is generated is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import parse_command

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    page for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) if "```python" in page.read_text("utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_how_to_page_runs(page: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert blocks
    namespace: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.slow
def test_generated_pages_are_up_to_date() -> None:
    script = ROOT / "scripts" / "generate-reference"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


COMMANDS = sorted(
    {
        line.partition("#")[0].partition(" > ")[0].partition(" | ")[0].strip()
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for block in re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        for line in block.split("\n")
        if line.startswith("peephole ")
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_a_document_can_be_parsed(command: str) -> None:
    parse_command(command)


def test_no_page_waits_for_a_number() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        assert not re.search(r"^@[A-Z]+@$", page.read_text(encoding="utf-8"), flags=re.M), page.name
