"""From a trace and an explanation to the document that a page is drawn from; `schema` says what is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import peephole
from peephole.classifier.pieces import Word
from peephole.errors import BackendUnavailable, EquationError, OptionError
from peephole.insight.belt import Belt, belts
from peephole.insight.explanations import Explanation
from peephole.insight.highway import TrackGradients, highway
from peephole.insight.page import captions, track_captions
from peephole.insight.page.columns import Columns, Place, columns_of, places_of
from peephole.insight.page.explained import phrases_of, push_of, trust_of
from peephole.insight.page.limits import PAGE, Limits
from peephole.insight.page.packing import short
from peephole.insight.page.schema import VERSION, Model, PageData, TrackItem, Verdict, WordItem
from peephole.insight.page.tracks import track_item
from peephole.insight.page.wording import percent
from peephole.insight.trace import Trace, TracedText
from peephole.insight.visible import visible

_ARRAYS = 6  # of a track: three gates, the state, and what was put on and is left
_WORD = 120  # characters of a word that are shown


def page_data(
    trace: Trace | None = None,
    explanation: Explanation | None = None,
    *,
    title: str | None = None,
    untraced: str = "",
    limits: Limits = PAGE,
) -> PageData:
    """Return everything that a page shows of a text, as a JSON document.

    Args:
        trace: of one text, or of one sequence of a layer; without it, gates, belt and gradients are not shown.
        explanation: of the same text; without it, what its words do to the verdict is not shown.
        title: of the page; by default, made of the verdict.
        untraced: where there is no trace, why, for a note on the page.
        limits: what it may hold of a long text.

    Raises:
        OptionError: both are missing, the trace is of a batch, or the two are of different texts.

    Example:
        >>> import peephole
        >>> data = page_data(peephole.trace(peephole.load(), "Not bad at all."))
        >>> data["verdict"]["label"], [word["text"] for word in data["words"]]
        ('positive', ['Not', 'bad', 'at', 'all', '.'])
        >>> [(gate["name"], gate["role"]) for gate in data["tracks"][0]["gates"]]
        [('f', 'keep'), ('i', 'write'), ('o', 'show')]
    """
    text = _text(trace, explanation)
    columns = columns_of(
        int(trace.sequences.lengths[0]) if trace is not None else len(text.tokens) if text else 0,
        limits.steps,
    )
    own = _steps_as_words(columns) if text is None else text.words
    places = places_of(own, columns)
    verdict = _verdict(text)
    push = None if explanation is None else push_of(explanation)
    words = _words(text, own, places, explanation)
    data: PageData = {
        "version": VERSION,
        "made_by": f"Peephole {peephole.__version__}",
        "title": title or _title(verdict),
        "model": None if trace is None else _model(trace),
        "verdict": verdict,
        "tokens": _tokens(text, columns),
        "steps": columns.steps,
        "words_total": len(own),
        "words": words,
        "push": push,
        "tracks": [] if trace is None else _tracks(trace, columns, explanation, limits.characters(len(own))),
        "phrases": [] if explanation is None else phrases_of(explanation, places),
        "trust": None if explanation is None else trust_of(explanation),
        "notes": [],
        "captions": {},
    }
    _describe(data, columns, f": {untraced}" if untraced else "")
    return data


def _text(trace: Trace | None, explanation: Explanation | None) -> TracedText | None:
    if trace is None and explanation is None:
        raise OptionError("page_data: needs a trace, an explanation or both; got neither")
    if trace is not None and not trace.single:
        raise OptionError(
            f"page_data: needs the trace of one text; got that of {len(trace.sequences.lengths)} in a batch"
        )
    traced = trace.text if trace is not None and trace.texts else None
    if explanation is None:
        return traced
    if trace is not None and (traced is None or traced.text != explanation.text.text):
        raise OptionError("page_data: the explanation must be of the text of the trace; got that of another")
    return explanation.text


def _verdict(text: TracedText | None) -> Verdict | None:
    if text is None:
        return None
    order = sorted(range(len(text.labels)), key=lambda n: -float(text.probabilities[n]))
    return {
        "label": visible(text.label),
        "probabilities": [(visible(text.labels[n]), round(float(text.probabilities[n]), 6)) for n in order],
    }


def _title(verdict: Verdict | None) -> str:
    if verdict is None:
        return "Inside a recurrent layer"
    return f"{verdict['label']}, {percent(verdict['probabilities'][0][1])}"


def _model(trace: Trace) -> Model:
    tracks = list(trace.network.tracks.values())
    layers = sum(isinstance(stage, tuple) for stage in trace.network.stages)
    return {
        "cell": type(tracks[0].cell).__name__,
        "units": tracks[0].hidden_size,
        "layers": layers,
        "directions": len(tracks) // layers,
        "reads": [] if trace.readout is None else list(trace.readout.forward.statistics),
    }


def _steps_as_words(columns: Columns) -> list[Word]:
    return [Word(str(t + 1), t, t + 1, t, t + 1) for t in range(columns.steps)]


def _tokens(text: TracedText | None, columns: Columns) -> list[str]:
    starts = columns.edges[:-1].tolist()
    read = [str(start + 1) if text is None else visible(text.tokens[start], _WORD) for start in starts]
    if columns.gap is not None:
        read[columns.gap] = "…"
    return read


def _words(
    text: TracedText | None, own: Sequence[Word], places: Sequence[Place], explanation: Explanation | None
) -> list[WordItem]:
    words: list[WordItem] = []
    for place in places:
        word = own[place.words.start]
        shown = f"… {len(place.words):,} words …" if place.is_gap else visible(word.text.strip(), _WORD)
        scores = None if explanation is None else explanation.scores[place.words.start : place.words.stop]
        words.append(
            {
                "text": shown,
                "before": " " if text is None else _between(text.text, own, place),
                "first": place.first,
                "end": place.end,
                "score": None if scores is None else short(float(sum(scores))),
                "gap": place.is_gap,
            }
        )
    return words


def _between(text: str, own: Sequence[Word], place: Place) -> str:
    n = place.words.start
    start = own[n].stop - len(own[n].text.lstrip())  # a word of several tokens may begin with a space
    between = text[own[n - 1].stop if n else 0 : start]
    if re.search(r"\n\s*\n", between):
        return "\n\n"
    return "\n" if "\n" in between else " " if between else ""


def _tracks(trace: Trace, columns: Columns, explanation: Explanation | None, allowed: int) -> list[TrackItem]:
    found = _belts(trace)
    gradients = _gradients(trace, explanation)
    tracks = trace.network.tracks
    most_units = allowed * 3 // 4 // (_ARRAYS * len(tracks) * max(columns.count, 1))
    return [
        track_item(trace, track, found.get(name), gradients.get(name), columns, max(most_units, 1))
        for name, track in tracks.items()
    ]


def _belts(trace: Trace) -> dict[str, Belt]:
    try:
        return belts(trace)
    except EquationError:  # a cell of one's own may have no conveyor; its gates can be seen all the same
        return {}


def _gradients(trace: Trace, explanation: Explanation | None) -> dict[str, TrackGradients]:
    if trace.readout is None:
        return {}
    target = None
    if explanation is not None:  # the number that the words are explained for
        target = [
            float(label == explanation.target) - float(label == explanation.against)
            for label in trace.text.labels
        ]
    try:
        return highway(trace, target).tracks
    except (BackendUnavailable, EquationError):
        return {}


def _describe(data: PageData, columns: Columns, untraced: str) -> None:
    """Put the sentences in: to each figure, and about what is left out."""
    words, push = data["words"], data["push"]
    data["captions"] = {
        "sentence": captions.sentence_caption(data["verdict"], push, words),
        "phrases": captions.phrases_caption(data["phrases"], push, words),
        "trust": captions.trust_caption(data["trust"], push),
    }
    for track in data["tracks"]:
        track["notes"] = {
            "gates": track_captions.gates_caption(track, words),
            "belt": track_captions.belt_caption(track, words),
            "gradient": track_captions.gradient_caption(track, words),
        }
    data["notes"] = captions.notes(data, columns.gap, len(columns.hidden), untraced)
