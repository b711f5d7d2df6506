"""Texts from frames: groups of minimal pairs, dressed as somebody would write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from random import Random

from .asides import aside
from .frames import FRAMES, SHARES, Frame
from .phrases import REAL, chosen
from .scene import Scene
from .slots import SINGLE, SLOT, fits, flipped, slots
from .surface import dressed
from .topics import REAL_FILMS, TOPICS
from .words import Table

LABELS = ("positive", "negative")
ONE = re.compile(
    r"\bone\b(?! (?:of us|who|day|second|word|thing|should|else|has|can|had|in |hears|may|could))"
)  # a thing, not several
LONGER = 0.25  # of the texts have sentences without an opinion around them
AGREED = 0.15  # of the texts have a second sentence of the same opinion
SECOND = ("negation", "distance", "double", "hedges")  # phenomena with sentences that can follow another one


def texts_of(frame: Frame) -> tuple[str, str]:
    """Give the positive and the negative form of a frame."""
    return (frame, flipped(frame)) if isinstance(frame, str) else frame


def needs(frame: Frame) -> set[str]:
    """Name the slots of either form of a frame; one thing is asked for where "the last one" would not stand for several."""
    texts = texts_of(frame)
    return set().union(*map(slots, texts)) | ({"kind"} if any(map(ONE.search, texts)) else set())


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
        return all(slot in self.real for slot in slots(text) if slot in REAL)

    def size(self, kind: str) -> float:
        """Say how many texts a group of one phenomenon has on average."""
        return 4 - 2 * self.decks[kind][3]

    def group(self, kind: str) -> Iterator[tuple[Frame, str, str]]:
        """Compose texts that share their words: frame, text, label."""
        even, keeping, turning, lone = self.decks[kind]
        frames = [even.draw()] if self.rng.random() < lone else [keeping.draw(), turning.draw()]
        needed = set().union(*map(needs, frames))
        scene = Scene(self.rng, REAL_FILMS if kind == "real" else TOPICS, needed, self.real)
        for frame in frames:
            for text, label in zip(texts_of(frame), LABELS, strict=True):
                yield frame, self._dressed(scene, scene.say(text), label), label

    def _second(self, scene: Scene, label: str) -> str:
        """Say the same in another sentence, half the time with words that speak for the label, half the time against it."""
        side = self.rng.choice((1, -1))
        while True:
            frame = self.rng.choice(FRAMES[self.rng.choice(SECOND)])
            text = texts_of(frame)[LABELS.index(label)]
            needed = needs(frame)
            if lean(frame) != side or not fits(scene.topic, (), needed) or text.endswith(("?", "!")):
                continue
            if not (scene.many and needed & SINGLE):
                return scene.go_on(text)

    def _dressed(self, scene: Scene, text: str, label: str) -> str:
        before: list[str] = []
        after: list[str] = []
        if self.rng.random() < AGREED:
            after.append(self._second(scene, label))
        if self.rng.random() < LONGER:
            for _ in range(self.rng.choice((1, 1, 2))):
                said = aside(self.rng, scene.topic.group)
                if not any(each[:9] == said[:9] for each in (*before, *after)):
                    self.rng.choice((before, after)).append(said)
        return dressed(self.rng, text, before, after)


def composed(
    count: int, seed: int, phrases: Iterable[tuple[str, str]], kinds: Iterable[str] = ()
) -> Iterator[tuple[str, Frame, str, str]]:
    """Compose texts as `contrast_texts` does, and tell their phenomenon and frame: kind, frame, text, label."""
    rng = Random(seed)  # noqa: S311 (texts, no secrets)
    composer = Composer(rng, chosen(phrases))
    names = [kind for kind in (kinds or SHARES) if kind in composer.decks]
    weights = [SHARES[kind] / composer.size(kind) for kind in names]
    seen: set[str] = set()
    made = 0
    while made < count:
        kind = rng.choices(names, weights)[0]
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
