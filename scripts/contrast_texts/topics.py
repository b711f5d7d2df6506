"""All topics."""

from __future__ import annotations

import dataclasses

from .topics_arts import ARTS
from .topics_goods import GOODS
from .topics_places import PLACES

TOPICS = (*ARTS, *GOODS, *PLACES)
REAL_FILMS = (
    dataclasses.replace(ARTS[0], one="film, movie, picture", many=""),
)  # what the real phrases are about
