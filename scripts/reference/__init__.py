"""The generated pages of docs/reference, a file for each; `scripts/generate-reference` writes or checks them."""

from __future__ import annotations

import functools
from collections.abc import Callable

from peephole.equations import emit_diagram
from reference.api import api_pages
from reference.cell_pages import CELLS, cells_page, figure_name
from reference.command_line import command_line_page
from reference.environment import environment_page
from reference.errors_page import errors_page
from reference.http_api import http_page
from reference.json_answers import json_page
from reference.recipe import recipe_page
from reference.server import server_page
from reference.tasks import tasks_page
from reference.weights import weights_page

# By path below docs/reference.
PAGES: dict[str, Callable[[], str]] = {
    "recipe.md": recipe_page,
    "tasks.md": tasks_page,
    "cells.md": cells_page,
    "server.md": server_page,
    "weights.md": weights_page,
    "errors.md": errors_page,
    "environment.md": environment_page,
    "http.md": http_page,
    "command-line.md": command_line_page,
    "json.md": json_page,
    **api_pages(),
    **{f"figures/{figure_name(cell)}": functools.partial(emit_diagram, cell) for cell in CELLS},
}
