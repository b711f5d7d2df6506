"""A hub of this test's own, with a cache and a token of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_hub import TOKEN, FakeHub, fake_hub
from support.small_models import small_classifier

huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hub"


@pytest.fixture
def hub(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The server, in place of the Hub for this process; the token is known, as after ``hf auth login``."""
    with fake_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        address = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)  # before 0.31 there is none
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server
        getattr(huggingface_hub, "close_session", lambda: None)()  # since 1.0


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch):
    """Cut this process off, as ``HF_HUB_OFFLINE=1`` does."""
    return lambda: monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The four files of a small model."""
    folder = small_classifier().save(tmp_path_factory.mktemp("sound") / "model")
    return {path.name: path.read_bytes() for path in folder.iterdir()}
