"""The page of a comparison: one HTML file that needs nothing else, for a screen in light or dark and for paper."""

from __future__ import annotations

import math

from peephole.evaluation.html_page import cards, definitions, figure_section, html_page, notes_list
from peephole.evaluation.wording import percent
from peephole.markup import escaped
from peephole.studies.bench.table import number
from peephole.studies.compare import figures
from peephole.studies.compare.page_facts import facts, meanings
from peephole.studies.compare.wording import Contender, Document, columns, steps, title


def page(document: Document) -> str:
    """Return the page of a document; the same document gives the same page.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    parts = {
        "title": escaped(title(document)),
        "lead": _lead(document),
        "notes": notes_list(notes(document)),
        "cards": cards(_cards(document)),
        "table": _table(document),
        "below": _below(document),
        "key": _key(document),
        "figures": "\n".join(_figures(document)),
        "facts": f'<dl class="facts">{definitions(facts(document).items())}</dl>',
        "meanings": definitions(meanings(document)),
    }
    styles = [("peephole.studies", "study.css"), ("peephole.studies.compare", "compare.css")]
    return html_page("peephole.studies.compare", "compare.html", styles, parts)


def notes(document: Document) -> list[str]:
    """Return what a reader must know before the numbers, one sentence each."""
    found: list[str] = []
    done = sum(len(contender["runs"]) for contender in document["contenders"])
    total = len(document["contenders"]) * len(document["seeds"])
    if not document["complete"]:
        found.append(
            f"Not finished: {done:,} of {total:,} runs are done. The same command goes on after them."
        )
    if len(document["seeds"]) < 3:
        found.append("Fewer than three seeds: a difference may be chance.")
    if diverged := sum((c["score"] or {}).get("diverged", 0) for c in document["contenders"]):
        found.append(f"{diverged:,} of {done:,} runs diverged: their loss became infinite or undefined.")
    return found


def _lead(document: Document) -> str:
    subject = document["subject"]
    if subject["kind"] == "task":
        return (
            f'<p class="lead">{escaped(subject["definition"])}</p>'
            f'<p class="soft">A sequence is right when {escaped(subject["criterion"])}. The task counts as solved when '
            f"{percent(subject['needed'])} of new sequences are. {escaped(subject['source'])}.</p>"
        )
    return (
        f'<p class="lead">{subject["training"]:,} training and {subject["development"]:,} development texts, '
        f"{len(subject['labels'])} classes. Each network has the same budget and recipe.</p>"
    )


def _cards(document: Document) -> list[tuple[str, str, str]]:
    found = _task_cards(document) if document["subject"]["kind"] == "task" else _text_cards(document)
    costs = [(c["milliseconds"]["training"], c) for c in document["contenders"] if c["milliseconds"]]
    if costs:
        cost, cheapest = min(costs, key=lambda pair: pair[0])
        found.append(("Cheapest to train", cheapest["title"], f"{number(cost)} ms for 1,000 steps"))
    longest = [
        (math.inf if c["gradient_half_life"] is None else c["gradient_half_life"], c)
        for c in document["contenders"]
        if len(c["survival"]) > 1
    ]
    if longest:
        _, best = max(longest, key=lambda pair: pair[0])
        half_life = steps(best["gradient_half_life"])
        found.append(("Gradients reach farthest", best["title"], f"half-life {half_life} steps"))
    return found


def _task_cards(document: Document) -> list[tuple[str, str, str]]:
    scored = [c for c in document["contenders"] if c["score"]]
    most = [c for c in scored if c["score"]["solved"] and 5 * c["score"]["solved"] >= 4 * len(c["runs"])]
    cards = [
        (
            "Solved by",
            f"{len(most)} of {len(scored)}",
            "contenders, from at least four fifths of their seeds",
        )
    ]
    fast = [(c["score"]["sequences"], c) for c in most]
    if fast:
        sequences, first = min(fast, key=lambda pair: pair[0])
        cards.append(("Solved soonest", first["title"], f"after {sequences:,.0f} sequences, in the median"))
    return cards


def _text_cards(document: Document) -> list[tuple[str, str, str]]:
    scored = [c for c in document["contenders"] if "accuracy" in (c["score"] or {})]
    if not scored:
        return []
    best = max(scored, key=lambda c: c["score"]["accuracy"]["value"])
    low, high = best["score"]["accuracy"]["interval"]
    value = percent(best["score"]["accuracy"]["value"])
    cards = [("Highest accuracy", best["title"], f"{value} ({100 * low:.1f} to {percent(high)})")]
    compared = [c for c in scored if c["score"].get("less_reference")]
    sure = [
        c for c in compared if (p := c["score"]["less_reference"]["accuracy"]["p"]) is not None and p < 0.05
    ]
    if compared:
        words = f"{len(sure)} of {len(compared)}"
        cards.append(("Differ from the LSTM", words, "with a p below 0.05, by texts and seeds"))
    return cards


def _table(document: Document) -> str:
    chosen = columns(document)
    head = "".join(f'<th scope="col">{escaped(column.heading)}</th>' for column in chosen)
    rows: list[str] = []
    for contender in document["contenders"]:
        cells = [_cell(contender, column.heading, *column.value(contender)) for column in chosen]
        swatch = _swatch(contender["name"])
        name = f"<span>{swatch}{escaped(contender['title'])}</span>"
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return f'<table><thead><tr><th scope="col"></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _cell(contender: Contender, heading: str, big: str, small: str) -> str:
    score = contender["score"] or {}
    done = heading == "solved" and 5 * score.get("solved", 0) >= 4 * len(contender["runs"]) > 0
    mark = ' class="solved"' if done else ""
    below = f"<small>{escaped(small)}</small>" if small else ""
    return f"<td{mark}>{escaped(big)}{below}</td>"


def _below(document: Document) -> str:
    size = document["reference_size"]
    matched = (
        f"All have as many parameters as an LSTM of {size:,} units, as nearly as whole units allow."
        if document["match"] == "parameters"
        else f"All have {size:,} units, so their parameters differ."
    )
    if document["subject"]["kind"] == "task":
        shaded = " Shaded: solved from at least four fifths of the seeds. Below “solved”: the 95 % interval of that share."
    else:
        shaded = " Accuracy and differences with 95 % intervals, by texts and seeds; differences in points."
        matched = matched.replace("parameters as", "parameters beside the vectors of tokens as")
    return f'<p class="soft">{escaped(matched + shaded)}</p>'


def _swatch(name: str) -> str:
    dashes = figures.dashes(name)
    stroke = f' stroke-dasharray="{" ".join(f"{2 * length:g}" for length in dashes)}"' if dashes else ""
    return (
        f'<svg class="swatch" viewBox="0 0 38 11" aria-hidden="true"><line x1="0" y1="5.5" x2="38" y2="5.5" '
        f'style="stroke:var(--{name});stroke-width:{1.5 * figures.line_width(name):g}"{stroke}/></svg>'
    )


def _key(document: Document) -> str:
    items = [f"<li>{_swatch(c['name'])}{escaped(c['title'])}</li>" for c in document["contenders"]]
    return f'<ul class="key" aria-label="Lines of the figures">{"".join(items)}</ul>'


def _figures(document: Document) -> list[str]:
    is_task = document["subject"]["kind"] == "task"
    drawn = (
        (
            "Score of each seed",
            figures.score_figure(document),
            "A dot is a seed, a stroke the median."
            if is_task
            else "A dot is a seed, the bar the 95 % interval of the mean; dashed: always answering the largest class.",
        ),
        (
            "Learning",
            figures.learning_figure(document),
            "A line is a seed. A dot at its end: solved, and stopped there."
            if is_task
            else "Development accuracy after each pass. A line is a seed.",
        ),
        (
            "Gradients before training",
            figures.survival_figure(document, "survival_at_start"),
            "How much of a gradient is left, so many steps back from the last: what a network has to learn from.",
        ),
        (
            "Gradients after training",
            figures.survival_figure(document, "survival"),
            "The same once it has learnt: how far back an answer looks. Medians over sequences and seeds.",
        ),
        (
            "Memory of units",
            figures.memory_figure(document),
            "Steps in which half of what a unit holds is gone, if its gates alone decide. Plain RNNs have no such gate.",
        ),
        (
            "What a step costs",
            figures.cost_figure(document),
            "Medians, taken in turn on this machine, with the compiled kernels where the cell has them.",
        ),
    )
    return [figure_section(name, svg, caption) for name, svg, caption in drawn if svg is not None]
