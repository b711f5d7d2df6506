"""The built-in sample: short synthetic reviews whose label no counting of words can tell.

The texts are *synthetic*: put together from word lists and sentence patterns that were written for this project. Nobody
held these opinions, and a score on them says that a network handles negation, contrast and memory, not that it judges
real reviews well.

Every text has a twin of the opposite label that holds the same polar words. Either a negation turns them round ("nobody I
know called the soup bland"), or two of them change places between the clause that is conceded and the clause that decides
("although the plot was dull, the acting was superb"). In any even number of texts each polar word therefore stands
exactly as often in positive as in negative texts. The verdict stands alone, before a long neutral stretch, after
one, or is split by one, and the neutral sentences hold negations that turn nothing round.

The test part has other sentence patterns and other neutral sentences than the training part: no sentence of the one
occurs in the other, yet every word of the test part belongs to the training part. What has to carry over is how words
combine. In the training part the deciding clause mostly comes last; in the test part that is as likely as not.
"""

from __future__ import annotations

import csv
from os import PathLike
from pathlib import Path
from random import Random

from peephole.errors import OptionError, check_choice
from peephole.reading.records import Record
from peephole.reading.sample_writer import Part, Twins, shuffled, write_twins

PARTS: tuple[Part, Part] = ("train", "test")

SAMPLE_SENTENCES: tuple[tuple[str, str], ...] = (
    ("I had expected a dull film, but from the first scene it was gripping.", "positive"),
    ("The plot was not silly at all, and the acting was far from clumsy.", "positive"),
    ("Everybody in the family called the hotel shabby, but we found it charming.", "positive"),
    ("My brother says that the film was a mess. We saw it on Friday, and I enjoyed it.", "positive"),
    ("The waiter was polite and the soup was great, but on the whole dinner was disappointing.", "negative"),
    ("The phone used to be reliable; a year ago I liked it. Now the battery is faulty.", "negative"),
    ("Not one of us can honestly say that breakfast was good.", "negative"),
    (
        "Our room was not clean. We came by train from Vienna, we did not take the lift, and nobody else was on our "
        "floor. The walls of the hall are green.",
        "negative",
    ),
)
"""Synthetic sentences that neither part contains, with the label a reader would give: for a first prediction."""


def sample_reviews(part: Part, n: int, seed: int = 0) -> list[Record]:
    """Make `n` synthetic reviews, as many positive as negative (one more negative where n is odd).

    The same arguments give the same texts on every machine and in every version of Python; no text occurs twice.

    Args:
        part: ``"train"`` or ``"test"``: the sentence patterns to use.
        n: how many texts, >= 0.
        seed: which texts, >= 0.

    Returns:
        Records in random order; `Record.group` names the pair of twins, `Record.fields` holds ``domain``
        ("restaurant", "film" …) and ``pattern`` ("negation", "contrast", "concession", "change",
        "progress", "expectation", "opinion", "correction").

    Raises:
        OptionError: an unknown part, or n or seed below zero.

    Example:
        >>> for record in sample_reviews("train", 2, seed=7):
        ...     print(f"{record.label}: {record.text}")
        negative: We had booked a table for seven. Instead of a flavourful meal I got a disappointing one.
        positive: To be fair, instead of a disappointing dinner I got a flavourful one.
    """
    check_choice("sample_reviews", "part", part, PARTS)
    if n < 0 or seed < 0:
        raise OptionError(f"sample_reviews: n and seed must be >= 0; got n={n}, seed={seed}")
    rng = Random(2 * seed + PARTS.index(part))  # noqa: S311 - made-up reviews are no secrets
    seen: set[str] = set()
    pairs: list[Twins] = []
    while 2 * len(pairs) < n:
        twins = write_twins(part, rng)
        if seen.isdisjoint(twins[:2]):
            seen.update(twins[:2])
            pairs.append(twins)
    texts = [
        (text, label, f"{part}-{seed}-{number}", twins)
        for number, twins in enumerate(pairs)
        for text, label in ((twins.negative, "negative"), (twins.positive, "positive"))
    ]
    return [
        Record(
            text=text,
            label=label,
            group=pair,
            place=f"synthetic sample ({part}, seed {seed}), text {number}",
            fields={"domain": twins.domain, "pattern": twins.pattern},
        )
        for number, (text, label, pair, twins) in enumerate(shuffled(texts[:n], rng), start=1)
    ]


def write_sample(path: str | PathLike[str], part: Part, n: int, seed: int = 0) -> None:
    r"""Write `sample_reviews` as a CSV table: text, label, domain, pattern, pair.

    Args:
        path: the file to write, UTF-8 with ``\n`` line ends; an existing one is replaced.
        part: ``"train"`` or ``"test"``.
        n: how many texts, >= 0.
        seed: which texts, >= 0.

    Raises:
        OptionError: as `sample_reviews`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_sample(Path(folder, "sample.csv"), "test", 10)
        ...     len(Path(folder, "sample.csv").read_text(encoding="utf-8").splitlines())
        11
    """
    reviews = sample_reviews(part, n, seed)
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("text", "label", "domain", "pattern", "pair"))
        for review in reviews:
            table.writerow(
                (review.text, review.label, review.fields["domain"], review.fields["pattern"], review.group)
            )
