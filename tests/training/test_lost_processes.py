"""What ends several processes: all end, one says so, and any number of processes goes on to the curve of an unbroken run."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.launching import Ended, checkpoint_number, launch, rank_of, wait_for

pytestmark = pytest.mark.slow

BROKEN = """
import os
from peephole.cli.app import main
from peephole.errors import DataError
from peephole.training import loop

real, steps = loop.add_gradients, []
def add_gradients(*arguments, **options):
    steps.append(1)
    if len(steps) == 7 and os.environ["RANK"] == "1":
        raise DataError("this process: must go on; got enough")
    return real(*arguments, **options)

loop.add_gradients = add_gradients
main()
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory, small_corpus) -> Path:
    return small_corpus(tmp_path_factory.mktemp("texts") / "texts.csv")


@pytest.fixture(scope="module")
def asked(tiny, tmp_path_factory) -> Callable[[Path, Path], list[str]]:
    """The command that trains the tiny recipe for four passes."""
    recipe = tmp_path_factory.mktemp("recipe") / "recipe.json"
    recipe.write_text(json.dumps(tiny.to_json() | {"epochs": 4}))

    def command(texts: Path, output: Path) -> list[str]:
        options = ["--recipe", str(recipe), "--output", str(output), "--checkpoint-steps", "5", "--cpu"]
        return ["train", str(texts), *options]

    return command


@pytest.fixture(scope="module")
def whole(tmp_path_factory, texts, asked) -> np.ndarray:
    """The curve of one process that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "model"
    ended = launch(1, "-m", "peephole", *asked(texts, output))
    assert ended.status == 0, ended.err
    return curve(output)


def curve(output: Path) -> np.ndarray:
    """Losses of the passes: of training, and of the development texts."""
    learnt = json.loads((output / "config.json").read_text())["metrics"]["learning_curve"]
    return np.array([learnt["loss"], learnt["development_log_loss"]])


def stopped(output: Path, asked: list[str], stop: Callable[[int], None]) -> Ended:
    """Two processes that are stopped once they have a few checkpoints."""

    def meanwhile(launcher: int) -> None:
        wait_for(lambda: checkpoint_number(output) >= 4, "checkpoints")
        stop(launcher)

    ended = launch(2, "-m", "peephole", *asked, meanwhile=meanwhile)
    assert ended.status != 0
    assert not (output / "config.json").exists()
    assert ended.out == ""
    return ended


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_is_killed_and_any_number_goes_on(tmp_path, texts, asked, whole, rank) -> None:
    output = tmp_path / "model"
    command = asked(texts, output)
    ended = stopped(output, command, lambda launcher: os.kill(rank_of(launcher, rank), signal.SIGKILL))
    assert ended.err.count("all 2 processes must go on together; got no answer from another one") == 1
    assert ended.err.count("run the same command with --resume") == 1
    assert (
        "Traceback" not in ended.err.partition("torch.distributed.elastic")[0].partition("Sending process")[0]
    )
    kept = output.with_name("model.checkpoint")
    for processes in (1, 2, 3) if rank else (2,):
        again = tmp_path / f"by {processes}" / "model"
        shutil.copytree(kept, again.with_name("model.checkpoint"))
        resumed = launch(processes, "-m", "peephole", *asked(texts, again), "--resume")
        assert resumed.status == 0, resumed.err
        assert resumed.err.count("going on after") == 1
        assert ("processes was 2 and is" in resumed.err) == (processes != 2)
        assert resumed.out.count("development accuracy") == 1
        np.testing.assert_allclose(curve(again), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda launcher: os.killpg(launcher, signal.SIGINT), id="Ctrl-C"),
        pytest.param(lambda launcher: os.kill(launcher, signal.SIGTERM), id="SIGTERM to the launcher"),
        pytest.param(lambda launcher: os.kill(rank_of(launcher, 1), signal.SIGTERM), id="SIGTERM to one"),
    ],
)
def test_a_signal_stops_all_after_a_step(tmp_path, texts, asked, whole, stop) -> None:
    output = tmp_path / "model"
    ended = stopped(output, asked(texts, output), stop)
    assert ended.err.count("training was stopped after") == 1
    assert ended.err.count("run the same command with --resume") == 1
    resumed = launch(1, "-m", "peephole", *asked(texts, output), "--resume")
    assert resumed.status == 0, resumed.err
    np.testing.assert_allclose(curve(output), whole, rtol=0, atol=1e-5)


def test_the_error_of_one_process_ends_all_and_is_said_once(tmp_path, texts, asked) -> None:
    program = tmp_path / "program.py"
    program.write_text(BROKEN)
    ended = launch(2, str(program), *asked(texts, tmp_path / "model"))
    assert ended.status != 0
    assert ended.err.count("error: this process: must go on; got enough") == 1
    assert "got no answer" not in ended.err


def test_an_error_that_all_have_is_said_once(tmp_path, texts, asked) -> None:
    output = tmp_path / "model"
    output.mkdir()
    (output / "something").touch()
    for command, said in [
        (asked(texts, output), "the output must be a new or empty folder"),
        (asked(tmp_path / "nowhere.csv", tmp_path / "other"), "no such file or folder"),
        ([*asked(texts, output), "--no-such-option"], "No such option"),
        (["tune", str(texts)], "runs in one process; got 2"),
    ]:
        ended = launch(2, "-m", "peephole", *command)
        assert ended.status != 0
        assert ended.err.count(said) == 1, ended.err
        assert ended.out == ""
