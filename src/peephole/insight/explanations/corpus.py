"""Over many texts: for each class, the words that matter most."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from peephole.classifier import Classifier
from peephole.errors import OptionError, TextTypeError
from peephole.insight.explanations.explain import explain

_MOST_WORDS = 200_000  # that are counted at once, over all classes; the rarest are forgotten first


@dataclasses.dataclass(frozen=True)
class WordScore:
    """How much a word speaks for a class, over the texts that the model puts there.

    Attributes:
        word: in lower case.
        score: the mean of its scores, in units of the margin.
        count: how often it was met.
    """

    word: str
    score: float
    count: int


def words_that_matter(
    model: Classifier, texts: Iterable[str], *, method: str = "auto", top: int = 30, min_count: int = 5
) -> dict[str, list[WordScore]]:
    """Return, for each label, the words that speak for it most where the model chooses it.

    Texts are taken one by one from any iterable. Memory does not grow with their number: when 200,000 different words are
    counted, those met once are forgotten, then those met twice, and so on.

    Args:
        model: a classifier with a recurrent layer.
        texts: any texts.
        method: as `explain` takes it.
        top: words of each label, at least 1.
        min_count: how often a word must have been met, at least 1.

    Raises:
        OptionError: an option is out of range; and as `explain`.
        TextTypeError: one of the texts is no `str`, or `texts` is one.

    Example:
        >>> import peephole
        >>> found = words_that_matter(peephole.load(), ["A good film.", "Good fun.", "A dull film."], min_count=1)
        >>> found["positive"][0].word, found["negative"][0].word
        ('good', 'dull')
    """
    for name, value in (("top", top), ("min_count", min_count)):
        if value < 1:
            raise OptionError(f"words_that_matter: {name} must be at least 1; got {value}")
    if isinstance(texts, (str, bytes)):
        raise TextTypeError(
            "words_that_matter: texts must be several texts; got one, whose characters would be taken for texts",
            hint="put it into a list",
        )
    sums: dict[tuple[str, str], tuple[float, int]] = {}
    forgotten = 0
    for text in texts:
        found = explain(model, text, method=method, faithfulness=False)
        for word, score in zip(found.text.words, found.scores.tolist(), strict=True):
            key = (found.target, word.text.lower())
            total, count = sums.get(key, (0.0, 0))
            sums[key] = total + score, count + 1
        while len(sums) > _MOST_WORDS:
            forgotten += 1
            sums = {key: value for key, value in sums.items() if value[1] > forgotten}
    result: dict[str, list[WordScore]] = {}
    for label in model.labels:
        own = [
            WordScore(word, total / count, count)
            for (of, word), (total, count) in sums.items()
            if of == label and count >= min_count
        ]
        result[label] = sorted(own, key=lambda one: (-one.score, one.word))[:top]
    return result
