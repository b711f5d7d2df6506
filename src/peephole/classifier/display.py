"""A classifier in a notebook: what it is made of, its scores, and what runs it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from peephole.classifier.card import STORED, facts, preprocessing_line, stage_line
from peephole.classifier.stages import Recurrent
from peephole.markup import element, escaped, table
from peephole.ops import choose_backend

if TYPE_CHECKING:
    from peephole.classifier.model import Classifier

_MOST_LABELS, _MOST_SCORES = 20, 24
_NO_SCORE = ("learning_curve", "command")  # which the model card tells, with the seconds that the run took
_LINE = 200  # characters of a line of a card


def classifier_html(classifier: Classifier) -> str:
    """Return what a notebook shows of a classifier.

    Args:
        classifier: any.

    Example:
        >>> import peephole
        >>> shown = classifier_html(peephole.load())
        >>> "lstm: 1 layer of 192 units, both directions" in shown
        True
    """
    config = classifier.config
    labels = [element("bdi", escaped(label[:_LINE])) for label in config.labels[:_MOST_LABELS]]
    labels += [f"… {len(config.labels) - _MOST_LABELS:,} more"] if len(config.labels) > _MOST_LABELS else []
    stages = [line for stage in config.stages if (line := stage_line(stage))]
    rows = [
        ("labels", ", ".join(labels)),
        ("reads", escaped(preprocessing_line(config))),
        ("stages", "<br>".join(escaped(line) for line in stages)),
        ("parameters", f"{config.parameters():,}, stored as {escaped(STORED[config.storage])}"),
        ("temperature", f"{config.temperature:.4g}"),
        ("runs", escaped(_backend(classifier))),
    ]
    parts = [element("p", element("b", "Classifier"), style="margin:.2em 0"), table(rows, align="<<")]
    known = {name: value for name, value in config.metrics.items() if name not in _NO_SCORE}
    scores = [line.replace("- ", "", 1) for line in facts(known)]
    if scores:
        shown = itertools.islice(scores, _MOST_SCORES)
        text = "\n".join(escaped(line[:_LINE]) for line in shown)
        more = f"\n… {len(scores) - _MOST_SCORES:,} more" if len(scores) > _MOST_SCORES else ""
        style = "margin:.2em 0 0 8px;padding:0;background:transparent;color:inherit;white-space:pre-wrap"
        parts.append(
            element(
                "details",
                element("summary", "scores on record", style="cursor:pointer;padding-left:8px"),
                element("pre", text + more, style=style),
            )
        )
    return element("div", *parts, style="line-height:1.45")


def _backend(classifier: Classifier) -> str:
    """Which backend runs its recurrent layers, and why others were passed over."""
    layers = [stage for stage in classifier.config.stages if isinstance(stage, Recurrent)]
    if not layers:
        return "as matrix products; it has no recurrent layer"
    choice = choose_backend(layers[0].make_cell(), backend=classifier.backend, array="numpy")
    return "; ".join([choice.name, *(f"not {name}: {why}" for name, why in choice.refused.items())])
