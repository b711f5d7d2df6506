"""Sentences with slots, by phenomenon.

A frame is one sentence, read as if the text were positive: {+adj} is then a good word, {-adj} a bad one, and where the text is
negative every sign is turned. A frame that makes sense one way only is a pair: the positive sentence, and the negative one.
"""

from __future__ import annotations

from .affixes import AFFIXES
from .beside import BESIDE
from .change import CHANGE
from .comparison import COMPARISON
from .contrast import CONTRAST
from .degree import EMPHASIS, HEDGES
from .distance import DISTANCE
from .double import DOUBLE
from .negation import NEGATION
from .real import REAL
from .wishes import WISHES

Frame = str | tuple[str, str]
FRAMES: dict[str, tuple[Frame, ...]] = {
    "negation": NEGATION,
    "distance": DISTANCE,
    "double": DOUBLE,
    "contrast": CONTRAST,
    "comparison": COMPARISON,
    "hedges": HEDGES,
    "emphasis": EMPHASIS,
    "change": CHANGE,
    "beside": BESIDE,
    "wishes": WISHES,
    "affixes": AFFIXES,
    "real": REAL,
}
SHARES = {  # of the texts
    "negation": 16,
    "distance": 15,
    "double": 9,
    "contrast": 15,
    "comparison": 8,
    "hedges": 4,
    "emphasis": 4,
    "change": 9,
    "beside": 7,
    "wishes": 6,
    "affixes": 4,
    "real": 12,
}
