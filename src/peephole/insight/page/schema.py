"""What a page is made of: one JSON document, which the scripts of the page read, and nothing else.

Texts in it are made `visible`. A page's figures have K *columns*: one for each step, and of a long text one that stands for its
middle, with the means of its steps. Lists written `[K]` have a number for each column in the order of the text, whichever way a
track reads. Words are addressed by their position in `words`.
"""

from __future__ import annotations

from typing import TypedDict

from peephole.insight.page.packing import Packed

VERSION = 1

Numbers = list[float | None]
# A sentence in parts: text, or the position of a word, which is shown as the word and lights up with it.
Caption = list[str | int]


class Model(TypedDict):
    """What was looked into.

    Attributes:
        cell: the name of the cell's class.
        units: of a layer and direction.
        layers: how many.
        directions: 1 or 2.
        reads: what a classifier's head reads of the last layer: ``"last"``, ``"max"``, ``"mean"``.
    """

    cell: str
    units: int
    layers: int
    directions: int
    reads: list[str]


class Verdict(TypedDict):
    """The answer: the most probable label, and all with their probabilities, the most probable first."""

    label: str
    probabilities: list[tuple[str, float]]


class WordItem(TypedDict):
    """A word.

    Attributes:
        text: its characters.
        before: what stands between it and the word before: ``""``, ``" "`` or a line break.
        first: its first column.
        end: the column after its last.
        score: how much it pushes towards the target, in logits; None without an explanation.
        gap: whether it stands for the words of the middle of a long text.
    """

    text: str
    before: str
    first: int
    end: int
    score: float | None
    gap: bool


class Push(TypedDict):
    """What the scores of the words are.

    Attributes:
        method: its name, such as ``"integrated-gradients"``.
        meaning: what a score is.
        target: positive scores push towards this label,
        against: negative ones towards this one.
        value: the logit of `target` less that of `against`.
        base: what it is without any word; None where the method has no such thing.
        gap: what base and scores leave out of `value`; None where the method promises no sum.
        note: the method's own remark.
        up: colour of positive scores: ``"a"`` or ``"b"``; of two labels each keeps its own on all pages.
    """

    method: str
    meaning: str
    target: str
    against: str
    value: float | None
    base: float | None
    gap: float | None
    note: str
    up: str


class Gate(TypedDict):
    """A gate of a track.

    Attributes:
        name: its letter in the equations.
        role: ``"keep"``, ``"write"``, ``"show"``, ``"reset"``; or the letter again.
        meaning: what it says, in a few words.
        mean: `[K]` over all units, in [0, 1].
        values: `[K, U]` of the units that are drawn.
    """

    name: str
    role: str
    meaning: str
    mean: Numbers
    values: Packed


class Parcels(TypedDict):
    """What lies on the belt while the text is read. A parcel is what a column, or a run of columns of a long text, put on it.

    Attributes:
        edges: `[B + 1]` parcel b is that of the columns from edges[b] to edges[b + 1].
        put: `[B]` its size when it was put on: the sum of the sizes of what each unit adds.
        share: `[B, B]` what share of parcel b is left after parcel e was put on, in [0, 1]; 0 before it comes.
    """

    edges: list[int]
    put: Numbers
    share: Packed


class BeltItem(TypedDict):
    """The conveyor of a track.

    Attributes:
        put: `[K, U]` what each column adds to the state, signed.
        left: `[K, U]` what of that is left at the end.
        put_size: `[K]` the sum of the sizes of what it adds, over all units.
        left_size: `[K]` likewise of what is left.
        start_size: of what is left of the initial state.
    """

    put: Packed
    left: Packed
    put_size: Numbers
    left_size: Numbers
    start_size: float | None
    parcels: Parcels


class GradientItem(TypedDict):
    """How strongly the verdict's margin reacts to the state at each step: Euclidean norms of gradients.

    Attributes:
        total: `[K]` along every way.
        direct: `[K]` along the belt alone, where it is multiplied by keep at each step.
        gates: `[K]` the rest, through gates and candidates. The two are norms: they need not add up to the first.
        half_life: steps in which the gradient in h halves, going back from the last step read; None where it does not fade.
    """

    total: Numbers
    direct: Numbers
    gates: Numbers
    half_life: float | None


class TrackItem(TypedDict):
    """One direction of one layer.

    Attributes:
        name: ``"layer0.forward"``.
        title: the same for people.
        reverse: whether it reads from the end.
        units: H, how many it has.
        drawn: `[U]` which of them the page holds, longest memory first.
        half_life: `[U]` steps in which half of what a unit holds is gone; None: never.
        follow: the unit to begin with, a position in `drawn`: that whose writes move the margin most; None without units.
        state: ``"c"`` or ``"h"``: the state on the belt.
        states: `[K, U]` its values.
        bound: the largest size that the state can have, such as 1 of a GRU; None: none.
        notes: sentences about this track, by figure: ``"gates"``, ``"belt"``, ``"gradient"``.
    """

    name: str
    title: str
    reverse: bool
    units: int
    drawn: list[int]
    half_life: Numbers
    follow: int | None
    state: str
    states: Packed
    gates: list[Gate]
    belt: BeltItem | None
    gradient: GradientItem | None
    notes: dict[str, Caption]


class PhraseItem(TypedDict):
    """A phrase of the tree.

    Attributes:
        first: position of its first word.
        end: position after its last.
        score: how much its words together push towards the target.
        interaction: that less the scores of its parts: what joining them adds.
        parts: positions of the two phrases that it joins, in the list of phrases; none for a word.
        level: 0 for a word, otherwise one above the higher of its parts.
    """

    first: int
    end: int
    score: float | None
    interaction: float | None
    parts: list[int]
    level: int


class Curve(TypedDict):
    """What becomes of the target's probability as words are deleted, in one order: ``"scores"``, ``"random"`` or ``"greedy"``."""

    name: str
    values: Numbers


class Trust(TypedDict):
    """How far the scores can be trusted; see `peephole.insight.explanations.Faithfulness`, whose names these are.

    Attributes:
        area: by how much the target's probability falls, on average, when words are deleted in the order of their scores.
        random: the same for random orders.
        greedy: for the best order that a greedy search found; None where there was none.
        normalised: where `area` lies between random, 0, and greedy, 1; None where that has no meaning.
        comprehensiveness: by how much it falls without the top words.
        sufficiency: by how much it falls with those alone.
        deleted: `[P]` share of the words that are gone at each point of a curve, in [0, 1].
        curves: `[P]` values each.
        units: what was deleted at once at least: so many words, or groups of neighbours.
    """

    area: float | None
    random: float | None
    greedy: float | None
    normalised: float | None
    comprehensiveness: float | None
    sufficiency: float | None
    deleted: Numbers
    curves: list[Curve]
    units: int


class PageData(TypedDict):
    """Everything that a page shows.

    Attributes:
        version: of this document: `VERSION`.
        made_by: the program.
        tokens: `[K]` what each column reads.
        steps: T, how many steps were read.
        words_total: how many words were read.
        notes: what is left out or summarised, in sentences.
        captions: the sentence of each figure, by its name.
    """

    version: int
    made_by: str
    title: str
    model: Model | None
    verdict: Verdict | None
    tokens: list[str]
    steps: int
    words_total: int
    words: list[WordItem]
    push: Push | None
    tracks: list[TrackItem]
    phrases: list[PhraseItem]
    trust: Trust | None
    notes: list[str]
    captions: dict[str, Caption]
