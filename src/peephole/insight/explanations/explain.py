"""`explain`: why a classifier answers as it does, word by word."""

from __future__ import annotations

import dataclasses

from peephole.classifier import Classifier
from peephole.classifier.texts import checked
from peephole.errors import OptionError, check_choice
from peephole.insight.explanations.attribution import Attribution
from peephole.insight.explanations.case import Case
from peephole.insight.explanations.cases import case_of_text, chosen_label
from peephole.insight.explanations.explanation import Explanation
from peephole.insight.explanations.faithfulness import faithfulness as measure_faithfulness
from peephole.insight.explanations.methods import LONG, METHODS, MOST_TRACED_TOKENS, attribute, default_for
from peephole.insight.explanations.phrases import phrase_tree
from peephole.insight.texts import Reading, TracedText


def explain(
    model: Classifier,
    text: str,
    *,
    method: str = "auto",
    target: str | None = None,
    faithfulness: bool = True,
    phrases: bool = False,
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

    Raises:
        OptionError: there is no such method or label, or the model has no recurrent layer.
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
    traced, case, names = _case(model, checked(text, "explain: text"), target)
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


def _case(model: Classifier, text: str, target: str | None) -> tuple[TracedText, Case, tuple[str, str]]:
    """The text with the model's answer, the case, and the names of the target and what it is compared with."""
    reading = Reading.of(model, text)
    logits = model.logits([reading.ids])[0]
    position, other = chosen_label(model.labels, logits, target)
    case = case_of_text(model, reading.ids, reading.spans, position, other)
    return reading.answered(model, logits), case, (model.labels[position], model.labels[other])


def _explanation(traced: TracedText, method: str, names: tuple[str, str], found: Attribution) -> Explanation:
    return Explanation(
        traced, method, *names, found.value, found.base, found.scores, found.gap, found.deviation, found.note
    )
