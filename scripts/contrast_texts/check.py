"""What must be true of every text: no slot left, no doubled space, articles that agree."""

from __future__ import annotations

import re

from .forms import article

AN = re.compile(r"\b(an?) ([\"'(]?[a-z][\w-]*)", re.IGNORECASE)
MARKS = re.compile(r" {2,}|^ | $|[{}\[\]|]|[,;:]\.|,,|\.\.(?!\.)(?<!\.\.\.)")
REPEATED = re.compile(r"\b(a|an|the|is|was|that|it|to|of|not|be|and) \1\b", re.IGNORECASE)
PAIRED = re.compile(
    r"\bthey (is|was|has|does|seems)\b|\b(it|he|she) (are|have)\b|\b(of|in|about|with|call|find) (they|he|she)\b",
    re.IGNORECASE,
)


def faults(text: str) -> list[str]:
    """Name what is wrong with a text, as far as a pattern can tell."""
    found = [f"mark {match[0]!r}" for match in MARKS.finditer(text)]
    found += [f"repeated {match[0]!r}" for match in REPEATED.finditer(text)]
    found += [f"agreement {match[0]!r}" for match in PAIRED.finditer(text)]
    if not text.isupper():
        found += [
            f"article {match[0]!r}" for match in AN.finditer(text) if match[1].lower() != article(match[2])
        ]
    return found
