"""Parts of a page, one after the other: styles, scripts, and the hashes by which a browser knows them."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Iterable

STYLES = ("base", "sentence", "figures", "readout")
# In the order in which they are read: each uses what stands before it.
SCRIPTS = (
    "dom", "unpack", "colours", "state", "columns", "caption", "sentence", "heat", "unit", "gates", "belt", "highway", "phrases",
    "trust", "readout", "table", "page",
)  # fmt: skip
HOME = "peephole.insight.page"


def styles(package: str = HOME, names: Iterable[str] = STYLES) -> str:
    """Return the style sheets of a package's folder ``styles``, in order."""
    return _joined(package, "styles", names, "css")


def scripts(package: str = HOME, names: Iterable[str] = SCRIPTS) -> str:
    """Return the scripts of a package's folder ``scripts``, in order; they share their names, as one function's body does."""
    return _joined(package, "scripts", names, "js")


def as_program(code: str) -> str:
    """Return scripts as one that leaves no names behind."""
    return f'"use strict";\n(() => {{\n{code}}})();\n'


def source(code: str) -> str:
    """Return how a content security policy names a script or style that stands in the page.

    Example:
        >>> source("")
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def template(package: str = HOME) -> str:
    """Return a package's ``page.html``."""
    return importlib.resources.files(package).joinpath("page.html").read_text("utf-8")


def _joined(package: str, folder: str, names: Iterable[str], ending: str) -> str:
    place = importlib.resources.files(package) / folder
    return "\n".join((place / f"{name}.{ending}").read_text("utf-8") for name in names)
