"""What a run tells while it runs: bars in a terminal, plain lines elsewhere, and nothing that the run depends on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from peephole.training.state import Pass

if TYPE_CHECKING:
    from rich.progress import TaskID


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a run, told before the first.

    Args:
        steps: steps of the whole run.
        done: steps taken in earlier sessions.
        epochs: passes of the whole run.
        score: name of the development score that decides.
    """

    steps: int
    done: int
    epochs: int
    score: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """What is told after every step.

    Args:
        step: steps taken so far.
        epoch: number of the current pass, from 1.
        loss: mean loss of the labels in the last fifty steps that had labelled texts, nats; 0 before the first.
        learning_rate: of the step.
        tokens_per_second: tokens trained on in a second, in this session.
        seconds_left: estimate of the training time that is left.
    """

    step: int
    epoch: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float


class Progress:
    """Hears what a run tells, and says nothing; a base for those that do."""

    def note(self, text: str) -> None:
        """Hear a line about the run, such as how many texts were read."""

    def warn(self, text: str) -> None:
        """Hear a warning, one or more lines."""

    def score(self, who: str, done: int, texts: int) -> None:
        """Hear that a teacher has scored `done` of the training texts; `who` says which teacher."""

    def start(self, plan: Plan) -> None:
        """Hear that training begins or goes on."""

    def step(self, report: StepReport) -> None:
        """Hear that a step was taken."""

    def judge(self, done: int, texts: int) -> None:
        """Hear that `done` of the development texts have been judged."""

    def finish_pass(self, line: Pass, *, best: bool) -> None:
        """Hear what a pass brought, and whether it is the best so far."""

    def stop(self) -> None:
        """Hear that no more steps follow; may be called more than once."""


class Several(Progress):
    """Tells each of several listeners."""

    def __init__(self, listeners: Sequence[Progress]) -> None:
        self.listeners = tuple(listeners)

    def note(self, text: str) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.note(text)

    def warn(self, text: str) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.warn(text)

    def score(self, who: str, done: int, texts: int) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.score(who, done, texts)

    def start(self, plan: Plan) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.start(plan)

    def step(self, report: StepReport) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.step(report)

    def judge(self, done: int, texts: int) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.judge(done, texts)

    def finish_pass(self, line: Pass, *, best: bool) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.finish_pass(line, best=best)

    def stop(self) -> None:  # noqa: D102
        for listener in self.listeners:
            listener.stop()


def describe_pass(line: Pass, epochs: int, score: str, *, best: bool) -> str:
    """Return the line that is printed for a finished pass.

    Example:
        >>> describe_pass(Pass(1, 700, 0.61, 0.43, 0.812, 0.81, 65.0), 3, "accuracy", best=True)
        'epoch 1/3  training loss 0.610  development: loss 0.430  accuracy 81.2 %  (best so far)'
    """
    shown = f"accuracy {100 * line.accuracy:.1f} %"
    if score == "macro_f1":
        shown += f"  macro-F1 {100 * line.macro_f1:.1f} %"
    return (
        f"epoch {line.epoch}/{epochs}  training loss {line.train_loss:.3f}  "
        f"development: loss {line.log_loss:.3f}  {shown}{'  (best so far)' if best else ''}"
    )


def describe_seconds(seconds: float) -> str:
    """Return a duration for a reader.

    Example:
        >>> [describe_seconds(seconds) for seconds in (7.2, 200, 7300)]
        ['7 s', '3 min 20 s', '2 h 1 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Lines(Progress):
    """Plain lines, at most one in ten seconds while steps are taken: for files and pipes."""

    every = 10.0  # seconds

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._plan = Plan(1, 0, 1, "accuracy")
        self._last = time.monotonic()

    def note(self, text: str) -> None:  # noqa: D102
        print(text, file=self._stream, flush=True)

    def warn(self, text: str) -> None:  # noqa: D102
        self.note(f"warning: {text}")

    def score(self, who: str, done: int, texts: int) -> None:  # noqa: D102
        if done == texts or time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self.note(f"{who}: {done:,} of {texts:,} texts scored")

    def start(self, plan: Plan) -> None:  # noqa: D102
        self._plan = plan
        self._last = time.monotonic()

    def step(self, report: StepReport) -> None:  # noqa: D102
        if time.monotonic() - self._last < self.every:
            return
        self._last = time.monotonic()
        self.note(
            f"step {report.step}/{self._plan.steps}  epoch {report.epoch}/{self._plan.epochs}  "
            f"loss {report.loss:.3f}  {report.tokens_per_second:,.0f} tokens/s  "
            f"{describe_seconds(report.seconds_left)} left"
        )

    def finish_pass(self, line: Pass, *, best: bool) -> None:  # noqa: D102
        self.note(describe_pass(line, self._plan.epochs, self._plan.score, best=best))


class Bars(Progress):
    """A bar in the terminal, with loss, score, tokens a second and the time left."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(file=stream, highlight=False)
        self._plan = Plan(1, 0, 1, "accuracy")
        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[facts]}"),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._score = ""
        self._description = ""

    def note(self, text: str) -> None:  # noqa: D102
        self._console.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:  # noqa: D102
        self._console.print(f"warning: {text}", markup=False, soft_wrap=True, style="yellow")

    def score(self, who: str, done: int, texts: int) -> None:  # noqa: D102
        if self._task is None:
            self._task = self._bars.add_task(who, total=texts, facts="")
            self._bars.start()
        self._show(who, completed=done, facts=f"{done:,} of {texts:,} texts scored")
        if done == texts:
            self._bars.remove_task(self._task)
            self._task = None

    def start(self, plan: Plan) -> None:  # noqa: D102
        self._plan = plan
        self._task = self._bars.add_task("epoch", total=plan.steps, completed=plan.done, facts="")
        self._bars.start()

    def step(self, report: StepReport) -> None:  # noqa: D102
        facts = (
            f"loss {report.loss:.3f}{self._score}  {report.tokens_per_second:,.0f} tokens/s  "
            f"{describe_seconds(report.seconds_left)} left"
        )
        self._show(f"epoch {report.epoch}/{self._plan.epochs}", completed=report.step, facts=facts)

    def judge(self, done: int, texts: int) -> None:  # noqa: D102
        self._show(f"judging {done:,}/{texts:,}")

    def finish_pass(self, line: Pass, *, best: bool) -> None:  # noqa: D102
        shown = line.macro_f1 if self._plan.score == "macro_f1" else line.accuracy
        self._score = f"  {self._plan.score.replace('macro_f1', 'macro-F1')} {100 * shown:.1f} %"
        self.note(describe_pass(line, self._plan.epochs, self._plan.score, best=best))

    def stop(self) -> None:  # noqa: D102
        self._bars.stop()

    def _show(self, description: str, **changes: Any) -> None:
        if self._task is not None:
            self._bars.update(self._task, description=description, **changes)


def make_progress(stream: TextIO | None = None) -> Progress:
    """Return bars where `stream` (standard error by default) is a terminal that can move its cursor, else lines.

    Colours are left out when the environment sets ``NO_COLOR``.
    """
    chosen = sys.stderr if stream is None else stream
    if chosen.isatty() and os.environ.get("TERM") != "dumb":
        return Bars(chosen)
    return Lines(chosen)
