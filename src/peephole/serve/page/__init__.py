"""The page at ``/``: one answer with its style and script in it, which the browser knows by their hashes."""

from __future__ import annotations

import functools
import string
from typing import NamedTuple

from peephole.insight.page import assembly

_HERE = "peephole.serve.page"
_STYLES = ("live",)
_SCRIPTS = ("ask", "examples", "words", "link", "past", "holds", "side", "live")
_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


class LivePage(NamedTuple):
    """The page.

    Attributes:
        body: HTML.
        headers: what must be sent with it.
    """

    body: bytes
    headers: dict[str, str]


@functools.cache
def live_page() -> LivePage:
    """Return the page, made of the figures' styles and scripts and of its own.

    The content security policy allows this script and this style alone, and requests to this server alone; no other page may
    show this one in a frame.

    Example:
        >>> page = live_page()
        >>> b"<script>" in page.body, "unsafe" in page.headers["content-security-policy"]
        (True, False)
    """
    style = assembly.styles() + "\n" + assembly.styles(_HERE, _STYLES)
    script = assembly.as_program(assembly.scripts() + "\n" + assembly.scripts(_HERE, _SCRIPTS))
    body = string.Template(assembly.template(_HERE)).substitute(style=style, script=script)
    policy = _POLICY.format(script=assembly.source(script), style=assembly.source(style))
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-cache",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
    }
    return LivePage(body.encode(), headers)
