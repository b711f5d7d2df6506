"""What generated pages say beside their tables, as Markdown with places to fill: ``<!-- name -->``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def filled(name: str, **lines: Sequence[str]) -> str:
    """Return a text of this folder, its places filled.

    Args:
        name: the file.
        **lines: for each place, what stands there.

    Raises:
        KeyError: a place is not given, or a place that is given is not there.
    """
    text = (Path(__file__).parent / name).read_text("utf-8")
    places = re.findall(r"<!-- (\w+) -->", text)
    if set(places) != set(lines):
        raise KeyError(f"{name}: has the places {sorted(set(places))}; got {sorted(lines)}")
    return re.sub(r"<!-- (\w+) -->", lambda place: "\n".join(lines[place[1]]), text)
