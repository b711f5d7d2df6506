"""The cache of compiled cells: where it lies, when it is not believed, and when it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peephole.errors import BackendUnavailable
from peephole.ops import own_cache, own_cell
from support.own_cells import ISA, NEEDS_COMPILER, PROGRAM, attempt, execute, libraries, own

pytestmark = NEEDS_COMPILER


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PEEPHOLE_CACHE": "/a/b", "XDG_CACHE_HOME": "/c", "HOME": "/d"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c", "HOME": "/d"}, "/c/peephole"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/d"}, "/d/.cache/peephole"),
        ({"HOME": "/d"}, "/d/.cache/peephole"),
    ],
)
def test_where_the_cache_lies(monkeypatch, variables: dict[str, str], expected: str) -> None:
    for name in ("PEEPHOLE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert own_cache.cache_folder(make=False) == Path(expected)


# A cache that may not be believed.


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o775, 0o702, 0o1777])
def test_a_folder_that_others_may_write_to_is_not_used(cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    assert "must belong to you and be writable by nobody else" in (own_cell.can_compile() or "")
    assert "must belong to you and be writable by nobody else" in attempt(own())
    assert not list(cache.iterdir())


def test_nor_is_a_folder_that_everybody_may_exchange(cache: Path) -> None:
    cache.parent.chmod(0o777)
    assert "everybody may rename" in attempt(own())
    cache.parent.chmod(0o1777)  # as /tmp is: only the owner renames
    assert own_cell.find(own(), ISA)[0] is not None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else_is_not_used(cache: Path) -> None:
    cell = own()
    own_cell.compile_cells([cell], ISA)
    (made,) = libraries(cache)
    key = made.name.split("-")[0]
    assert own_cache.lookup(cache, key) == made
    os.chown(made, 12345, -1)
    assert own_cache.lookup(cache, key) is None
    os.chown(cache, 12345, -1)
    with pytest.raises(BackendUnavailable, match="must belong to you"):
        own_cell.compile_cells([cell], ISA)


def test_a_link_to_a_folder_is_followed_and_what_it_leads_to_is_judged(cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    cache.symlink_to(target)
    assert own_cell.find(own(), ISA)[0] is not None
    assert own_cache.cache_folder() == target.resolve()
    assert len(libraries(target)) == 1
    target.chmod(0o777)
    assert "must belong to you" in attempt(own())


def test_a_link_or_a_file_open_to_all_is_no_library(cache: Path, tmp_path: Path) -> None:
    own_cell.compile_cells([own()], ISA)
    (made,) = libraries(cache)
    key = made.name.split("-")[0]
    made.chmod(0o766)
    assert own_cache.lookup(cache, key) is None
    made.chmod(0o700)
    assert own_cache.lookup(cache, key) == made
    made.rename(tmp_path / "elsewhere.so")
    made.symlink_to(tmp_path / "elsewhere.so")
    assert own_cache.lookup(cache, key) is None


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [truncate, flip, lambda path: path.write_bytes(b"")], ids=["cut", "bit", "empty"]
)
def test_a_damaged_library_is_made_anew(cache: Path, damage) -> None:
    assert execute(cache).returncode == 0
    (made,) = libraries(cache)
    before = made.read_bytes()
    damage(made)
    assert made.read_bytes() != before
    done = execute(cache)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-14
    (again,) = libraries(cache)
    assert again.read_bytes() == before


def test_what_a_killed_process_left_is_cleared_away_after_a_day(cache: Path) -> None:
    cache.mkdir(mode=0o700)
    old, fresh = cache / "making-old", cache / "making-fresh"
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "cells.cpp").write_text("")
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    own_cell.compile_cells([own()], ISA)
    assert not old.exists()
    assert fresh.exists()


# A cache that cannot be written.


@pytest.mark.parametrize("place", ["/proc/peephole", "/dev/null"])
def test_a_place_where_nothing_can_be_made(monkeypatch, place: str) -> None:
    monkeypatch.setenv("PEEPHOLE_CACHE", place)
    assert "cache of compiled cells" in attempt(own())


@pytest.mark.parametrize("limit", [1000, 20_000], ids=["source", "library"])
def test_a_full_disk(cache: Path, limit: int) -> None:
    # No process may write a file beyond the limit: first the source does not fit, then what the compiler makes.
    pytest.importorskip("resource")
    program = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n" + PROGRAM
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "peephole.errors.BackendUnavailable: Leaky" in done.stderr
    assert ("File too large" if limit == 1000 else "cannot compile the cell") in done.stderr
    assert not list(cache.iterdir())
