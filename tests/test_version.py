"""`peephole.__version__`: what was installed, read only when it is asked for."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import peephole

SOURCE = Path(peephole.__file__).parent


def run(program: str, *options: str, **keywords: object) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, check=True, **keywords
    )  # pyright: ignore
    return done.stdout.strip()


def test_the_version_is_that_of_the_installation():
    assert peephole.__version__ == importlib.metadata.version("peephole")
    assert re.match(r"\d+(\.\d+)+", peephole.__version__)


def test_importing_and_predicting_look_no_version_up():
    program = (
        "import sys, peephole\nfirst = 'importlib.metadata' in sys.modules\n"
        "peephole.load().predict(['fine'])\nprint(first, 'importlib.metadata' in sys.modules)"
    )
    assert run(program) == "False False"


def test_it_is_looked_up_once(monkeypatch: pytest.MonkeyPatch):
    assert peephole.__version__ == vars(peephole)["__version__"]
    monkeypatch.setattr(importlib.metadata, "version", lambda name: pytest.fail("looked up again"))
    assert peephole.__version__


def test_a_source_tree_that_is_not_installed_says_so(tmp_path: Path):
    shutil.copy(SOURCE / "__init__.py", tmp_path / "peephole.py")
    assert run("import peephole; print(peephole.__version__)", "-S", "-E", cwd=tmp_path) == "0+source"


def test_a_model_is_written_by_this_version():
    from support.models import word_counter

    assert word_counter().config.library == f"peephole {peephole.__version__}"
