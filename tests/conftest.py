"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Processes share the cores: threads that wait for work must sleep, not spin. To be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Kernels of Triton run in its interpreter, on any machine. To be said before Triton is imported.
os.environ.setdefault("TRITON_INTERPRET", "1")

# No test asks the Hugging Face Hub; those that need one run their own (`support.fake_hub`).
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Tests of single files run here and now: starting processes for them would take longer than most of them do."""
    named = [Path(argument.split("::")[0]) for argument in config.args]
    return 0 if all(path.suffix == ".py" for path in named) else None


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real corpora; the test skips, with the reason, where it is absent."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("PEEPHOLE_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real corpora: set PEEPHOLE_DATA (looked in {folder})")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is compiled for cells of the tests out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEEPHOLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
