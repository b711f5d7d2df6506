"""The compiled library: finding it, loading it, and the C structures of its interface (``kernels/peephole.h``)."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
from pathlib import Path

from peephole.equations import Cell
from peephole.equations.emit_cpp import LIMIT, counts, emit
from peephole.equations.plan import plan
from peephole.errors import BackendUnavailable, check_choice

ABI = 3
DTYPES = {"float32": 0, "float64": 1, "bfloat16": 2}
_FOLDER = Path(__file__).resolve().parents[1] / "kernels"
_NAMES = ("peephole.so", "peephole.dylib", "peephole.dll")

_Pointers = ctypes.POINTER(ctypes.c_void_p)


class Run(ctypes.Structure):
    """``PeepholeRun``.

    Attributes:
        isa: the instruction set of its cell.
    """

    isa: str
    _fields_ = (
        ("cell", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("reverse", ctypes.c_int32),
        *(
            (name, ctypes.c_int64)
            for name in (
                "threads",
                "split",
                "precision",
                "steps",
                "batch",
                "rows",
                "inputs",
                "hidden",
                "width",
            )
        ),
        ("batch_sizes", ctypes.c_void_p),
        ("x", ctypes.c_void_p),
        ("x_stride", ctypes.c_int64),
        *(
            (name, ctypes.c_void_p)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "mask")
        ),
        ("parameter", _Pointers),
        ("state", _Pointers),
        ("output", ctypes.c_void_p),
        ("final_state", _Pointers),
        ("slot", _Pointers),
        ("held", _Pointers),
    )


class Gradients(ctypes.Structure):
    """``PeepholeGradients``."""

    _fields_ = (
        ("d_output", ctypes.c_void_p),
        ("d_final", _Pointers),
        ("d_value", _Pointers),
        *(
            (name, ctypes.c_void_p)
            for name in ("d_x", "d_weight_ih", "d_weight_hh", "d_bias_ih", "d_bias_hh", "d_weight_hr")
        ),
        ("d_parameter", _Pointers),
        ("d_state", _Pointers),
        ("d_value_out", _Pointers),
    )


@dataclasses.dataclass(frozen=True)
class Library:
    """The loaded library, or why there is none.

    Attributes:
        handle: its functions; None if it could not be loaded.
        isas: instruction sets that this machine can run, best first.
        reason: why there is none, or where it lies.
    """

    handle: ctypes.CDLL | None
    isas: tuple[str, ...]
    reason: str


@functools.cache
def library() -> Library:
    """Load the library once."""
    path = next((_FOLDER / name for name in _NAMES if (_FOLDER / name).is_file()), None)
    if path is None:
        return Library(None, (), "this installation was made without its kernel library")
    try:
        handle = ctypes.CDLL(str(path))  # calls through CDLL release the interpreter's lock
    except OSError as error:
        return Library(None, (), f"the kernel library cannot be loaded: {error}")
    if handle.peephole_abi() != ABI:
        return Library(None, (), "the kernel library belongs to another version of this package")
    handle.peephole_isas.restype = ctypes.c_char_p
    handle.peephole_cell.restype = ctypes.c_void_p
    handle.peephole_cell.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    handle.peephole_forward.argtypes = (ctypes.c_char_p, ctypes.POINTER(Run))
    handle.peephole_backward.argtypes = (ctypes.c_char_p, ctypes.POINTER(Run), ctypes.POINTER(Gradients))
    handle.peephole_function.argtypes = (
        ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p,
    )  # fmt: skip
    return Library(handle, tuple(handle.peephole_isas().decode().split()), str(path))


def instruction_set() -> str:
    """The instruction set in use: the machine's best, or the one that the environment variable ``PEEPHOLE_ISA`` forces.

    Raises:
        OptionError: ``PEEPHOLE_ISA`` names one that this build or machine has not.
    """
    isas = library().isas
    forced = os.environ.get("PEEPHOLE_ISA")
    if forced:
        check_choice("the environment variable PEEPHOLE_ISA", "value", forced, isas)
        return forced
    return isas[0]


def find_cell(cell: Cell, isa: str) -> int | None:
    """Address of a cell's tables: in the library if the cell ships, else compiled now for this user; None if it cannot be had."""
    reason, built_in = _look_up(cell, isa)
    if reason is not None or built_in is not None:
        return built_in
    from peephole.ops import (
        own_cell,  # with the compiler's side of the house, which shipped cells do not need
    )

    return own_cell.find(cell, isa)[0]


def is_own(cell: Cell) -> bool:
    """Whether the kernel needs a compiler for this cell, which this library was built without."""
    return library().handle is not None and _look_up(cell, instruction_set()) == (None, None)


@functools.lru_cache(maxsize=1024)
def _look_up(cell: Cell, isa: str) -> tuple[str | None, int | None]:
    """Why no kernel can run a cell, and its address if the library has it."""
    handle = library().handle
    assert handle is not None
    if max(counts(plan(cell)).values()) > LIMIT:
        return f"the cell is too large for it (more than {LIMIT} lanes, products or values)", None
    return None, handle.peephole_cell(isa.encode(), emit(cell)[0].encode())


def refusal(cell: Cell, device: str, dtype: str) -> str | None:
    """Why the compiled backend cannot run something, or None if it can, as far as is known without compiling anything."""
    if device != "cpu":
        return "it runs on CPUs only"
    if dtype not in DTYPES:
        return f"it computes in {', '.join(DTYPES)} only"
    found = library()
    if found.handle is None:
        return found.reason
    isa = instruction_set()
    reason, built_in = _look_up(cell, isa)
    if reason is not None or built_in is not None:
        return reason
    from peephole.ops import own_cell

    return own_cell.can_compile(cell, isa)


def call_forward(run: Run) -> None:
    """Run forward.

    Raises:
        MemoryError: there was not enough memory.
    """
    _call("peephole_forward", run)


def call_backward(run: Run, gradients: Gradients) -> None:
    """Run backward.

    Raises:
        MemoryError: there was not enough memory.
    """
    _call("peephole_backward", run, gradients)


_SPLITS = ("", "sequences", "units")


def _split() -> int:
    """How threads divide the work, if the environment variable ``PEEPHOLE_SPLIT`` forces it: ``sequences`` or ``units``."""
    forced = os.environ.get("PEEPHOLE_SPLIT", "")
    if forced:
        check_choice("the environment variable PEEPHOLE_SPLIT", "value", forced, _SPLITS[1:])
    return _SPLITS.index(forced)


@functools.cache
def share_threads() -> bool:
    """Run on the threads of the OpenMP runtime that torch has brought, from now on; False if it brought none.

    Torch's threads watch for work for milliseconds after each of its operations. A second pool would fight with them for the
    processors.
    """
    handle = library().handle
    return handle is not None and bool(handle.peephole_share_threads())


def _call(name: str, run: Run, *structures: ctypes.Structure) -> None:
    handle = library().handle
    if handle is None:
        raise BackendUnavailable(f"compiled: {library().reason}")
    run.split = _split()
    if getattr(handle, name)(run.isa.encode(), *(ctypes.byref(s) for s in (run, *structures))) != 0:
        raise MemoryError(f"{name}: not enough memory for the kernel's scratch arrays")
