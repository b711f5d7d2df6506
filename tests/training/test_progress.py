from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from peephole.training import Bars, Lines, Pass, Progress, make_progress, train
from peephole.training.meter import Meter
from peephole.training.progress import Plan, Several, StepReport
from peephole.training.state import State

REPORT = StepReport(
    step=40, epoch=1, loss=0.5, learning_rate=1e-3, tokens_per_second=12_345.6, seconds_left=200
)
LINE = Pass(epoch=1, step=40, train_loss=0.61, log_loss=0.43, accuracy=0.812, macro_f1=0.795, seconds=65)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_where_there_is_no_terminal(monkeypatch) -> None:
    stream = io.StringIO()
    progress = make_progress(stream)
    assert isinstance(progress, Lines)
    now = [0.0]
    monkeypatch.setattr("peephole.training.progress.time.monotonic", lambda: now[0])
    progress.start(Plan(steps=80, done=0, epochs=2, score="accuracy"))
    for now[0] in range(1, 25):
        progress.step(REPORT)
    progress.finish_pass(LINE, best=True)
    progress.warn("mind")
    progress.stop()
    shown = "step 40/80  epoch 1/2  loss 0.500  12,346 tokens/s  3 min 20 s left"
    assert stream.getvalue().splitlines() == [
        shown,
        shown,
        "epoch 1/2  training loss 0.610  development: loss 0.430  accuracy 81.2 %  (best so far)",
        "warning: mind",
    ]


def test_bars_in_a_terminal(monkeypatch) -> None:
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    progress = make_progress(stream)
    assert isinstance(progress, Bars)
    progress.note("a [note] with 3 brackets")
    progress.start(Plan(steps=80, done=0, epochs=2, score="macro_f1"))
    progress.step(REPORT)
    progress.judge(100, 200)
    progress.finish_pass(LINE, best=False)
    progress.step(REPORT)
    progress.stop()
    progress.stop()
    text = stream.getvalue()
    assert "a [note] with 3 brackets" in text
    assert "macro-F1 79.5 %" in text
    assert "12,346 tokens/s" in text
    assert "3 min 20 s left" in text


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress(Terminal()), Lines)


@pytest.mark.parametrize("no_color", [False, True])
def test_no_colour_when_asked(monkeypatch, no_color) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    make_progress(stream).warn("mind")
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", stream.getvalue())) is not no_color


def test_several_listeners_hear_the_same(listener) -> None:
    both = (listener(), listener())
    several = Several(both)
    several.note("a")
    several.warn("b")
    several.start(Plan(1, 0, 1, "accuracy"))
    several.step(REPORT)
    several.judge(1, 2)
    several.finish_pass(LINE, best=True)
    several.stop()
    for heard in both:
        assert (heard.notes, heard.warnings, heard.steps, heard.passes) == (
            ["a"],
            ["b"],
            [REPORT],
            [(LINE, True)],
        )


def test_silence_is_silent(capsys) -> None:
    progress = Progress()
    for call in (progress.note, progress.warn):
        call("a")
    progress.start(Plan(1, 0, 1, "accuracy"))
    progress.step(REPORT)
    progress.finish_pass(LINE, best=True)
    assert capsys.readouterr() == ("", "")


def test_the_meter_counts_this_session_only(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("peephole.training.meter.time.monotonic", lambda: now[0])
    state = State(step=10, tokens=1_000, seconds=50.0)
    meter = Meter(state, lambda: 1, steps=40)
    for step, loss in ((11, 1.0), (12, 0.5)):
        now[0] += 2.0
        state.step, state.tokens = step, state.tokens + 300
        report = meter.report(loss, 0.1)
    assert report.tokens_per_second == pytest.approx(600 / 4)
    assert report.seconds_left == pytest.approx(2 * 28)
    assert report.loss == 0.75
    assert meter.seconds == 54.0


def test_results_do_not_go_to_standard_output(request_for, capsys) -> None:
    train(request_for())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "270 training and 30 development texts" in captured.err
    assert "epoch 3/3" in captured.err


@pytest.mark.slow
def test_a_real_terminal(request_for, corpus, tmp_path) -> None:
    program = (
        "import sys; from pathlib import Path; from peephole.training import *;"
        "train(TrainRequest(sources=(sys.argv[1],), output=Path(sys.argv[2]), recipe=Recipe(embedding=4, hidden_size=4,"
        "head=0, epochs=2)))"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", program, str(corpus), str(tmp_path / "model")]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65_536):
            shown += piece
    except OSError:  # Linux ends a terminal whose other side is closed with an error
        pass
    out, _ = process.communicate()
    os.close(ours)
    assert process.returncode == 0
    assert out == b""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "tokens/s" in text
    assert "epoch 2/2  training loss" in text
