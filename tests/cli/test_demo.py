"""The demo, as a newcomer runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_demo_trains_a_model_that_works(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "peephole", "demo", "--output", "model"]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"^Accuracy +([\d.]+) %", done.stdout, flags=re.M)
    assert accuracy is not None
    assert float(accuracy[1]) >= 95.0
    assert "warning" not in done.stderr
    assert "The model is in model. Now try" in done.stdout
    assert {path.name for path in (tmp_path / "model").iterdir()} >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    predict = [
        sys.executable,
        "-m",
        "peephole",
        "predict",
        "The soup was not bad at all.",
        "--model",
        "model",
    ]
    assert subprocess.run(
        predict, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.startswith("positive")
