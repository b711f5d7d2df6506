"""The report: one HTML file that needs nothing else, for a screen in light or dark and for paper.

No script, no address outside the file (a content security policy in the page says so to the browser), every
text from the data escaped.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence

from peephole.errors import OptionError
from peephole.evaluation.checks import check_file_path
from peephole.evaluation.drawing import drawing_modules
from peephole.evaluation.errors_file import Mistake
from peephole.evaluation.evaluation import Evaluation
from peephole.evaluation.figures import (
    History,
    finite,
    learning_curve,
    length_diagram,
    reliability_diagram,
)
from peephole.evaluation.html_page import cards, definitions, figure_section, html_page, notes_list
from peephole.evaluation.wording import headline, percent
from peephole.files import replacing
from peephole.markup import escaped

_HEAD, _TAIL = 480, 180  # characters of a long misjudged text that are shown, from its two ends
_MANY = 7  # from so many classes on the matrix turns its column names and leaves the shares out
_HOTTEST = 0.55  # of a matrix cell's colour: ink stays readable on it in light and dark

_MEANINGS = (
    (
        "Accuracy",
        "The share of texts that were judged right. Its interval is Wilson's: 95 of 100 such intervals hold the "
        "accuracy that would be seen on endlessly many texts of this kind.",
    ),
    ("Baseline", "The accuracy of always answering the class that most of these texts have."),
    (
        "Precision, recall, F1",
        "Precision: of the texts given this class, the share that has it (0 for a class that is never given). "
        "Recall: of the texts that have this class, the share that was given it. F1 is their harmonic mean; "
        "macro-F1 is the mean of the classes' F1.",
    ),
    (
        "ROC-AUC",
        "Take a text of each of two classes: how often the model gives the right one of the two the higher "
        "probability. 0.5 is guessing, 1 is never wrong.",
    ),
    (
        "Log-loss",
        "The mean of −ln p, p being the probability given to the true class. It punishes confident mistakes.",
    ),
    (
        "Calibration error",
        "Texts are grouped into 15 bins by the probability of the answer; the error is the mean distance between "
        "that probability and the share of right answers, weighted by the texts of each bin. Cross-fitted: each "
        "half of the texts is measured under the temperature fitted on the other half.",
    ),
)


def write_report(
    path: str | os.PathLike[str],
    evaluation: Evaluation,
    *,
    title: str = "Evaluation",
    facts: Mapping[str, str] | None = None,
    history: History | None = None,
    mistakes: Sequence[Mistake] = (),
    most_mistakes: int = 20,
) -> None:
    """Write `report_html` of the same arguments to a file (UTF-8), whole or not at all.

    Raises:
        MissingExtra: matplotlib is not installed.
        OptionError: as `check_report_path`, or as `report_html`.
    """
    check_report_path(path)
    page = report_html(
        evaluation, title=title, facts=facts, history=history, mistakes=mistakes, most_mistakes=most_mistakes
    )
    with replacing(os.fspath(path), path) as file:
        file.write(page)


def check_report_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that `write_report` cannot write to: to be called before the work that the report is of.

    Raises:
        MissingExtra: matplotlib, which draws the figures, is not installed.
        OptionError: the folder does not exist, or `path` is a folder.
    """
    check_file_path(path)
    drawing_modules()


def report_html(
    evaluation: Evaluation,
    *,
    title: str = "Evaluation",
    facts: Mapping[str, str] | None = None,
    history: History | None = None,
    mistakes: Sequence[Mistake] = (),
    most_mistakes: int = 20,
) -> str:
    """Return the report as one HTML page; the same arguments give the same page.

    Args:
        evaluation: what `evaluate` returned.
        title: heading of the page.
        facts: what was evaluated on what, as name and value, shown under the heading in their order.
        history: of the training, for the learning curve; see `History`.
        mistakes: misjudged texts, as `find_mistakes` orders them: most confident first. Long ones are shown
            by their beginning and end.
        most_mistakes: how many of them are shown; 0 or more.

    Raises:
        MissingExtra: matplotlib is not installed.
        OptionError: `most_mistakes` is negative, or an entry of `history` is not a number.
    """
    if most_mistakes < 0:
        raise OptionError(f"report_html: most_mistakes must be 0 or more; got {most_mistakes}")
    parts = {
        "title": escaped(title),
        "facts": f'<dl class="facts">{definitions(facts.items())}</dl>' if facts else "",
        "cards": cards(headline(evaluation, name_width=80)),
        "notes": notes_list(evaluation.notes),
        "stacked": " stacked" if len(evaluation.names) >= _MANY else "",
        "classes": _classes(evaluation),
        "confusion": _confusion(evaluation),
        "figures": "\n".join(_figures(evaluation, history)),
        "mistakes": _mistakes(evaluation, mistakes, most_mistakes),
        "meanings": definitions(_MEANINGS),
    }
    return html_page("peephole.evaluation", "report.html", [("peephole.evaluation", "report.css")], parts)


def _classes(evaluation: Evaluation) -> str:
    rows = [
        f'<tr><th scope="row"><bdi>{escaped(scores.name)}</bdi></th>'
        f"<td>{_barred(scores.precision)}</td><td>{_barred(scores.recall)}</td><td>{_barred(scores.f1)}</td>"
        f"<td>{scores.support:,}</td></tr>"
        for scores in evaluation.per_class
    ]
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Class", "Precision", "Recall", "F1", "Texts"))
    return f'<table class="scores"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _barred(share: float | None) -> str:
    if share is None:
        return percent(share)
    return f'{percent(share)}<span class="bar" aria-hidden="true"><i style="width:{100 * share:.1f}%"></i></span>'


def _confusion(evaluation: Evaluation) -> str:
    """Return the matrix as a table: it can be read aloud and copied, and it takes any class name."""
    many = len(evaluation.names) >= _MANY
    head = "".join(
        f'<th scope="col"><span><bdi>{escaped(name)}</bdi></span></th>' for name in evaluation.names
    )
    rows: list[str] = []
    for i, name in enumerate(evaluation.names):
        total = sum(evaluation.confusion[i])
        cells: list[str] = []
        for j, count in enumerate(evaluation.confusion[i]):
            share = count / total if total else 0.0
            hit = ' class="hit"' if i == j else ""
            small = "" if many else f"<small>{percent(share if total else None)}</small>"
            hover = (
                f"{escaped(name)} answered as {escaped(evaluation.names[j])}: {count:,} ({percent(share)})"
            )
            cells.append(
                f'<td{hit} style="--heat:{_HOTTEST * share:.3f}" title="{hover}">{count:,}{small}</td>'
            )
        rows.append(f'<tr><th scope="row"><span><bdi>{escaped(name)}</bdi></span></th>{"".join(cells)}</tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">'
        f'<table class="matrix{" many" if many else ""}"><thead><tr><th class="corner">true ↓ answer →</th>{head}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
        '<p class="soft">Colour: the share of the row’s texts. On the diagonal, framed: right answers.</p>'
    )


def _figures(evaluation: Evaluation, history: History | None) -> list[str]:
    figures = [
        figure_section(
            "Reliability",
            reliability_diagram(evaluation),
            "How often answers of each probability are right. Points below the dashed line: more confident than "
            f"right. The lower part counts the texts. Calibration error: {percent(evaluation.calibration_error)}.",
        )
    ]
    lengths = length_diagram(evaluation)
    if lengths is not None:
        caption = f"The dashed line is the accuracy on all texts, {percent(evaluation.accuracy)}."
        figures.append(figure_section("Accuracy by length", lengths, caption))
    curve = None if history is None else learning_curve(history)
    if history is not None and curve is not None:
        figures.append(figure_section("Learning curve", curve, _training_words(history)))
    return figures


def _training_words(history: History) -> str:
    words: list[str] = []
    scored = [
        (share, entry) for entry in history if (share := finite(entry, "development_accuracy")) is not None
    ]
    if scored:
        share, entry = max(scored, key=lambda pair: pair[0])
        place = next(
            (
                f" at {unit} {value:,g}"
                for unit in ("epoch", "step")
                if (value := finite(entry, unit)) is not None
            ),
            "",
        )
        words.append(f"Best development accuracy: {percent(share)}{place}.")
    speeds = [speed for entry in history if (speed := finite(entry, "tokens_per_second")) is not None]
    if speeds:
        words.append(f"Median speed: {statistics.median(speeds):,.0f} tokens per second.")
    words.append(
        "The training loss may hold label smoothing and dropout: compare its course, not its height."
    )
    return " ".join(words)


def _mistakes(evaluation: Evaluation, mistakes: Sequence[Mistake], most: int) -> str:
    shown = mistakes[:most]
    if not shown:
        return ""
    rows = [
        f'<tr><td data-name="answered"><b>{escaped(mistake.predicted)}</b> {percent(mistake.probability)}</td>'
        f'<td data-name="is"><b>{escaped(mistake.label)}</b></td><td dir="auto">{_shortened(mistake.text)}</td></tr>'
        for mistake in shown
    ]
    wrong = evaluation.n - evaluation.correct
    return (
        '<section class="long"><h2>Most confident mistakes</h2>'
        f'<p class="soft">{len(shown):,} of {wrong:,} misjudged texts. Look here first: for wrong labels, irony, '
        "and what the model has not learnt.</p>"
        '<table class="mistakes"><thead><tr><th scope="col">Answer</th><th scope="col">True class</th>'
        f'<th scope="col">Text</th></tr></thead><tbody>{"".join(rows)}</tbody></table></section>'
    )


def _shortened(text: str) -> str:
    left_out = len(text) - _HEAD - _TAIL
    if left_out <= 0:
        return escaped(text)
    gap = f'<span class="gap"> … {left_out:,} characters … </span>'
    return escaped(text[:_HEAD]) + gap + escaped(text[-_TAIL:])
