"""What MkDocs asks while it builds the site: formulas as MathML, and links that leave `docs/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carried import Carried
from maths import fence

ROOT = Path(__file__).resolve().parents[2]
carried = Carried(ROOT, ROOT / "docs")


def on_config(config: Any) -> Any:
    """Let a fence called `math` become MathML."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {}).setdefault("custom_fences", [])
    fences.append({"name": "math", "class": "maths", "format": fence})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the files of the repository that pages link to."""
    for file in carried.files(config):
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Point links that leave `docs/` at what was added; the front page has no menu at its side."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    return carried.rewrite(markdown, page.file.src_uri)
