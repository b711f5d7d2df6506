"""Compilers that do not do what they should, and the flags they are given."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest

from peephole.ops import own_cell, own_compiler
from support.own_cells import ISA, NEEDS_COMPILER, attempt, own

pytestmark = NEEDS_COMPILER


ROOT = Path(__file__).resolve().parents[2]


def test_the_flags_are_those_of_the_build() -> None:
    text = (
        (ROOT / "CMakeLists.txt").read_text(encoding="utf-8").replace("${CLANG}", "")
    )  # how clang-cl wants it
    for name, value in re.findall(r"^\s*set\((\w+) ([^)]*)\)", text, flags=re.M):
        text = text.replace(f"${{{name}}}", value)
    built = {
        name: (f"-DPEEPHOLE_BYTES={size}", *flags.split())
        for name, size, flags in re.findall(r"^\s*add_kernel\((\w+) (\d+)(.*)\)", text, flags=re.M)
    }
    assert built
    assert built["amx"][: len(built["avx512"])] == built["avx512"]
    built["amx"] = built["avx512"]  # older compilers do not know tiles, and a cell has no use for them
    assert {name: tuple(flags) for name, flags in own_compiler.FLAGS.items()} == built


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "echo 'cells.cpp:1: error: no' >&2; exit 1",
            r"cannot compile the cell \(exit status 1\):\ncells.cpp:1: error: no",
        ),
        ('printf half > "$OUT"; kill -SEGV $$', r"cannot compile the cell \(signal 11\)"),
        (": > \"$OUT\"; printf '\\377\\376' >&2; exit 3", r"exit status 3"),
        ("exit 0", "made no library"),
        (': > "$OUT"', "made no library"),
        ("echo 'this is no library' > \"$OUT\"", "invalid ELF header|cannot be kept in the cache"),
    ],
    ids=[
        "refuses",
        "crashes",
        "prints no text",
        "makes nothing",
        "makes an empty file",
        "makes another thing",
    ],
)
def test_a_compiler_that_fails_leaves_no_torn_file(cache: Path, compiler, body: str, words: str) -> None:
    log = compiler(body)
    cell = own()
    reason = attempt(cell)
    assert re.search(words, reason), reason
    attempt(cell)
    assert len(log.read_text().splitlines()) == 1  # it is not asked again
    assert all(path.read_text() == "this is no library\n" for path in cache.iterdir())


def test_a_compiler_that_hangs_is_stopped_with_all_it_started(cache: Path, compiler, monkeypatch) -> None:
    monkeypatch.setattr(own_compiler, "PATIENCE", 0.5)
    mark = cache.parent / "child"
    compiler(f'sleep 60 & echo $! > {shlex.quote(str(mark))}; printf half > "$OUT"; wait')
    assert "must finish within 0.5 seconds" in attempt(own())
    assert not list(cache.iterdir())
    child = int(mark.read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the compiler's child still runs")


def test_a_compiler_that_does_not_say_its_version(cache: Path, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "mute"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o700)
    monkeypatch.setenv("CXX", str(path))
    assert "exit status 1" in attempt(own())


@pytest.mark.parametrize("named", ["no-such-compiler", "'unbalanced", "/dev/null"])
def test_a_named_compiler_is_not_replaced_by_another(cache: Path, monkeypatch, named: str) -> None:
    monkeypatch.setenv("CXX", named)
    assert f"CXX={named!r}, which is no program here" in (own_cell.can_compile() or "")
    assert f"CXX={named!r}" in attempt(own())
    assert not cache.exists()


def test_asking_makes_nothing(cache: Path, compiler) -> None:
    log = compiler("exit 1")
    assert own_cell.can_compile() is None
    assert own_cell.can_compile(own(), ISA) is None
    assert not cache.exists()
    assert not log.exists()
