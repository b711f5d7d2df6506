"""What the generated reference says is all there is: variables, errors, public names."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import peephole
from peephole import errors
from peephole.serve import settings as server

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "peephole").rglob("*.py"))
REFERENCE = ROOT / "docs" / "reference"
IN_ENVIRONMENT = re.compile(r"(^|\.)environ(ment)?$")


def names_read(source: str) -> Iterator[str | ast.expr]:
    """Every key with which a module asks its environment; what cannot be told, as it stands there."""
    tree = ast.parse(source)
    known: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.For):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = node.value if isinstance(node, ast.Assign) else node.iter
            values = value.elts if isinstance(value, ast.Tuple) else [value]
            if isinstance(target, ast.Name):
                known.setdefault(target.id, set()).update(
                    one.value
                    for one in values
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )
    for node in ast.walk(tree):
        keys: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if (
                node.func.attr in ("get", "setdefault", "pop") and of_environment(node.func.value)
            ) or node.func.attr == "getenv":
                keys = [node.args[0]]
        elif isinstance(node, ast.Subscript) and of_environment(node.value):
            keys = [node.slice]
        elif isinstance(node, ast.Compare) and of_environment(node.comparators[0]):
            keys = [node.left]
        for key in keys:
            if isinstance(key, ast.Constant):
                yield key.value
            elif isinstance(key, ast.Name) and known.get(key.id):
                yield from known[key.id]
            else:
                yield key


def of_environment(node: ast.expr) -> bool:
    return IN_ENVIRONMENT.search(ast.unparse(node)) is not None


def test_every_environment_variable_that_the_code_reads_is_on_the_page() -> None:
    page = (REFERENCE / "environment.md").read_text("utf-8").partition("## For those who build")[0]
    listed = set(re.findall(r"^\| `(\w+)`", page, flags=re.M))
    served = {server.variable(name) for name in server.setting_names()}
    read: set[str] = set()
    untold: set[str] = set()
    for path in SOURCES:
        for found in names_read(path.read_text("utf-8")):
            if isinstance(found, str):
                read.add(found)
            else:
                untold.add(f"{path.stem}: {ast.unparse(found)}")
    # The server's settings, a name that another module gives and reads itself, and names that are put back as they were.
    assert untold == {
        "settings: variable(name)",
        "metrics: FOLDER",
        "replica: FOLDER",
        "local: name",
        "clusters: name",
    }
    assert not [
        path.name for path in (ROOT / "src").rglob("*.[ch]*") if "getenv" in path.read_text("utf-8", "ignore")
    ]
    # RAYON_NUM_THREADS is set and not read; the library below reads it.
    assert listed == read | served


def test_reading_under_any_spelling_is_seen() -> None:
    source = 'import os\nos.environ.get("A")\nos.environ["B"]\n"C" in os.environ\nos.getenv("D")\nn = "E"\nos.environ.get(n)'
    assert set(names_read(source)) == {"A", "B", "C", "D", "E"}


def test_every_error_of_the_package_is_on_the_page_with_its_remedy() -> None:
    page = (REFERENCE / "errors.md").read_text("utf-8")
    kinds = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, BaseException)
    ]
    for kind in kinds:
        section = page.partition(f"\n## `{kind.__name__}`\n")[2].partition("\n## ")[0]
        assert section, kind
        assert kind is errors.PeepholeError or "**Remedy** " in section, kind
    defined = {
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and any("PeepholeError" in ast.unparse(base) for base in node.bases)
    }
    assert defined <= {kind.__name__ for kind in kinds}


def test_every_public_package_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    monkeypatch.delitem(sys.modules, "reference", raising=False)
    from reference.names import PACKAGES

    rooms = {f"peephole.{found.name}" for found in pkgutil.iter_modules(peephole.__path__)}
    inner = {
        f"peephole.{name}" for name in ("__main__", "cli", "clusters", "files", "kernels", "markup", "models")
    }
    named_otherwise = {"peephole.errors", "peephole.studies"}  # a page of their own; the tasks
    assert rooms - inner - named_otherwise <= set(PACKAGES)


def test_a_docstring_becomes_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from reference.docstrings import markdown, summary

    doc = inspect.cleandoc(
        """Do it, as ``"x"`` says.

        Args:
            a, b: numbers, of which
                the second counts <twice>.
            *rest: more.

        Returns:
            Their
            sum.

        Example:
            >>> 1 + 1
            2

        Source: Someone 1997,
            eq. 3.
        """
    )
    assert summary(doc) == 'Do it, as `"x"` says.'
    assert markdown(doc) == [
        'Do it, as `"x"` says.',
        "",
        "**Arguments**",
        "",
        "- `a`, `b`: numbers, of which the second counts \\<twice>.",
        "- `*rest`: more.",
        "",
        "**Returns** Their sum.",
        "",
        "**Example**",
        "",
        "```pycon",
        ">>> 1 + 1",
        "2",
        "```",
        "",
        "**Source** Someone 1997, eq. 3.",
        "",
    ]
