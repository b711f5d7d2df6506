"""Compiling a cell of your own: its pointwise file, once, with the machine's C++ compiler, into a cache of this user's.

The cache lies in ``$PEEPHOLE_CACHE``, or ``$XDG_CACHE_HOME/peephole``, or ``~/.cache/peephole``. A library in it is named for
everything that it was made from: the equations, the kernel's headers, the compiler and the instruction set. Two processes that
compile the same cell at once write two temporary files, and the one that is renamed last stays: they are equal.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from peephole.equations import Cell
from peephole.equations.emit_cpp import emit
from peephole.errors import BackendUnavailable

HEADERS = Path(__file__).resolve().parents[1] / "kernels"
# As CMakeLists.txt has them.
_FLAGS: dict[str, tuple[str, ...]] = {
    "baseline": ("-DPEEPHOLE_BYTES=16",),
    "avx2": ("-DPEEPHOLE_BYTES=32", "-mavx2", "-mfma"),
    "avx512": (
        "-DPEEPHOLE_BYTES=64", "-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl",
        "-mprefer-vector-width=512",
    ),
}  # fmt: skip
_COMMON = ("-std=c++17", "-O3", "-fPIC", "-shared", "-w")


@functools.cache
def compiler() -> str | None:
    """Path of the C++ compiler: ``$CXX``, ``c++``, ``g++`` or ``clang++``; None if there is none."""
    names = (os.environ.get("CXX", ""), "c++", "g++", "clang++")
    return next((path for name in names if name and (path := shutil.which(name))), None)


def cache_folder() -> Path:
    """The cache, made if need be, readable and writable by this user only.

    Raises:
        BackendUnavailable: the folder belongs to somebody else, or others may write into it: what lies there could be anybody's.
    """
    named = os.environ.get("PEEPHOLE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(named) if named else (Path(base) if base else Path.home() / ".cache") / "peephole"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if hasattr(os, "getuid") and (
        status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        raise BackendUnavailable(
            f"the cache of compiled cells, {folder}, must belong to you and be writable by nobody else",
            hint="set PEEPHOLE_CACHE to a folder of your own",
        )
    return folder


def compile_cells(cells: Sequence[Cell], isa: str) -> dict[str, int]:
    """Compile cells, or take them from the cache.

    Args:
        cells: the cells; one file for all of them.
        isa: the instruction set.

    Returns:
        key of a cell (`emit`) → address of its tables.

    Raises:
        BackendUnavailable: there is no compiler, or it refuses the file (its words follow).
    """
    path = compiler()
    if path is None:
        raise BackendUnavailable(
            "compiling a cell needs a C++ compiler; found none", hint="install g++ or clang++"
        )
    emitted = dict(emit(cell) for cell in cells)
    entries = "\n".join(
        f'extern "C" const void* peephole_cell_{key}(void) {{ return &cell_{key}::table; }}'
        for key in emitted
    )
    text = "\n".join(['#include "cell.h"', "namespace {", *emitted.values(), "}", entries, ""])
    command = [path, *_COMMON, *_FLAGS[isa], f"-I{HEADERS}"]
    made_from = [text, *command, _version(path), *(p.read_text("utf-8") for p in sorted(HEADERS.glob("*.h")))]
    name = hashlib.sha256("\0".join(made_from).encode()).hexdigest()[:32]
    library = cache_folder() / f"{name}.so"
    if not library.is_file():
        _compile(command, text, library)
    handle = ctypes.CDLL(str(library))
    found: dict[str, int] = {}
    for key in emitted:
        entry = getattr(handle, f"peephole_cell_{key}")
        entry.restype = ctypes.c_void_p
        found[key] = entry()
    return found


def _compile(command: list[str], text: str, library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        source, output = Path(folder) / "cells.cpp", Path(folder) / "cells.so"
        source.write_text(text, encoding="utf-8")
        # The command is the compiler that the user has on the path, with arguments of ours.
        done = subprocess.run(  # noqa: S603
            [*command, str(source), "-o", str(output)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BackendUnavailable(f"{command[0]} cannot compile the cell:\n{done.stderr[-2000:]}")
        output.replace(library)


@functools.cache
def _version(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603


@functools.lru_cache(maxsize=256)
def find(cell: Cell, isa: str) -> tuple[int | None, str]:
    """Address of a compiled cell's tables, or None and the reason why there are none."""
    try:
        return compile_cells([cell], isa)[emit(cell)[0]], ""
    except BackendUnavailable as error:
        return None, error.message
    except (
        OSError
    ) as error:  # a home that cannot be written, a full disk, a folder from which nothing may be run
        return None, f"the cell cannot be kept in the cache of compiled cells: {error}"
