"""`explain`: why a classifier answers as it does, word by word."""

from __future__ import annotations

import dataclasses

import numpy as np

from peephole.classifier import Classifier
from peephole.classifier.texts import checked
from peephole.errors import OptionError, check_choice
from peephole.insight.explanations.attribution import Attribution
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.cases import case_of_text, chosen_label, held_text
from peephole.insight.explanations.explanation import Explanation
from peephole.insight.explanations.faithfulness import faithfulness as measure_faithfulness
from peephole.insight.explanations.methods import LONG, METHODS, MOST_TRACED_TOKENS, attribute, default_for
from peephole.insight.explanations.phrases import phrase_tree
from peephole.insight.holds import Held
from peephole.insight.texts import Reading, TracedText


def explain(
    model: Classifier,
    text: str,
    *,
    method: str = "auto",
    target: str | None = None,
    faithfulness: bool = True,
    phrases: bool = False,
    held: Held | None = None,
) -> Explanation:
    """Explain a classifier's answer: a score for each word, and how far the scores can be trusted.

    What is explained is the margin: the logit of the target less that of the strongest other label, before the temperature.

    Args:
        model: a classifier with a recurrent layer.
        text: any text. One without words has no scores. Time and memory are bounded: in a text that is too long for a method,
            words are taken in groups, or the method is replaced by integrated gradients; the note says so.
        method: ``"auto"``, the one that measured best (docs/explanation/explanations.md): Shapley values, or integrated gradients
            in a text of more than some 300 words; or a name from `methods`.
        target: the label to explain; None: the most probable one.
        faithfulness: whether to delete the highest words and run the model again, some hundreds of times.
        phrases: whether to make the tree of phrases, for a text of at most 100 words.
        held: values to hold in every run, as `peephole.clamp` takes them: what is explained is the model with these values
            held. A step takes along what is held at it when words before it are deleted.

    Raises:
        OptionError: there is no such method, label or value; the model has no recurrent layer; or values are held, and the
            method or the phrases take the equations apart, which must be free then.
        TextTypeError: the text is no `str`.
        BackendUnavailable: integrated gradients without compiled kernels.

    Example:
        >>> import peephole
        >>> from peephole.insight.explanations import explain
        >>> found = explain(peephole.load(), "Not bad at all.", faithfulness=False)
        >>> found.target, [word.text for word in found.text.words]
        ('positive', ['Not', 'bad', 'at', 'all', '.'])
    """
    if not isinstance(model, Classifier):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise OptionError(
            f"explain: model must be a Classifier; got {type(model).__name__}",
            hint="peephole.load() gives one",
        )
    check_choice("explain", "method", method, ("auto", *METHODS))
    if held:
        _check_held(method, phrases)
    traced, case, names = _case(model, checked(text, "explain: text"), target, held)
    name = default_for(case) if method == "auto" else method
    too_long = METHODS[name].traced and case.steps > MOST_TRACED_TOKENS
    found = attribute(case, LONG if too_long else name)
    if too_long:
        why = f"{name} is for texts of at most {MOST_TRACED_TOKENS:,} tokens, and this has {case.steps:,}: {LONG} instead; "
        found, name = dataclasses.replace(found, note=why + found.note), LONG
    tree = phrase_tree(case) if phrases else None
    made = _explanation(traced, name, names, found)
    return dataclasses.replace(
        made, faithfulness=measure_faithfulness(case, found.scores) if faithfulness else None, phrases=tree
    )


def _check_held(method: str, phrases: bool) -> None:
    free = [name for name, one in METHODS.items() if not one.traced]
    if phrases or method not in ("auto", *free):
        got = "phrases" if phrases else f"{method!r}"
        raise OptionError(
            f"explain: while values are held, method must be one of {', '.join(free)}, without phrases; got {got}",
            hint="what takes the equations apart needs all their values free",
        )


def _case(
    model: Classifier, text: str, target: str | None, held: Held | None
) -> tuple[TracedText, Case, tuple[str, str]]:
    """The text with the model's answer, the case, and the names of the target and what it is compared with."""
    reading = Reading.of(model, text)
    again = held_text(model, reading.ids, held, "explain") if held else None
    whole = np.arange(len(reading.ids))
    logits = (model.logits([reading.ids]) if again is None else again.outputs([whole]))[0]
    position, other = chosen_label(model.labels, logits, target)
    case = case_of_text(model, reading.ids, reading.spans, position, other, again)
    return reading.answered(model, logits), case, (model.labels[position], model.labels[other])


def _explanation(traced: TracedText, method: str, names: tuple[str, str], found: Attribution) -> Explanation:
    return Explanation(
        traced, method, *names, found.value, found.base, found.scores, found.gap, found.deviation, found.note
    )
