"""Pretraining in two processes: each reads its own streams, and a run that was cut short gives the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
from peephole.training import LanguageRecipe, PretrainRequest, Progress, pretrain
recipe = LanguageRecipe.from_json(json.loads(sys.argv[3]))
budget = float(sys.argv[4]) or None
result = pretrain(
    PretrainRequest(
        sources=(sys.argv[1],), output=Path(sys.argv[2]), recipe=recipe, cpu=True, time_budget=budget,
        resume="--resume" in sys.argv,
    ),
    progress=Progress(),
)
print(result.ending + " ", end="", flush=True)
"""


def launch(tmp_path: Path, texts: Path, recipe, name: str, budget: float, *more: str) -> list[str]:
    """Run two processes, and return how each ended."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        str(program), str(texts), str(tmp_path / name), json.dumps(recipe.to_json()), str(budget), *more,
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes) as process:
        try:
            said, wrong = process.communicate(timeout=300)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # the launcher's children too
            raise
    assert process.returncode == 0, wrong
    return said.split()


@pytest.mark.slow
def test_a_run_of_two_processes_that_was_cut_short_gives_the_same_bits(tmp_path, texts, recipe) -> None:
    asked = recipe(candidates=5, directions="both")
    assert launch(tmp_path, texts, asked, "whole", 0) == ["complete"] * 2
    assert launch(tmp_path, texts, asked, "cut", 1e-6) == ["time"] * 2
    assert launch(tmp_path, texts, asked, "cut", 0, "--resume") == ["complete"] * 2
    whole, cut = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
