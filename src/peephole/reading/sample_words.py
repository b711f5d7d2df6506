"""Words of the built-in synthetic sample: what its made-up reviews talk about, and in which words.

Written for this project; nothing here is taken from a corpus. *Polar* words are those that carry an opinion. They
stand in pairs of lists, positive and negative, and no other text of the sample may use one of them: only so does
each polar word occur equally often under both labels (`peephole.reading.sample`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Polar:
    """Positive and negative words of one kind that fit the same places."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noun:
    """A thing that can be judged.

    Args:
        name: with its article, for example ``"the soup"``.
        kind: which adjectives of `ADJECTIVES` fit it besides the general ones.
        plural: takes "were" instead of "was".
        subject, object: its pronouns.
    """

    name: str
    kind: str
    plural: bool = False
    subject: str = "it"
    object: str = "it"


@dataclass(frozen=True, slots=True)
class Domain:
    """What the reviews of one domain talk about.

    Args:
        name: for example ``"restaurant"``.
        wholes: the reviewed thing itself, without article; singular.
        kind: the kind of the wholes, as in `Noun`.
        parts: what can be judged apart from the whole.
        uses: counted occasions of use, plural: "two visits".
        lasting: the thing can be met again years later, so that it may have changed.
    """

    name: str
    wholes: tuple[str, ...]
    kind: str
    parts: tuple[Noun, ...]
    uses: tuple[str, ...]
    lasting: bool


def _parts(kind: str, singular: str, plural: str) -> tuple[Noun, ...]:
    ones = [Noun(f"the {name}", kind) for name in singular.split(", ")]
    many = [Noun(f"the {name}", kind, True, "they", "them") for name in plural.split(", ")]
    return (*ones, *many)


def _people(kind: str, hes: str, shes: str, plural: str) -> tuple[Noun, ...]:
    men = [Noun(f"the {name}", kind, False, "he", "him") for name in hes.split(", ")]
    women = [Noun(f"the {name}", kind, False, "she", "her") for name in shes.split(", ")]
    many = [Noun(f"the {name}", kind, True, "they", "them") for name in plural.split(", ")]
    return (*men, *women, *many)


def _polar(positive: str, negative: str) -> Polar:
    return Polar(tuple(positive.split()), tuple(negative.split()))


# General adjectives that fit everything. "not terrible" praises too faintly to be a clear case, so
# strong words are never negated; all others are.
STRONG = _polar("excellent wonderful superb brilliant", "terrible awful dreadful horrible")
GENERAL = _polar("good great pleasant lovely impressive", "bad poor unpleasant disappointing mediocre")
ADJECTIVES: dict[str, Polar] = {
    "food": _polar("tasty fresh delicious flavourful", "bland tasteless unappetising inedible"),
    "people": _polar("friendly helpful polite attentive", "rude unhelpful careless grumpy"),
    "place": _polar("cosy clean comfortable charming", "dingy dirty uncomfortable shabby"),
    "story": _polar("gripping moving clever funny", "dull tedious boring silly"),
    "craft": _polar("convincing memorable stylish", "unconvincing forgettable clumsy"),
    "device": _polar("reliable sturdy practical solid", "unreliable flimsy awkward faulty"),
}
NOUNS = _polar("joy delight treat success", "chore letdown mess failure")
VERBS = _polar("loved enjoyed liked admired", "hated detested disliked despised")

POSITIVE_WORDS = frozenset(
    word for polar in (STRONG, GENERAL, NOUNS, VERBS, *ADJECTIVES.values()) for word in polar.positive
)
NEGATIVE_WORDS = frozenset(
    word for polar in (STRONG, GENERAL, NOUNS, VERBS, *ADJECTIVES.values()) for word in polar.negative
)

DOMAINS: tuple[Domain, ...] = (
    Domain(
        "restaurant",
        ("dinner", "meal", "lunch"),
        "food",
        (
            *_parts("food", "soup, fish, pasta, salad, bread, coffee, sauce", "desserts, vegetables"),
            *_people("people", "waiter, cook", "waitress, owner", "waiters"),
            *_parts("place", "dining room, terrace, bar", "restrooms"),
        ),
        ("visits", "dinners"),
        lasting=True,
    ),
    Domain(
        "film",
        ("film", "movie"),
        "story",
        (
            *_parts("story", "plot, story, script, ending, opening scene, dialogue", "jokes"),
            *_parts("craft", "acting, music, camera work, cast", "costumes, songs"),
        ),
        ("viewings", "screenings"),
        lasting=False,
    ),
    Domain(
        "phone",
        ("phone",),
        "device",
        _parts("device", "screen, camera, battery, speaker, keyboard, charger, case", "buttons, headphones"),
        ("weeks", "updates"),
        lasting=True,
    ),
    Domain(
        "hotel",
        ("hotel",),
        "place",
        (
            *_parts("place", "bedroom, bathroom, lobby, pool, garden, lounge", "rooms, beds"),
            *_people("people", "porter, night clerk", "manager, receptionist", "maids"),
            *_parts("food", "breakfast, buffet, bread", "eggs"),
        ),
        ("nights", "visits"),
        lasting=True,
    ),
    Domain(
        "book",
        ("book", "novel"),
        "story",
        (
            *_parts("story", "plot, story, first chapter, ending, dialogue, second half", "last pages"),
            *_parts("craft", "prose, translation, language", "drawings, characters"),
        ),
        ("readings", "chapters"),
        lasting=False,
    ),
    Domain(
        "kitchen gadget",
        ("blender", "toaster", "kettle", "mixer", "coffee machine"),
        "device",
        _parts("device", "handle, lid, switch, timer, motor, base, plug", "controls, dials"),
        ("weeks", "breakfasts"),
        lasting=True,
    ),
)

_ASIDES = (", I think,", ", to my mind,", ", as far as I could tell,", ", if you ask me,")
_TAILS = (
    *[""] * 3,
    " to my mind",
    " if you ask me",
    " as far as I could tell",
    " on the whole",
    " all things considered",
    " in my view",
)
# What fills the slots that decide nothing; a phrase may hold slots itself.
PHRASES: dict[str, tuple[str, ...]] = {
    "who": (
        "my sister",
        "my brother",
        "my wife",
        "my husband",
        "my mother",
        "my neighbour",
        "my cousin",
        "my aunt",
        "a colleague",
        "a friend",
        "an old friend",
    ),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "n": ("two", "three", "four", "five", "six"),
    "colour": ("red", "green", "blue", "grey", "white", "black", "orange"),
    "city": ("Lisbon", "Oslo", "Vienna", "Dublin", "Athens", "Ghent", "Turin"),
    "lead": (*[""] * 4, "honestly, ", "to be fair, ", "I must say that ", "let me say that "),
    "mid": (", on the whole,", ", all things considered,", ", if you ask me,"),
    "hedge": (*[""] * 3, ", I think,", ", as far as I could tell,"),
    "aside": (*[""] * 3, *_ASIDES),
    "after": (", even after {n} {uses},", " honestly", ", if you ask me,", ""),
    "end": (*[""] * 3, " on the whole", " all things considered"),
    "tail": _TAILS,
    "tail2": _TAILS,
    "each": ("everybody", "each of us", "all of us", "all of my friends", "each of my friends"),
    "none": ("nobody", "none of us", "not one of us", "none of my friends", "not one of my friends"),
    "group": ("I know", "who was with us", "who knows me", "in the family", "I have asked"),
    "called": ("called", "found", "considered"),
    "call": ("call", "consider"),
}
INTENSIFIERS = (*[""] * 3, "really ", "truly ", "simply ")
# How a predicate is turned round in place: "the soup was far from bland".
REVERSERS = (
    "not",
    "not",
    "not particularly",
    "not at all",
    "far from",
    "anything but",
    "hardly",
    "by no means",
)
