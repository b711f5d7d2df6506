"""YAML, as little as the head of a Markdown file needs: written, never read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = r"[A-Za-z](?:[A-Za-z0-9_./+-]| (?=[A-Za-z0-9]))*"
_KEYWORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))
# What YAML calls unprintable, or takes for the end of a line or the start of the file.
_HIDDEN = "[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"


def yaml_head(fields: Mapping[str, Any]) -> str:
    """Return fields between the two lines that a Markdown file's head stands between.

    Args:
        fields: of texts, numbers, lists and mappings of these; their names are plain words.

    Example:
        >>> print(yaml_head({"language": ["en", "no"], "size": 3, "notes": [{"name": "a: b", "rate": 0.5}]}), end="")
        ---
        language:
        - en
        - "no"
        size: 3
        notes:
        - name: "a: b"
          rate: 0.5
        ---
    """
    return "\n".join(["---", *_lines(fields), "---"]) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _entry(f"{name}:", item, "" if isinstance(item, (list, tuple)) else "  ")
    else:
        for item in value:
            if isinstance(item, (Mapping, list, tuple)) and item:
                first, *rest = _lines(item)
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
            else:
                yield f"- {_scalar(item)}"


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, (Mapping, list, tuple)) and item:
        yield head
        yield from (indent + line for line in _lines(item))
    else:
        yield f"{head} {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if re.fullmatch(_PLAIN, value) and value.casefold() not in _KEYWORDS:
            return value
        quoted = json.dumps(value, ensure_ascii=False)
        return re.sub(_HIDDEN, lambda found: f"\\u{ord(found[0]):04x}", quoted)
    if isinstance(value, float):
        mantissa, exponent, power = repr(value).partition("e")
        return mantissa + ("" if "." in mantissa or not exponent else ".0") + exponent + power
    return json.dumps(value)  # true, 3, null, [] and {} are written alike
