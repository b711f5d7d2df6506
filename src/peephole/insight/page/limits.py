"""How much of a long text is drawn."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a document may hold.

    Attributes:
        steps: that have a column each; of a longer text the middle is one column.
        least: characters of base64 that the values of all tracks together may take in any case,
        for_each_word: or so many for each word, if that is more,
        most: but never more than this.
    """

    steps: int
    least: int
    for_each_word: int
    most: int

    def characters(self, words: int) -> int:
        """Return how many characters of base64 the values of all tracks may take together for so many words."""
        return min(self.most, max(self.least, self.for_each_word * words))


# Enough for every unit of the model in the package on 60 words within a page of 400 KB, and for its every unit on 450; a page is
# never much larger than the last of them.
PAGE = Limits(steps=512, least=270_000, for_each_word=4_600, most=1_500_000)
# In a notebook, whose file holds all that it shows: some 40 columns beside each other, and some 100 KB in all.
STILL = Limits(steps=40, least=70_000, for_each_word=0, most=70_000)
# Without gates a text is words alone, which wrap.
STILL_TEXT = Limits(steps=300, least=0, for_each_word=0, most=0)
