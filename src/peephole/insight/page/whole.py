"""From a text to its explanation and its page, in one call."""

from __future__ import annotations

from peephole.classifier import Classifier
from peephole.insight.explanations import Explanation, explain
from peephole.insight.explanations.methods import MOST_TRACED_TOKENS
from peephole.insight.holds import Held
from peephole.insight.page.data import page_data
from peephole.insight.page.schema import PageData
from peephole.insight.tracing import clamp, trace


def explained_page(
    model: Classifier,
    text: str,
    *,
    method: str = "auto",
    target: str | None = None,
    faithfulness: bool = True,
    phrases: bool = True,
    title: str | None = None,
    held: Held | None = None,
) -> tuple[Explanation, PageData]:
    """Explain a text, look into the model while it reads it, and return the explanation with the document of its page.

    A text of more than `MOST_TRACED_TOKENS` is explained, and its gates are left out; a note on the page says so.

    Args:
        model: a classifier with a recurrent layer.
        text: any text.
        method: as `peephole.insight.explanations.explain` takes it; and so are the next three.
        target: likewise.
        faithfulness: likewise.
        phrases: likewise.
        title: of the page; by default, made of the verdict.
        held: values to hold, as `peephole.clamp` takes them, in the explanation and in what is looked into.

    Raises:
        OptionError, TextTypeError, BackendUnavailable: as `explain`.

    Example:
        >>> import peephole
        >>> found, data = explained_page(peephole.load(), "Not bad at all.", faithfulness=False, phrases=False)
        >>> found.target, len(data["tracks"])
        ('positive', 2)
    """
    found = explain(
        model, text, method=method, target=target, faithfulness=faithfulness, phrases=phrases, held=held
    )
    count = len(found.text.tokens)
    if count > MOST_TRACED_TOKENS:
        why = f"this text has {count:,} tokens, and the values of at most {MOST_TRACED_TOKENS:,} are kept"
        return found, page_data(None, found, title=title, untraced=why)
    traced = clamp(model, text, held) if held else trace(model, text)
    return found, page_data(traced, found, title=title)
