"""The machine's C++ compiler: finding it, and letting it make one library, for a limited time."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from peephole.errors import BackendUnavailable

# As CMakeLists.txt has them, but for AMX.
_AVX512 = (
    "-DPEEPHOLE_BYTES=64", "-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl",
    "-mprefer-vector-width=512",
)  # fmt: skip
FLAGS: dict[str, tuple[str, ...]] = {
    "baseline": ("-DPEEPHOLE_BYTES=16",),
    "neon": ("-DPEEPHOLE_BYTES=16",),  # the baseline of an Arm processor
    "avx2": ("-DPEEPHOLE_BYTES=32", "-mavx2", "-mfma"),
    "avx512": _AVX512,
    "avx512bf16": (*_AVX512, "-mavx512bf16"),
    "amx": _AVX512,  # a cell's functions have no use for tiles, and older compilers do not know them
}
COMMON = ("-std=c++17", "-O3", "-fPIC", "-shared", "-w")

# A cell takes a second or two; on a loaded machine ten times that. Who waits longer than this waits for something that hangs.
PATIENCE = 120.0  # seconds


def compiler() -> tuple[str, ...] | None:
    """The words that start the C++ compiler: those of ``$CXX``, otherwise the first of ``c++``, ``g++``, ``clang++``.

    Returns:
        Path of the program and arguments that ``$CXX`` gives it (``CXX="ccache g++"``); None if there is no such program. A
        ``$CXX`` that names none is not replaced by another compiler.
    """
    return _compiler(os.environ.get("CXX", "").strip(), os.environ.get("PATH", ""))


@functools.lru_cache(maxsize=16)
def _compiler(named: str, _path: str) -> tuple[str, ...] | None:
    if not named:
        names = ("c++", "g++", "clang++")
        return next(((path,) for name in names if (path := shutil.which(name))), None)
    if whole := shutil.which(named):  # a path with a blank in it
        return (whole,)
    try:
        words = shlex.split(named)
    except ValueError:  # a quotation mark without its fellow
        return None
    program = shutil.which(words[0]) if words else None
    return None if program is None else (program, *words[1:])


def missing() -> BackendUnavailable | None:
    """What to say where there is no compiler; None where there is one."""
    if compiler() is not None:
        return None
    named = os.environ.get("CXX", "").strip()
    found = f"CXX={named!r}, which is no program here" if named else "none of c++, g++, clang++ on the path"
    return BackendUnavailable(
        f"compiling a cell needs a C++ compiler; got {found}",
        hint="install g++ or clang++, or set CXX to the one you have",
    )


@functools.lru_cache(maxsize=16)
def describe(words: tuple[str, ...]) -> str:
    """The compiler and the machine it makes libraries for: part of what a compiled cell is named for.

    Raises:
        BackendUnavailable: it does not say its version.
    """
    return "\n".join([_run([*words, "--version"]), *words, sys.platform, platform.machine()])


def compile_library(words: Sequence[str], flags: Sequence[str], source: Path, output: Path) -> None:
    """Compile one file into one shared library.

    Args:
        words: what `compiler` found.
        flags: arguments of ours.
        source: the C++ file.
        output: the library to make.

    Raises:
        BackendUnavailable: the compiler refuses the file, crashes, takes longer than `PATIENCE` or makes nothing.
        OSError: it cannot be started.
    """
    _run([*words, *flags, str(source), "-o", str(output)])
    if not output.is_file() or output.stat().st_size == 0:
        raise BackendUnavailable(f"{words[0]} says that it compiled the cell, and made no library")


def _run(command: list[str]) -> str:
    """Run a command in a group of its own, so that what it started ends with it; return what it printed."""
    # The command is the compiler that the user has on the path, with arguments of ours.
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            _end(process)
            raise BackendUnavailable(
                f"{command[0]} was stopped: it must finish within {PATIENCE:g} seconds",
                hint="set CXX to another compiler",
            ) from None
        except BaseException:  # Ctrl-C reaches us, and not a process in a group of its own
            _end(process)
            raise
    if process.returncode != 0:
        words = err.strip()[:2000]
        how = (
            f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
        )
        raise BackendUnavailable(
            f"{command[0]} cannot compile the cell ({how})" + (f":\n{words}" if words else "")
        )
    return out


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a process and what it started: a compiler is a driver and the programs that it drives."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
