"""Texts from frames: groups of minimal pairs, dressed as somebody would write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from random import Random

from .asides import aside
from .frames import FRAMES, SHARES, Frame
from .phrases import chosen
from .scene import SLOT, Scene, flipped, slots
from .surface import dressed
from .topics import REAL_FILMS, TOPICS
from .words import Table

LABELS = ("positive", "negative")
ONE = re.compile(
    r"\bone\b(?! (?:of us|who|day|second|word|thing|should|else|has|can|had|in |hears|may|could))"
)  # a thing, not several
LONGER = 0.25  # of the texts have sentences without an opinion around them


def texts_of(frame: Frame) -> tuple[str, str]:
    """Give the positive and the negative form of a frame."""
    return (frame, flipped(frame)) if isinstance(frame, str) else frame


def lean(frame: Frame) -> int:
    """Say whether the words of a frame speak for its label (1), against it (-1), or for neither (0), one by one."""
    positive, negative = (
        sum(1 if sign == "+" else -1 for sign, *_ in SLOT.findall(text) if sign) for text in texts_of(frame)
    )
    return (positive > negative) - (positive < negative)


class Deck:
    """Frames in random order, each as often as any other."""

    def __init__(self, rng: Random, frames: Iterable[Frame]) -> None:
        self.rng, self.frames, self.left = rng, tuple(frames), []

    def draw(self) -> Frame:
        """Take the next frame."""
        if not self.left:
            self.left = self.rng.sample(self.frames, len(self.frames))
        return self.left.pop()


class Composer:
    """Composes texts of one phenomenon after the other, in groups that share their words.

    A frame whose words speak for its label is always used with one whose words speak against it, and either of them with both
    labels: the four texts have the same words, so that no word by itself tells the label.
    """

    def __init__(self, rng: Random, real: dict[str, Table]) -> None:
        self.rng, self.real = rng, real
        self.decks: dict[str, tuple[Deck, Deck, Deck, float]] = {}
        for kind, frames in FRAMES.items():
            usable = [
                frame
                for frame in frames
                if kind != "real" or all(self._has(text) for text in texts_of(frame))
            ]
            if not usable:
                continue
            sides = [[frame for frame in usable if lean(frame) == side] for side in (0, 1, -1)]
            lone = len(sides[0]) / len(usable)
            self.decks[kind] = (*(Deck(rng, side) for side in sides), lone)  # type: ignore[assignment]

    def _has(self, text: str) -> bool:
        return all(
            slot in self.real for slot in slots(text) if slot in ("pnp", "padj", "padv", "pvp", "psent")
        )

    def group(self, kind: str) -> Iterator[tuple[Frame, str, str]]:
        """Compose texts that share their words: frame, text, label."""
        even, keeping, turning, lone = self.decks[kind]
        frames = [even.draw()] if self.rng.random() < lone else [keeping.draw(), turning.draw()]
        needed = {slot for frame in frames for text in texts_of(frame) for slot in slots(text)}
        if any(ONE.search(text) for frame in frames for text in texts_of(frame)):
            needed.add("kind")
        scene = Scene(self.rng, REAL_FILMS if kind == "real" else TOPICS, needed, self.real)
        for frame in frames:
            for text, label in zip(texts_of(frame), LABELS, strict=True):
                yield frame, self._dressed(scene, scene.say(text)), label

    def _dressed(self, scene: Scene, text: str) -> str:
        before: list[str] = []
        after: list[str] = []
        if self.rng.random() < LONGER:
            for _ in range(self.rng.choice((1, 1, 2))):
                self.rng.choice((before, after)).append(aside(self.rng, scene.topic.group))
        return dressed(self.rng, text, before, after)


def composed(
    count: int, seed: int, phrases: Iterable[tuple[str, str]], kinds: Iterable[str] = ()
) -> Iterator[tuple[str, Frame, str, str]]:
    """Compose texts as `contrast_texts` does, and tell their phenomenon and frame: kind, frame, text, label."""
    rng = Random(seed)  # noqa: S311 (texts, no secrets)
    composer = Composer(rng, chosen(phrases))
    names = [kind for kind in (kinds or SHARES) if kind in composer.decks]
    seen: set[str] = set()
    made = 0
    while made < count:
        kind = rng.choices(names, [SHARES[name] for name in names])[0]
        group = list(composer.group(kind))
        for pair in (group[:2], group[2:]):
            new = {text.lower() for _, text, _ in pair} - seen
            if not pair or len(new) < len(pair):
                continue
            seen |= new
            for frame, text, label in pair[: count - made]:
                made += 1
                yield kind, frame, text, label


def contrast_texts(count: int, seed: int, phrases: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Compose texts in which words are worth nothing without their order, with their labels.

    Args:
        count: How many texts; every even number of them is half positive, half negative.
        seed: The same seed gives the same texts.
        phrases: Short phrases with the label "positive" or "negative", to be put into sentences; those that do not have the
            shape of a noun phrase, an adjective, a predicate or a sentence are passed over. May be empty.

    Yields:
        (text, label), all texts distinct.
    """
    for _, _, text, label in composed(count, seed, phrases):
        yield text, label
