"""What torch is doing around a call. Nothing here imports torch: where nobody has, it does nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

_Function = TypeVar("_Function", bound=Callable[..., object])


def constant_in_graphs(function: _Function) -> _Function:
    """Let `torch.compile` call a function while it makes a graph, not look into it, and keep its answer.

    As `torch.compiler.assume_constant_result`, which would import the compiler.
    """
    setattr(function, "_dynamo_marked_constant", True)  # noqa: B010
    return function


def is_traced() -> bool:
    """Whether `torch.compile`, `torch.export` or `torch.jit.trace` is making a graph of the call."""
    torch = sys.modules.get("torch")
    return torch is not None and (torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None)


@constant_in_graphs  # the compiler guards it by itself
def in_transform() -> bool:
    """Whether a `torch.func` transform is under way."""
    torch = sys.modules.get("torch")
    return torch is not None and torch._C._functorch.peek_interpreter_stack() is not None


@constant_in_graphs
def in_forward_mode() -> bool:
    """Whether derivatives are taken forwards, by `torch.func.jvp` or `torch.autograd.forward_ad`."""
    torch = sys.modules.get("torch")
    return torch is not None and torch.autograd.forward_ad._current_level >= 0
