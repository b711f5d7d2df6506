"""An evaluation in a notebook: the same numbers as in the terminal and in the report, as tables that carry their own style."""

from __future__ import annotations

from peephole.evaluation.evaluation import Evaluation
from peephole.evaluation.wording import (
    confusions,
    headline,
    interval_words,
    percent,
    short,
    short_names,
    tokens_words,
)
from peephole.markup import element, escaped, more, see_through, table

_MOST_CLASSES = 20  # listed
_MOST_COLUMNS = 10  # of a confusion matrix; of more classes, the most frequent confusions are listed
_MOST_CONFUSIONS = 10
_NAME = 40  # characters of a class
_ACCENT = (24, 104, 190)
_HOTTEST = 0.6  # opacity of a matrix cell's colour: ink stays readable on it
_SOFT = "opacity:.75;font-size:.92em"


def evaluation_html(evaluation: Evaluation) -> str:
    """Return what a notebook shows of an evaluation: headline, classes, confusions, accuracy by length.

    However many classes there are, at most 20 are listed; how many are not is said.

    Args:
        evaluation: what `evaluate` returned.

    Example:
        >>> from peephole.evaluation import evaluate
        >>> shown = evaluation_html(evaluate([[0.9, 0.1], [0.2, 0.8]], [0, 1], ["<b>bad", "good"]))
        >>> "&lt;b&gt;bad" in shown, "<b>bad" in shown, "100.0 %" in shown
        (True, False, True)
    """
    rows = [
        (escaped(name), element("b", escaped(value)), element("span", escaped(meaning), style=_SOFT))
        for name, value, meaning in headline(evaluation, name_width=_NAME)
    ]
    parts = [table(rows, align="<><")]
    parts += [element("p", escaped(note), style="margin:.4em 0") for note in evaluation.notes]
    parts += [_title("Classes"), *_classes(evaluation), _title("Confusion"), *_confusion(evaluation)]
    if evaluation.by_length:
        parts += [_title("Accuracy by length"), _lengths(evaluation)]
    return element("div", *parts, style="line-height:1.45")


def _title(text: str) -> str:
    return element("p", element("b", text), style="margin:.8em 0 .2em")


def _classes(evaluation: Evaluation) -> list[str]:
    rows = [
        (
            _name(scores.name),
            percent(scores.precision),
            percent(scores.recall),
            percent(scores.f1),
            f"{scores.support:,}",
        )
        for scores in evaluation.per_class[:_MOST_CLASSES]
    ]
    shown = table(rows, head=("class", "precision", "recall", "F1", "texts"), align="<>>>>")
    return [shown, *more(len(evaluation.per_class) - len(rows), "classes")]


def _confusion(evaluation: Evaluation) -> list[str]:
    names = evaluation.names
    if len(names) > _MOST_COLUMNS:
        every = confusions(evaluation, len(names) ** 2)
        rows = [
            (_name(true), _name(predicted), f"{count:,}")
            for true, predicted, count in every[:_MOST_CONFUSIONS]
        ]
        shown = table(rows, head=("true class", "answer", "texts"), align="<<>")
        return [shown, *more(len(every) - len(rows), "kinds of confusion")]
    rows = [
        (element("bdi", escaped(name)), *(_count(counts, j, i == j) for j in range(len(names))))
        for i, (name, counts) in enumerate(zip(short_names(names, _NAME), evaluation.confusion, strict=True))
    ]
    heads = (element("bdi", escaped(name)) for name in short_names(names, 16))
    return [table(rows, head=("true ↓ answer →", *heads), align="<" + ">" * len(names))]


def _count(counts: tuple[int, ...], column: int, hit: bool) -> str:
    """A cell of the matrix, coloured by its share of the row."""
    share = counts[column] / sum(counts) if sum(counts) else 0.0
    frame = "outline:1px solid rgba(128,130,136,.6);outline-offset:-1px;" if hit else ""
    style = f"padding:3px 10px;border:none;text-align:right;{frame}background:{see_through(_ACCENT, _HOTTEST * share)}"
    return element("td", f"{counts[column]:,}", style=style, title=percent(share))


def _lengths(evaluation: Evaluation) -> str:
    rows = [
        (tokens_words(bin), percent(bin.accuracy), interval_words(bin.interval), f"{bin.n:,}")
        for bin in evaluation.by_length or ()
    ]
    return table(rows, head=("tokens", "accuracy", "95 % interval", "texts"), align="<>>>")


def _name(name: str) -> str:
    return element("bdi", escaped(short(name, _NAME)))
