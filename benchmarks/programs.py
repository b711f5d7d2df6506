"""Three whole programs, with torch.nn and with ours in its place, in turn in one process.

    python benchmarks/programs.py

The programs are those of `examples/`: a word-level language model and a forecaster, changed by one name, and a padded
sentiment model, changed by `peephole.nn.convert`. What is timed is a training step from batch to optimiser, data included.

Before anything is timed, both train side by side from the same seed, in float64 and as they are timed in float32, and the losses
of each step are compared. A program whose losses differ by more than rounding gets no time.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import peephole.nn
from peephole.errors import OptionError
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.studies.bench.timing import Contestant, Times, take_turns

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

# Of a loss, relative, over `CHECKED` steps. A training step multiplies a difference by no more than a small factor in these
# programs; another equation, a wrong gradient or another dropout mask differs in the second digit after as many steps.
BOUNDS = {torch.float64: 1e-10, torch.float32: 1e-4}
CHECKED = 20  # steps
ROUNDS = 11
STEPS = 5  # of each call that is timed

# Program → what makes it one of ours, and how the two are told apart.
CHANGES: dict[str, tuple[str, Any, Any]] = {
    "word_language_model": ("import", torch.nn, peephole.nn),
    "forecaster": ("import", torch.nn, peephole.nn),
    "sentiment_tutorial": ("convert", None, peephole.nn.convert),
}


def program(name: str) -> Any:
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(name: str, whose: str, **options: Any) -> Any:
    """The training of a program, ``"torch"``'s or ``"peephole"``'s."""
    _, theirs, ours = CHANGES[name]
    with contextlib.redirect_stdout(io.StringIO()):  # what convert replaced
        return program(name).Training(ours if whose == "peephole" else theirs, **options)


def losses(name: str, whose: str, dtype: torch.dtype, steps: int, **options: Any) -> list[float]:
    """Of each step, from the beginning."""
    training = make(name, whose, dtype=dtype, **options)
    return [training.step() for _ in range(steps)]


def compare(name: str, steps: int = CHECKED, **options: Any) -> dict[str, Any]:
    """The losses of both, and how far they are apart: by dtype, the largest relative difference of any step, and the bound."""
    found: dict[str, Any] = {}
    for dtype, bound in BOUNDS.items():
        theirs, ours = (losses(name, whose, dtype, steps, **options) for whose in ("torch", "peephole"))
        apart = max(abs(a - b) / abs(a) for a, b in zip(theirs, ours, strict=True))
        found[str(dtype).removeprefix("torch.")] = {
            "first_loss": theirs[0],
            "last_loss": {"torch": theirs[-1], "peephole": ours[-1]},
            "difference": apart,
            "bound": bound,
        }
    return found


def stepper(training: Any, steps: int) -> Callable[[], None]:
    """So many steps."""

    def run() -> None:
        for _ in range(steps):
            training.step()

    return run


def measure(name: str, steps: int = CHECKED, rounds: int = ROUNDS, **options: Any) -> dict[str, Any]:
    """One entry of the results; void, without times, where losses differ."""
    entry: dict[str, Any] = {"program": name, "changed_by": CHANGES[name][0], "steps_compared": steps}
    entry["losses"] = compare(name, steps, **options)
    entry["void"] = any(not found["difference"] <= found["bound"] for found in entry["losses"].values())
    if entry["void"]:
        return entry
    contestants = {
        whose: Contestant(stepper(make(name, whose, **options), STEPS)) for whose in ("torch", "peephole")
    }
    timed = take_turns(contestants, 0.0, rounds=rounds)
    entry["seconds_a_step"] = {whose: per_step(times) for whose, times in timed.items()}
    entry["times_faster"] = timed["torch"].median / timed["peephole"].median
    return entry


def per_step(times: Times) -> dict[str, Any]:
    """Median, quartiles and shortest, for one step, and the number of calls."""
    measured = times.to_json()
    calls = measured.pop("calls")
    return {key: value / STEPS for key, value in measured.items()} | {"calls": calls}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of turns; {ROUNDS} by default")
    parser.add_argument("--json", type=Path, help="write results, versions and machine here")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        raise OptionError(f"--rounds: must be at least 1; got {arguments.rounds}")
    report = {
        "command": command_line("benchmarks/programs.py"),
        "date": today(),
        "machine": machine() | {"threads": torch.get_num_threads()},
        "versions": versions(),
        "steps_a_call": STEPS,
        "rounds": arguments.rounds,
        "results": [measure(name, rounds=arguments.rounds) for name in CHANGES],
    }
    for entry in report["results"]:
        apart = entry["losses"]["float64"]["difference"], entry["losses"]["float32"]["difference"]
        speed = "void: the losses differ" if entry["void"] else f"{entry['times_faster']:.2f} times faster"
        print(
            f"{entry['program']:<20} losses apart {apart[0]:.0e} (float64), {apart[1]:.0e} (float32); {speed}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
