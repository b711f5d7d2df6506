"""The page of a search: one HTML file that needs nothing else, for a screen in light or dark and for paper."""

from __future__ import annotations

from typing import Any

from peephole.evaluation.html_page import cards, definitions, figure_section, html_page, notes_list
from peephole.evaluation.wording import MISSING, percent
from peephole.markup import escaped
from peephole.studies.bench.table import Table
from peephole.studies.tune import figures
from peephole.studies.tune.figures import Document

_SHOWN = 10  # trials of the table in a terminal
_ENDINGS = {
    "complete": "ran to its end",
    "patience": "the score had stopped rising",
    "pruned": "ended early: behind the others",
    "diverged": "diverged",
}


def page(document: Document) -> str:
    """Return the page of a document; the same document gives the same page.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    drawn = (
        (
            "Trials",
            figures.trials_figure(document),
            "Score on the development texts, in the order of the trials.",
        ),
        (
            "Learning",
            figures.learning_figure(document),
            "Score after each pass. The bold line is the best trial.",
        ),
        (
            "Settings",
            figures.settings_figure(document),
            "The score over each setting, the others being what they were: a slope here need not be a cause.",
        ),
    )
    parts = {
        "title": escaped(title(document)),
        "lead": f'<p class="lead">{document["training"]:,} training and {document["development"]:,} development texts, '
        f"{len(document['labels'])} classes.</p>",
        "notes": notes_list(notes(document)),
        "cards": cards(_cards(document)),
        "table": _html_table(document),
        "figures": "\n".join(
            figure_section(name, svg, words) for name, svg, words in drawn if svg is not None
        ),
        "facts": f'<dl class="facts">{definitions(_facts(document))}</dl>',
    }
    return html_page("peephole.studies.tune", "tune.html", [("peephole.studies", "study.css")], parts)


def title(document: Document) -> str:
    """Return the heading of a search."""
    return f"A search of the recipe on {document['title']}"


def notes(document: Document) -> list[str]:
    """Return what a reader must know before the numbers, one sentence each."""
    done = len(document["trials"])
    found = [
        "The best of many trials owes some of its score to luck on these development texts: judge it by texts that took no part."
    ]
    if not document["complete"]:
        found.insert(
            0, f"Not finished: {done:,} of {document['asked']:,} trials have ended. The same command goes on."
        )
    return found


def table(document: Document) -> Table:
    """Return the best trials for a terminal."""
    names = list(document["space"])
    rows = [
        (str(number), percent(trial["score"]), *(_written(trial["values"][name]) for name in names))
        for number, trial in _ranked(document)[:_SHOWN]
    ]
    heading = document["score"].replace("_", "-")
    return Table(
        title(document), ("<trial", heading, *(name.replace("_", " ") for name in names)), tuple(rows)
    )


def _ranked(document: Document) -> list[tuple[int, dict[str, Any]]]:
    """Return the trials with their numbers from 1, the best first, those that did not run to their end last."""
    numbered = list(enumerate(document["trials"], 1))
    return sorted(
        numbered,
        key=lambda pair: (
            pair[1]["ending"] in ("pruned", "diverged"),
            -pair[1]["score"],
            pair[1]["log_loss"] or 0.0,
        ),
    )


def _cards(document: Document) -> list[tuple[str, str, str]]:
    trials = document["trials"]
    early = sum(trial["ending"] == "pruned" for trial in trials)
    minutes = sum(trial["seconds"] for trial in trials) / 60
    found = [("Trials", f"{len(trials):,}", f"{early:,} ended early; {minutes:.0f} minutes in all")]
    if document["best"] is not None:
        best = trials[document["best"]]
        name = document["score"].replace("_", "-")
        found.insert(0, (f"Best {name}", percent(best["score"]), f"trial {document['best'] + 1}"))
        first = trials[0]
        if first["ending"] in ("complete", "patience"):
            found.append(("The recipe it began with", percent(first["score"]), "trial 1"))
    return found


def _html_table(document: Document) -> str:
    names = list(document["space"])
    heads = ["trial", document["score"].replace("_", "-"), *(name.replace("_", " ") for name in names), ""]
    head = "".join(f'<th scope="col">{escaped(words)}</th>' for words in heads)
    rows: list[str] = []
    for number, trial in _ranked(document):
        best = ' class="best"' if number - 1 == document["best"] else ""
        score = MISSING if trial["ending"] == "diverged" else percent(trial["score"])
        cells = [score, *(_written(trial["values"][name]) for name in names), _ENDINGS[trial["ending"]]]
        made = "".join(f"<td>{escaped(cell)}</td>" for cell in cells)
        rows.append(f'<tr{best}><th scope="row">{number}</th>{made}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _facts(document: Document) -> list[tuple[str, str]]:
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    return [
        ("Command", document["command"] or MISSING),
        (
            "Searched",
            "; ".join(f"{name.replace('_', ' ')} {words}" for name, words in document["space"].items()),
        ),
        (
            "Sampler",
            f"tree-structured Parzen estimators, seed {document['seed']}; the first trial is the recipe itself",
        ),
        ("Ended early", "trials that are behind the median of the others after a pass, from the second on"),
        ("Machine", ", ".join(f"{name} {value}" for name, value in machine.items())),
        ("Versions", versions),
        ("Date", document["date"]),
        ("Texts", f"SHA-256 {document['sha256']}"),
    ]


def _written(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"
