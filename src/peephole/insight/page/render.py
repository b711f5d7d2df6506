"""From the document to one HTML file that needs nothing else: no network, no library, nothing that the data could run."""

from __future__ import annotations

import functools
import html
import json
import string

from peephole.insight.page import assembly
from peephole.insight.page.schema import PageData

_POLICY = "default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'"


def page_html(data: PageData) -> str:
    """Return the page of a document.

    The document stands in the page as JSON in which no ``<`` is left; the scripts put its texts into the page as text nodes. A
    content security policy lets the browser run the page's own script and style, which it knows by their hashes, and load
    nothing.

    Args:
        data: from `page_data`.

    Example:
        >>> import peephole
        >>> from peephole.insight.page import page_data
        >>> page = page_html(page_data(peephole.trace(peephole.load(), "Not bad at all.")))
        >>> page[:15], len(page) < 150_000
        ('<!doctype html>', True)
    """
    template, style, script = _parts()
    return string.Template(template).substitute(
        policy=_POLICY.format(script=assembly.source(script), style=assembly.source(style)),
        title=html.escape(data["title"]),
        style=style,
        script=script,
        data=embedded(data),
        summary=html.escape(_summary(data)),
    )


def embedded(data: PageData) -> str:
    r"""Return a document as JSON that can stand in a ``<script>`` element: it has no ``<``, and no line that only HTML would end.

    Example:
        >>> embedded({"title": "</script>"})
        '{"title":"\\u003c/script>"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@functools.cache
def _parts() -> tuple[str, str, str]:
    """Template, style and script, as they stand in every page."""
    return assembly.template(), assembly.styles(), assembly.as_program(assembly.scripts())


def _summary(data: PageData) -> str:
    if data["verdict"] is None:
        return data["title"]
    probabilities = ", ".join(
        f"{label} {100 * share:.1f} %" for label, share in data["verdict"]["probabilities"][:6]
    )
    return f"{probabilities}. {''.join(word['before'] + word['text'] for word in data['words'])}"
