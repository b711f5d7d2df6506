"""Cells of one's own: compiled once, for all processes and threads; and what is said where they cannot be."""

from __future__ import annotations

import shlex
import stat
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from peephole.errors import BackendUnavailable, NotCompiledWarning
from peephole.ops import own_cell, run
from support.cases import case
from support.own_cells import GXX, ISA, NEEDS_COMPILER, execute, libraries, own

pytestmark = NEEDS_COMPILER


def test_a_cell_is_compiled_once_for_all_processes(cache: Path, compiler) -> None:
    log = compiler(f'exec {GXX} "$@"')
    for _ in range(2):
        done = execute(cache)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) < 1e-14
    assert len(log.read_text().splitlines()) == 1
    (made,) = cache.iterdir()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_two_processes_that_race_both_get_the_cell(cache: Path, compiler) -> None:
    # Each waits in its compiler until the other has begun: both make the library, and both rename it.
    log = compiler(
        f'while [ "$(wc -l < {{log}})" -lt 2 ]; do sleep 0.05; done; exec {GXX} "$@"'.replace(
            "{log}", shlex.quote(str(cache.parent / "log"))
        )
    )
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(lambda _: execute(cache), range(2)):
            assert done.returncode == 0, done.stderr
            assert float(done.stdout) < 1e-14
    assert len(log.read_text().splitlines()) == 2
    assert libraries(cache)
    assert list(cache.iterdir()) == libraries(cache)
    assert float(execute(cache).stdout) < 1e-14


def test_two_threads_compile_once(cache: Path, compiler) -> None:
    log = compiler(f'sleep 0.3; exec {GXX} "$@"')
    cell = own()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: own_cell.find(cell, ISA), range(4)))
    assert len(set(found)) == 1
    assert found[0][0] is not None
    assert len(log.read_text().splitlines()) == 1


def test_the_compiler_may_come_with_arguments(cache: Path, tmp_path: Path, compiler, monkeypatch) -> None:
    log = compiler(f'shift; exec {GXX} "$@"', name="wrapper")
    monkeypatch.setenv("CXX", f"{tmp_path / 'wrapper'} '--with=a blank'")
    assert own_cell.find(own(), ISA)[0] is not None
    assert log.read_text().startswith("--with=a blank -std=c++17")


@pytest.mark.parametrize("name", ["with blanks", "größer 日本", "[a]*?", 'it\'s "quoted" $HOME'])
def test_the_cache_may_be_called_anything(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        done = execute(tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert len(libraries(tmp_path / name)) == 1


def test_what_a_library_was_made_from_is_in_its_name(cache: Path, monkeypatch) -> None:
    cell = own()
    own_cell.compile_cells([cell], ISA)
    own_cell.compile_cells([cell], "baseline")
    monkeypatch.setenv("CXX", f"{GXX} -fno-math-errno")
    own_cell.compile_cells([cell], "baseline")
    assert len(libraries(cache)) == (2 if ISA == "baseline" else 3)


def test_a_cell_that_cannot_be_compiled_says_so_once(cache: Path, monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    cell, other = own(), own()
    given = case(cell, [3, 1], 2, 5)
    with pytest.warns(
        NotCompiledWarning, match="Leaky.* runs step by step.*CXX='no-such-compiler'"
    ) as caught:
        rows = run(cell, *given).rows
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the line above, not one of the package
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = run(cell, *given).rows
        by_name = run(other, *given, backend="reference").rows
        with pytest.raises(BackendUnavailable, match="no-such-compiler"):
            run(other, *given, backend="compiled")
    assert torch.equal(rows, again)
    assert rows.shape == by_name.shape
    with pytest.warns(NotCompiledWarning):
        run(other, *given)


def test_a_layer_says_so_at_the_line_that_calls_it(cache: Path, monkeypatch) -> None:
    from peephole.nn import Recurrent

    monkeypatch.setenv("CXX", "no-such-compiler")
    layer = Recurrent(own(), 2, 5, num_layers=2, bidirectional=True)
    with pytest.warns(NotCompiledWarning) as caught:
        layer(torch.zeros(3, 1, 2))
    assert [warning.filename for warning in caught] == [__file__]
