"""Compiling a cell of your own: its pointwise file, once, with the machine's C++ compiler, into a cache of this user's.

A compiled cell is kept (`own_cache`) under a digest of everything that it was made from: the equations, the kernel's headers, the
compiler and the instruction set. Where it cannot be compiled, the reference runs, and `announce` says so once.
"""

from __future__ import annotations

import ctypes
import hashlib
import inspect
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from peephole.equations import Cell
from peephole.equations.emit_cpp import emit
from peephole.errors import BackendUnavailable, NotCompiledWarning
from peephole.ops.own_cache import add, cache_folder, lookup
from peephole.ops.own_compiler import COMMON, FLAGS, compile_library, compiler, describe, missing

__all__ = ["announce", "can_compile", "compile_cells", "compiler", "find"]

HEADERS = Path(__file__).resolve().parents[1] / "kernels"

_lock = threading.Lock()
_found: dict[tuple[Cell, str], tuple[int | None, str]] = {}
_announced: set[Cell] = set()


def _new_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # another thread may have been compiling when this process was forked
    os.register_at_fork(after_in_child=_new_lock)


def compile_cells(cells: Sequence[Cell], isa: str) -> dict[str, int]:
    """Compile cells, or take them from the cache.

    Args:
        cells: the cells; one file for all of them.
        isa: the instruction set.

    Returns:
        key of a cell (`emit`) → address of its tables.

    Raises:
        BackendUnavailable: there is no compiler, it refuses the file (its words follow), or the cache is not safe.
        OSError: the cache cannot be written, or the library cannot be loaded from it.
    """
    words = compiler()
    if words is None or isa not in FLAGS:
        raise missing() or BackendUnavailable(f"cells are not compiled for {isa}")
    emitted = dict(emit(cell) for cell in cells)
    entries = "\n".join(
        f'extern "C" const void* peephole_cell_{key}(void) {{ return &cell_{key}::table; }}'
        for key in emitted
    )
    text = "\n".join(['#include "cell.h"', "namespace {", *emitted.values(), "}", entries, ""])
    flags = (*COMMON, *FLAGS[isa])
    headers = [path.read_text("utf-8") for path in sorted(HEADERS.glob("*.h"))]
    made_from = "\0".join([text, describe(words), *flags, *headers])
    key = hashlib.sha256(made_from.encode()).hexdigest()[:32]

    def make(folder: Path) -> Path:
        source, output = folder / "cells.cpp", folder / "cells.so"
        source.write_text(text, encoding="utf-8")
        compile_library(words, [*flags, f"-I{HEADERS}"], source, output)
        return output

    folder = cache_folder()
    library = lookup(folder, key) or add(folder, key, make)
    handle = ctypes.CDLL(str(library))
    found: dict[str, int] = {}
    for name in emitted:
        entry = getattr(handle, f"peephole_cell_{name}")
        entry.restype = ctypes.c_void_p
        found[name] = entry()
    return found


def find(cell: Cell, isa: str) -> tuple[int | None, str]:
    """Address of a compiled cell's tables, compiled now if need be; or None and the reason why there are none.

    The answer holds for this process: a compiler that failed is not asked again.
    """
    if (known := _found.get((cell, isa))) is not None:
        return known
    with _lock:
        if (cell, isa) not in _found:
            _found[cell, isa] = _try(cell, isa)
        return _found[cell, isa]


def _try(cell: Cell, isa: str) -> tuple[int | None, str]:
    try:
        return compile_cells([cell], isa)[emit(cell)[0]], ""
    except BackendUnavailable as error:
        return None, _words(error)
    except OSError as error:
        # A home that cannot be written, a full disk, a folder from which nothing may be run.
        return None, f"the cell cannot be kept in the cache of compiled cells: {error}"


def can_compile(cell: Cell | None = None, isa: str | None = None) -> str | None:
    """Why a cell of your own cannot be compiled here, as far as is known without trying; None if nothing speaks against it.

    Nothing is compiled, made or written.

    Args:
        cell: the cell, for what an attempt in this process has shown; None: any.
        isa: the instruction set of that attempt.
    """
    if cell is not None and isa is not None and (known := _found.get((cell, isa))) is not None:
        return known[1] if known[0] is None else None
    if (error := missing()) is not None:
        return _words(error)
    try:
        cache_folder(make=False)
    except BackendUnavailable as error:
        return _words(error)
    except OSError as error:
        return f"the cache of compiled cells cannot be used: {error}"
    return None


def _words(error: BackendUnavailable) -> str:
    return error.message if error.hint is None else f"{error.message} ({error.hint})"


def announce(cell: Cell, reason: str) -> None:
    """Warn, once for each cell and process, that a cell runs step by step since it could not be compiled.

    The warning points at the line outside this package and torch that asked for the run.

    Args:
        cell: the cell that runs as the reference.
        reason: what `find` or `can_compile` said.
    """
    if cell in _announced:
        return
    warnings.warn(
        f"{cell!r} runs step by step, since it could not be compiled: {reason}\n"
        "hint: backend='reference' asks for that run by name, and is silent",
        NotCompiledWarning,
        stacklevel=_distance(),
    )
    _announced.add(cell)  # not before: where warnings are errors, every run is one


def _distance() -> int:
    """`stacklevel` for a warning given by our caller: the nearest frame that is neither ours nor torch's."""
    insiders = [str(Path(__file__).resolve().parents[1])]
    torch = sys.modules.get("torch")
    if torch is not None and torch.__file__:
        insiders.append(str(Path(torch.__file__).parent))
    prefixes = tuple(folder + os.sep for folder in insiders)
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(prefixes):
        frame, level = frame.f_back, level + 1
    return max(level, 1)
