"""``peephole explain``: why the model answers as it does, word by word and gate by gate."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peephole.cli import completion, output
from peephole.cli.guard import say
from peephole.cli.options import AsText, Format, Json, Model, TextColumn, Where, conditions
from peephole.cli.sources import is_source, refuse_reading
from peephole.cli.styles import terminal_style
from peephole.errors import OptionError

if TYPE_CHECKING:
    from peephole.classifier import Classifier
    from peephole.insight.explanations import Explanation, WordScore
    from peephole.insight.page import PageData

_SEVERAL = "Several texts"


def explain(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="A text, a file or a folder; - or nothing: standard input, a text on each line",
            show_default=False,
        ),
    ] = "-",
    model: Model = None,
    method: Annotated[
        str,
        typer.Option(
            help="shapley, decomposition, integrated-gradients, leave-one-out or conveyor; auto: the first, or in long texts "
            "the third",
            autocompletion=completion.among(completion.METHODS),
        ),
    ] = "auto",
    target: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Label to explain [default: the most probable one]",
            autocompletion=completion.labels,
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write a page with every gate and unit: one HTML file that needs no network"
        ),
    ] = None,
    as_json: Json = False,
    as_text: AsText = False,
    top: Annotated[int, typer.Option(min=1, help="Words of each label", rich_help_panel=_SEVERAL)] = 20,
    min_count: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Leave out words met less often [default: 5; with fewer than 200 texts 2, with fewer than 20 1]",
            show_default=False,
            rich_help_panel=_SEVERAL,
        ),
    ] = None,
    text_column: TextColumn = None,
    where: Where = None,
    format: Format = None,
) -> None:
    r"""Show why: the words that decide, what each gate did at each word, and how far that can be trusted.

    Of one text, words are shaded by what they push towards, with a strip for each gate; where the output is no terminal, it is a
    table with tabs. Of a file with several texts, the words that matter most for each label.

    Examples:
        # The words of a sentence, shaded
        peephole explain "Not bad at all."

        # A page with every gate, to open in a browser
        peephole explain "The plot is thin, but the cast is warm." --html why.html

        # What speaks for the other label, by another method
        peephole explain "Not bad at all." --target negative --method leave-one-out

        # The words that matter most in a file of texts
        peephole explain reviews.csv --model my-model --top 10
    """
    from peephole.classifier import load

    reading = {"text_column": text_column, "where": conditions(where), "format": format}
    texts = _texts(text, as_text, reading)
    first = list(itertools.islice(texts, 2))
    classifier = load(model)
    if len(first) == 1:
        for name, value in (("--top", top != 20), ("--min-count", min_count is not None)):
            if value:
                raise OptionError(f"explain: {name} is for several texts; got one text")
        _explain_one(classifier, first[0], method, target, html, as_json)
        return
    if html is not None or target is not None:
        name = "--html" if html is not None else "--target"
        raise OptionError(f"explain: {name} is for one text; {text} has several", hint="give the text itself")
    _explain_several(classifier, itertools.chain(first, texts), method, top, min_count, as_json)


def _texts(argument: str, as_text: bool, reading: Mapping[str, Any]) -> Iterator[str]:
    """The text, or those of the file that it names."""
    if as_text or not is_source(argument, "explain"):
        refuse_reading(reading, "explain")
        return iter([argument])
    if argument == "-" and sys.stdin.isatty():
        raise OptionError("explain: no text was given", hint='peephole explain "A fine film."')
    from peephole.reading import read

    return (record.text for record in read(argument, labels="absent", keep_empty=True, **reading))


def _explain_one(
    classifier: Classifier, text: str, method: str, target: str | None, html: Path | None, as_json: bool
) -> None:
    from peephole.insight.page import explained_page, page_html
    from peephole.insight.terminal import table_text, terminal_text

    if html is not None:
        from peephole.evaluation.checks import check_file_path

        check_file_path(html)  # before the work that the page is of
    found, data = explained_page(classifier, text, method=method, target=target)
    if html is not None:
        from peephole.files import replacing

        with replacing("explain: --html", html) as file:
            file.write(page_html(data))
        say(f"wrote {html}")
    if as_json:
        output.print_json(document(found, data))
    else:
        _write(terminal_text(data, terminal_style()) if output.is_terminal() else table_text(data))


def document(found: Explanation, data: PageData) -> dict[str, Any]:
    """Return what ``--json`` prints of one text: the explanation, and of each track what its gates did at each token."""
    tracks = [
        {
            "name": track["name"],
            "gates": {gate["role"]: gate["mean"] for gate in track["gates"]},
            "put": None if track["belt"] is None else track["belt"]["put_size"],
            "left": None if track["belt"] is None else track["belt"]["left_size"],
            "gradient": None if track["gradient"] is None else track["gradient"]["total"],
        }
        for track in data["tracks"]
    ]
    return {**found.to_dict(), "tokens": data["tokens"], "tracks": tracks, "notes": data["notes"]}


def _explain_several(
    classifier: Classifier, texts: Iterator[str], method: str, top: int, min_count: int | None, as_json: bool
) -> None:
    from peephole.insight.explanations import words_that_matter

    head = list(itertools.islice(texts, 200))
    least = min_count or (5 if len(head) == 200 else 2 if len(head) >= 20 else 1)
    counted = _counted(itertools.chain(head, texts))
    found = words_that_matter(classifier, counted, method=method, top=top, min_count=least)
    if as_json:
        output.print_json(
            {label: [dataclasses.asdict(word) for word in words] for label, words in found.items()}
        )
        return
    _write(_corpus_text(found, least))


def _corpus_text(found: Mapping[str, Sequence[WordScore]], least: int) -> str:
    from peephole.insight.visible import cells, fitted, visible

    if not output.is_terminal():
        rows = [("label", "word", "score", "count")]
        for label, words in found.items():
            rows += [
                (visible(label), visible(word.word), f"{word.score:.4f}", str(word.count)) for word in words
            ]
        return "".join("\t".join(row) + "\n" for row in rows)
    lines: list[str] = []
    largest = max((abs(word.score) for words in found.values() for word in words), default=1.0) or 1.0
    bar = "█" if terminal_style().blocks else "#"
    for label, words in found.items():
        lines.append(f"Words that push most towards {visible(label)}, where the model says so")
        for word in words:
            text = fitted(visible(word.word), 24)
            filled = bar * max(0, round(20 * word.score / largest))
            lines.append(
                f"  {text}{' ' * (24 - cells(text))} {word.score:+7.2f}  {filled:<20}  {word.count:,} times"
            )
        if not words:
            lines.append(f"  none was met {least} times there; --min-count 1 counts every word")
        lines.append("")
    return "\n".join(lines)


def _counted(texts: Iterator[str]) -> Iterator[str]:
    """The texts; on a terminal, with their number as they pass."""
    shown = sys.stderr.isatty()
    for count, text in enumerate(texts, 1):
        if shown:
            sys.stderr.write(f"\r{count:,} texts")
            sys.stderr.flush()
        yield text
    if shown:
        sys.stderr.write("\r\x1b[K")


def _write(text: str) -> None:
    """Print a text; what the output's encoding lacks becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
