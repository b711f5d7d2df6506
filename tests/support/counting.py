"""How often the kernel was called: which path ran, and not only whether the numbers agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from peephole.ops import library


class Calls:
    """Calls of the kernel: forward, backward."""

    def __init__(self) -> None:
        self.forward = self.backward = 0

    @property
    def both(self) -> tuple[int, int]:
        return self.forward, self.backward


@contextmanager
def kernel_calls() -> Iterator[Calls]:
    """Count what is called inside."""
    calls, forward, backward = Calls(), library.call_forward, library.call_backward

    def count_forward(run: Any) -> None:
        calls.forward += 1
        forward(run)

    def count_backward(run: Any, gradients: Any) -> None:
        calls.backward += 1
        backward(run, gradients)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "call_forward", count_forward)
        patch.setattr(library, "call_backward", count_backward)
        yield calls
