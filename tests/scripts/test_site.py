"""The site's own small parts: formulas, links that leave `docs/`, and the look at what was built."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from peephole import cells
from peephole.equations import emit_latex

ROOT = Path(__file__).resolve().parents[2]


def part(name: str) -> ModuleType:
    """A module of scripts/site, which is no package."""
    spec = importlib.util.spec_from_file_location(f"site_{name}", ROOT / "scripts" / "site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "PeepholeLSTM", "GRU", "CoupledLSTM"])
def test_every_equation_of_a_cell_becomes_a_row_of_a_formula(cell: str) -> None:
    latex = emit_latex(getattr(cells, cell)())
    html = part("maths").fence(latex, "math", "maths", {}, None)
    tags = re.findall(r"\\text\{(.*?)\}", latex)
    assert html.count("<mtr>") == len(tags)
    assert re.findall(r"<mtext>(.*?)</mtext>", html) == tags


def test_what_the_converter_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not know all of it"):
        part("maths").fence(r"\begin{nosuch} a & b \end{nosuch}", "math", "maths", {}, None)


def test_links_that_leave_the_folder_of_pages_lead_to_what_the_site_carries(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "how-to").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "cells.py").write_text("x = 1\n")
    (tmp_path / "NOTES.md").write_text("[cells](src/cells.py), [page](docs/how-to/page.md)")
    text = "[cells](../../src/cells.py) [notes](../../NOTES.md#a) [front](../../README.md) [own](other.md) [web](https://a.b)"
    (docs / "how-to" / "page.md").write_text(f"{text}\n```text\n[left](../../src/cells.py)\n```\n")
    carried = part("carried").Carried(tmp_path, docs)
    page = carried.rewrite((docs / "how-to" / "page.md").read_text(), "how-to/page.md")
    assert page == (
        "[cells](../repository/src/cells.py.md) [notes](../repository/NOTES.md#a) [front](../index.md) "
        "[own](other.md) [web](https://a.b)\n```text\n[left](../../src/cells.py)\n```\n"
    )
    assert carried.rewrite((tmp_path / "NOTES.md").read_text(), "repository/NOTES.md") == (
        "[cells](src/cells.py.md), [page](../how-to/page.md)"
    )


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/x.css">',
        "<p>```python left as text</p>",
        "<p>| a | b | no table</p>",
    ],
    ids=["script", "style", "fence", "table"],
)
def test_a_page_that_asks_another_host_or_shows_its_markdown_is_named(html: str, tmp_path: Path) -> None:
    check = [sys.executable, ROOT / "scripts" / "site" / "check-built", tmp_path]
    (tmp_path / "page.html").write_text('<a href="https://a.b">read</a><img src="x.png"><p>text</p>')
    assert subprocess.run(check, check=False).returncode == 0
    (tmp_path / "other.html").write_text(html)
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("other.html: ")
