"""The kernel that measures the peak does what it says, in every instruction set."""

from __future__ import annotations

import ctypes

import pytest

from peephole.ops.library import Library, library
from peephole.studies.bench import peak
from peephole.studies.bench.peak import measure_peak

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)
# Bytes of a vector, and of an element: as many multiply-adds are done by one instruction.
BYTES = {"baseline": 16, "avx2": 32, "avx512": 64}


def done(isa: str, dtype: int, repetitions: int) -> float:
    handle = library().handle
    assert handle is not None
    handle.peephole_peak.restype = ctypes.c_double
    handle.peephole_peak.argtypes = (ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64)
    return handle.peephole_peak(isa.encode(), dtype, repetitions)


@pytest.mark.parametrize("isa", library().isas)
@pytest.mark.parametrize(("dtype", "itemsize"), [(0, 4), (1, 8), (2, 2)])
def test_multiply_adds_are_counted(isa: str, dtype: int, itemsize: int) -> None:
    one = done(isa, dtype, 1)
    assert one > 0
    assert done(isa, dtype, 1000) == 1000 * one
    bytes_ = next((size for name, size in BYTES.items() if isa == name), None)
    if bytes_ is not None and dtype < 2:
        sums = one / (bytes_ / itemsize)
        assert sums in (12, 24)


def test_an_unknown_instruction_set_does_nothing() -> None:
    assert done("none", 0, 10) == 0


def test_a_peak_is_a_rate_of_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handle:
        """Does a hundred multiply-adds a repetition, whatever is asked."""

        def __init__(self) -> None:
            self.calls: list[tuple[int, int]] = []
            self.peephole_peak = lambda isa, dtype, repetitions: self._work(dtype, repetitions)

        def _work(self, dtype: int, repetitions: int) -> float:
            self.calls.append((dtype, repetitions))
            for _ in range(repetitions):
                pass
            return 100.0 * repetitions

    class Function:
        """A callable to which argument types can be given."""

        def __init__(self, call) -> None:
            self.call = call

        def __call__(self, *args):
            return self.call(*args)

    handle = Handle()
    handle.peephole_peak = Function(handle.peephole_peak)
    monkeypatch.setattr(peak, "library", lambda: Library(handle, library().isas, ""))
    assert measure_peak("float64", 2) > 0
    assert {dtype for dtype, _ in handle.calls} == {1}
    handle.calls.clear()
    assert measure_peak("bfloat16", 1) > 0
    assert {dtype for dtype, _ in handle.calls} == {0, 2}  # the faster of the two ways


def test_without_a_library_there_is_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "library", lambda: Library(None, (), "none"))
    assert measure_peak("float32", 1) is None


def test_the_machines_peak_is_measured() -> None:
    assert measure_peak("float32", 1) > 1e6
