"""The page: everything that is known of one text, in one HTML file that needs nothing else."""

from __future__ import annotations

from peephole.insight.page.batch import batch_html as batch_html
from peephole.insight.page.data import page_data as page_data
from peephole.insight.page.notebook import notebook_html as notebook_html
from peephole.insight.page.render import page_html as page_html
from peephole.insight.page.schema import PageData as PageData
from peephole.insight.page.still import still as still
from peephole.insight.page.still import still_html as still_html
from peephole.insight.page.whole import explained_page as explained_page

__all__ = [
    "PageData",
    "batch_html",
    "explained_page",
    "notebook_html",
    "page_data",
    "page_html",
    "still",
    "still_html",
]
