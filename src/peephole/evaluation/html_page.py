"""What HTML pages of results share: one file that needs nothing else, a style, and parts in which every text is escaped."""

from __future__ import annotations

import importlib.resources
import string
from collections.abc import Iterable, Mapping, Sequence

from peephole.markup import escaped


def html_page(package: str, body: str, styles: Sequence[tuple[str, str]], parts: Mapping[str, str]) -> str:
    """Return a page: a body with its parts, in the head and the style that all pages share.

    Args:
        package: that the body lies in.
        body: name of its file, a template.
        styles: package and file of each style sheet of its own, after the shared one.
        parts: HTML by name; the body has a ``$name`` for each, and ``title`` is the page's too.
    """
    style = "".join(_resource(*sheet) for sheet in (("peephole.evaluation", "page.css"), *styles))
    inside = string.Template(_resource(package, body)).substitute(parts)
    page = string.Template(_resource("peephole.evaluation", "page.html"))
    return page.substitute(title=parts["title"], style=style, body=inside)


def _resource(package: str, name: str) -> str:
    return importlib.resources.files(package).joinpath(name).read_text("utf-8")


def cards(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return the items of a list of cards: name, value, and what it means."""
    return "\n".join(
        f"<li><span>{escaped(name)}</span><b>{escaped(value)}</b><small>{escaped(meaning)}</small></li>"
        for name, value, meaning in rows
    )


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Return the items of a list of names and what belongs to them."""
    return "\n".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in rows)


def notes_list(notes: Sequence[str]) -> str:
    """Return notes as a list; nothing where there are none.

    >>> notes_list(["Few texts."]), notes_list([])
    ('<ul class="notes"><li>Few texts.</li></ul>', '')
    """
    items = "".join(f"<li>{escaped(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def figure_section(title: str, svg: str, caption: str) -> str:
    """Return a drawing under its title, with a caption that is also what a screen reader says of it."""
    drawing = svg.replace("<svg", f'<svg role="img" aria-label="{escaped(f"{title}. {caption}")}"', 1)
    return (
        f'<section class="figure"><h2>{escaped(title)}</h2><figure>{drawing}'
        f"<figcaption>{escaped(caption)}</figcaption></figure></section>"
    )
