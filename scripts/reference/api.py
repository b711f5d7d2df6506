"""Pages of the Python packages: every public name with its signature and its docstring."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from reference.docstrings import markdown, summary
from reference.names import PACKAGES, home, public
from reference.signatures import signature


def page_name(package: str) -> str:
    """Return the file of a package's page, below docs/reference."""
    return f"api/{package.removeprefix('peephole.').replace('.', '-')}.md"


def api_pages() -> dict[str, Callable[[], str]]:
    """Return what makes the page of each package."""
    return {page_name(package): functools.partial(api_page, package) for package in PACKAGES}


def api_page(package: str) -> str:
    """Return the page of a package."""
    module = importlib.import_module(package)
    names = public(package)
    doc = _without_examples(inspect.getdoc(module) or "")
    lines = [f"# `{package}`", "", *markdown(doc), "| name | |", "|---|---|"]
    for name, value in names.items():
        lines.append(f"| [`{name}`]({_link(package, name, value)}) | {_cell(_about(value))} |")
    for name, value in names.items():
        if home(package, name, value) == package and not isinstance(value, ModuleType):
            lines += ["", *_described(name, value)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def _described(name: str, value: Any) -> Iterator[str]:
    """One name."""
    yield f"## {'class ' if inspect.isclass(value) else ''}`{name}`"
    yield ""
    if not callable(value):
        yield f"`{value!r}`" if len(repr(value)) < 120 else f"A `{type(value).__name__}`."
        return
    if isinstance(value, type) and _plain_alias(value):
        yield f"A `{value.__name__}`."
        return
    yield from ("```text", signature(name, value), "```", "")
    if inspect.isclass(value):
        bases = list(filter(None, map(_base, value.__mro__[1:])))
        if bases:
            yield from (f"Base: {bases[0]}.", "")
    yield from markdown(_own_doc(value))
    if inspect.isclass(value):
        for member, what in _members(value):
            yield from ("", f"### `{name}.{member}`", "")
            if callable(what):
                bound = not isinstance(inspect.getattr_static(value, member), staticmethod | classmethod)
                yield from ("```text", signature(member, what, bound=bound), "```", "")
            yield from markdown(_own_doc(what))


def _base(kind: type) -> str | None:
    """A base class, with a link to where it is described; nothing where it is not public."""
    for package in PACKAGES[1:]:
        if public(package).get(kind.__name__) is kind:
            where = home(package, kind.__name__, kind)
            return f"[`{where}.{kind.__name__}`]({_link('', kind.__name__, kind)})"
    return None


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class itself defines, with words of its own."""
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(value, property | functools.cached_property):
            what = value.fget if isinstance(value, property) else value.func
            if what is not None and what.__doc__:
                yield name, _Value(what.__doc__)
        elif isinstance(value, staticmethod | classmethod) or inspect.isfunction(value):
            what = getattr(kind, name)
            if what.__doc__:
                yield name, what


class _Value:
    """A property, which has a docstring and is not called."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc


def _own_doc(value: Any) -> str:
    """A docstring that was written for this name. Dataclasses without one are given a signature, which stands above already."""
    doc = inspect.cleandoc(value.__doc__ or "")
    return "" if inspect.isclass(value) and doc.startswith(f"{value.__name__}(") else doc


def _about(value: Any) -> str:
    if isinstance(value, ModuleType) or callable(value):
        doc = inspect.cleandoc(value.__doc__ or "")
        return (
            summary(doc)
            if doc and not _plain_alias(value)
            else f"a `{getattr(value, '__name__', type(value).__name__)}`"
        )
    return f"`{value!r}`" if len(repr(value)) < 120 else f"a `{type(value).__name__}`"


def _plain_alias(value: Any) -> bool:
    """Whether a name stands for a type of Python's own."""
    return not str(getattr(value, "__module__", "")).startswith("peephole")


def _link(package: str, name: str, value: Any) -> str:
    """Where a name is described, from the page of a package."""
    where = home(package, name, value)
    if where == "peephole.errors":
        return "../errors.md"
    page = "" if where == package else page_name(where).removeprefix("api/")
    if isinstance(value, ModuleType):
        return page
    anchor = f"#class-{name.lower()}" if inspect.isclass(value) else f"#{name.lower()}"
    return page + anchor


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _without_examples(doc: str) -> str:
    """The docstring of a package as its page begins with it: its example is a test of the package, and stands there."""
    return doc.partition("\nExample:\n")[0]
