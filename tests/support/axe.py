"""axe-core, as the package `axe-core-python` brings it, run in a page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


def axe_script() -> str:
    """The program; the test skips, with the reason, where the package is absent."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("needs axe-core-python (the dev extra)")
    return Path(found.origin).with_name("axe.min.js").read_text("utf-8")


def violations(browser: Any) -> list[tuple[str, str, list[str]]]:
    """What all rules of axe find wrong with the page: rule, what it asks, and the elements."""
    browser.execute_script(axe_script())
    found = browser.execute_async_script("""
        const done = arguments[0];
        const run = axe.run(document, { resultTypes: ["violations"] });
        run.then((found) => done(found.violations), (error) => done(String(error)));
    """)
    assert not isinstance(found, str), found
    return [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:5]]) for one in found]
