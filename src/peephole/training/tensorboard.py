"""The run as TensorBoard shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peephole.errors import require
from peephole.training.progress import Progress, StepReport
from peephole.training.state import Pass


class TensorBoard(Progress):
    """Writes the curves of a run for TensorBoard.

    Args:
        folder: where its files go; made if it does not exist.

    Raises:
        MissingExtra: the package `tensorboard` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        purpose = "writing TensorBoard files"
        require("tensorboard", extra="train", purpose=purpose)
        writer = require("torch.utils.tensorboard", extra="train", purpose=purpose)
        self._writer: Any = writer.SummaryWriter(str(folder))

    def step(self, report: StepReport) -> None:  # noqa: D102
        self._writer.add_scalar("training/loss", report.loss, report.step)
        self._writer.add_scalar("training/learning rate", report.learning_rate, report.step)
        self._writer.add_scalar("training/tokens per second", report.tokens_per_second, report.step)

    def finish_pass(self, line: Pass, *, best: bool) -> None:  # noqa: D102
        self._writer.add_scalar("development/loss", line.log_loss, line.step)
        self._writer.add_scalar("development/accuracy", line.accuracy, line.step)
        self._writer.add_scalar("development/macro-F1", line.macro_f1, line.step)

    def stop(self) -> None:  # noqa: D102
        self._writer.flush()
