"""The program `peephole`: its commands, one file each, imported when they are asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from peephole.cli.quick import quick_arguments

# Command → the first sentence of its help, so that a list of the commands needs none of them.
COMMANDS = {
    "predict": "Label texts: one record out for each text in, in the same order.",
    "explain": "Show why: the words that decide, what each gate did at each word, and how far that can be trusted.",
    "evaluate": "Score a model: accuracy with its interval, F1 by class, confusion, calibration.",
    "train": "Train a classifier on your own texts. The defaults suit reviews, tweets and questions alike.",
    "pretrain": "Learn a language from texts without labels, as a start for classifiers: `peephole train --from LM`.",
    "convert": "Store a model in float16 or int8, a half or a quarter of the size; the scores in its card stay those of the "
    "original.",
    "export": "Write a model as ONNX: a graph of standard operators, its tokenizer, its labels and its card.",
    "push": "Put a model on the Hugging Face Hub, with a card that gives the scores of its own record.",
    "serve": "Answer over HTTP: POST /predict, POST /explain, GET /models, /health, /ready, /metrics and /openapi.json.",
    "compare": "Compare RNN, LSTM, peephole LSTM and GRU under one budget, from several seeds: one HTML report, and JSON.",
    "tune": "Search the recipe: trials on the same texts, judged by their development part; the first is the recipe as given.",
    "demo": "Train, evaluate and use a small LSTM on a built-in sample of synthetic reviews. Needs no network.",
    "bench": "Time our recurrent layers beside others, in turn. What is wrong gets no time.",
    "info": "Show versions, backends, threads, models and extras of this installation.",
}


def asked(arguments: Sequence[str]) -> str | None:
    """Return the command that a command line calls; None where it calls none, for the help and for mistakes.

    >>> asked(["--debug", "predict", "info"])
    'predict'
    """
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    return first if first in COMMANDS else None


def typed(environment: Mapping[str, str]) -> list[str] | None:
    r"""Return the finished words of a line that a shell wants completed, the program left out; None where it wants nothing.

    Only the command is looked for in them, and no command has quotes in its name: they are left as they are.

    Args:
        environment: with what the scripts of ``--show-completion`` set.

    >>> typed({"_PEEPHOLE_COMPLETE": "complete_bash", "COMP_WORDS": "peephole\ntrain\n--ce", "COMP_CWORD": "2"})
    ['train']
    """
    if "_PEEPHOLE_COMPLETE" not in environment:
        return None
    if "COMP_WORDS" in environment:  # bash
        count = environment.get("COMP_CWORD", "")
        return environment["COMP_WORDS"].split()[1 : int(count) if count.isdecimal() else None]
    line = environment.get("_TYPER_COMPLETE_ARGS", "")
    return line.split()[1:] if line.endswith((" ", "\t")) else line.split()[1:-1]


def main() -> None:
    """Run the program."""
    words = typed(os.environ)
    arguments = sys.argv[1:] if words is None else words
    quick = quick_arguments(arguments) if words is None else None
    if quick is not None:
        from peephole.cli.answers import answer
        from peephole.cli.status import status_of

        sys.exit(status_of(lambda: answer(**quick)))
    from peephole.cli.program import program
    from peephole.cli.voice import is_one_of_several

    command = asked(arguments)
    made = program(COMMANDS, () if command is None else (command,))
    if is_one_of_several():
        from peephole.cli.program import run_with_others

        sys.exit(run_with_others(made))
    made()


def __getattr__(name: str) -> object:
    if name == "app":
        from peephole.cli.program import program

        return program(COMMANDS, COMMANDS)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
