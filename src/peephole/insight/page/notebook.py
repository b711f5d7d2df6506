"""The page in a cell of a notebook."""

from __future__ import annotations

import html

from peephole.insight.page.render import page_html
from peephole.insight.page.schema import PageData

HEIGHT = 640  # pixels; the page scrolls inside


def notebook_html(data: PageData, height: int = HEIGHT) -> str:
    """Return a page for a notebook: a frame of its own, which can run its own script and reach nothing of the notebook.

    Args:
        data: from `page_data`.
        height: of the frame, in pixels.

    Example:
        >>> import peephole
        >>> from peephole.insight.page import page_data
        >>> notebook_html(page_data(peephole.trace(peephole.load(), "Not bad at all.")))[:32]
        '<iframe sandbox="allow-scripts" '
    """
    page = html.escape(page_html(data), quote=False).replace("'", "&#39;")
    label = html.escape(data["title"], quote=True)
    return (
        f'<iframe sandbox="allow-scripts" title="{label}" width="100%" height="{height}" style="border:0" '
        f"srcdoc='{page}'></iframe>"
    )
