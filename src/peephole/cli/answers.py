"""What ``peephole predict`` does with its arguments. Nothing here imports the command-line library: see `quick`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from peephole.cli import output
from peephole.cli.sources import is_source, refuse_reading
from peephole.errors import DataError, OptionError
from peephole.files import json_line

if TYPE_CHECKING:
    from peephole.classifier import Prediction


def answer(
    texts: Sequence[str] = (),
    *,
    model: str | None = None,
    text: bool = False,
    top_k: int = 1,
    neutral: float = 0.0,
    jsonl: bool = False,
    as_json: bool = False,
    text_column: str | None = None,
    where: Mapping[str, str] | None = None,
    format: str | None = None,
) -> None:
    """Label texts and print a record for each; arguments as `peephole.cli.predict.predict` explains them."""
    from peephole.classifier import load

    if as_json and jsonl:
        raise OptionError("predict: --json and --jsonl exclude each other; got both")
    if neutral and top_k > 1:
        raise OptionError(
            "predict: --neutral and --top-k exclude each other; got both",
            hint="with --neutral, --json and --jsonl list both probabilities",
        )
    if not texts and sys.stdin.isatty():
        raise OptionError("predict: no text was given", hint='peephole predict "A fine film."')
    reads = [argument for argument in texts or ["-"] if not text and is_source(argument, "predict")]
    reading = {"text_column": text_column, "where": dict(where or {}), "format": format}
    if not reads:
        refuse_reading(reading, "predict")
    classifier = load(model)
    given = _Texts(texts or ["-"], text, reading)
    # Somebody who types wants an answer to each line, not to each thousand.
    block = 1 if sys.stdin.isatty() and "-" in reads else 1024
    records = classifier.predict(given, top_k=None if neutral else top_k, neutral=neutral, block=block)
    if as_json:
        output.print_json([_record(record) for record in records])
        records = iter(())
    for record in records:
        line = json_line(_record(record)) if jsonl else _plain(record, top_k)
        sys.stdout.write(line + "\n")
        if block == 1:
            sys.stdout.flush()
    if given.error is not None:
        sys.stdout.flush()
        raise given.error


class _Texts:
    """The texts of all arguments in order. Those before a bad record are answered before its error is shown."""

    def __init__(self, arguments: Sequence[str], take_as_texts: bool, options: dict[str, Any]) -> None:
        self.error: DataError | None = None
        self._arguments, self._take_as_texts, self._options = arguments, take_as_texts, options

    def __iter__(self) -> Iterator[str]:
        for argument in self._arguments:
            if self._take_as_texts or not is_source(argument, "predict"):
                yield argument
                continue
            from peephole.reading import read

            try:
                for record in read(argument, labels="absent", keep_empty=True, **self._options):
                    yield record.text
            except DataError as error:
                self.error = error
                return


def _record(prediction: Prediction) -> dict[str, object]:
    return {
        "label": prediction.label,
        "probability": round(prediction.probability, 6),
        "probabilities": {label: round(p, 6) for label, p in prediction.probabilities.items()},
        "text": prediction.text,
    }


def _plain(prediction: Prediction, top_k: int) -> str:
    answers = [(prediction.label, prediction.probability), *list(prediction.probabilities.items())[1:top_k]]
    fields = [f"{label}\t{p:.4f}" for label, p in answers]
    if output.is_terminal():
        room = max(20, output.columns() - 24 * len(fields))
        fields.append(output.one_line(prediction.text, room))
    return "\t".join(fields)
