"""``peephole serve``: answers over HTTP."""

from __future__ import annotations

import os
from typing import Any

from peephole.cli.setting_options import with_settings


@with_settings
def serve(**given: Any) -> None:
    r"""Answer over HTTP: POST /predict, POST /explain, GET /models, /health, /ready, /metrics and /openapi.json.

    Texts that arrive together run together. Each option can also be an environment variable; an option wins.

    Examples:
        # The model inside the package, and a page to play with
        peephole serve

        # Two models, the second under a name of its own
        peephole serve my-model tweets=runs/7 --port 8080 --workers 2
    """
    from peephole.serve.run import run
    from peephole.serve.settings import read_settings

    run(read_settings(given, os.environ))
