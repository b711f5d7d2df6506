"""From text to kernels: one module for each form and driver, kept for the process. Triton keeps what it compiles on disk."""

from __future__ import annotations

import functools
import hashlib
import linecache
from typing import Any

from peephole.ops.gpu import backward_text, forward_text
from peephole.ops.gpu.form import Form

_HEADER = """import triton
import triton.language as tl
from peephole.ops.gpu.functions import held, log1p, maximum, minimum, positive, relu, sigmoid, tanh, where_free
"""


def text(form: Form, direction: str, driver: str) -> str:
    """The source of a driver's kernels, with the functions they call.

    Args:
        form: the form.
        direction: ``forward`` or ``backward``.
        driver: ``on_chip``, ``tiled`` or ``steps``.

    Example:
        >>> from peephole import cells
        >>> form = Form(cells.LSTM(), "float32", False, True, False, (), (1, 2, 3, 4, 5))
        >>> text(form, "forward", "on_chip").count("tl.dot")
        4
    """
    writer: Any = forward_text if direction == "forward" else backward_text
    functions = writer.functions(form)
    if driver == "steps":
        kernels = [writer.step_kernel(form, k) for k in range(len(functions))]
    else:
        kernels = [getattr(writer, driver)(form)]
    return "\n\n\n".join([_HEADER, *(function.text for function in functions), *kernels, ""])


@functools.lru_cache(maxsize=1024)
def kernels(form: Form, direction: str, driver: str) -> tuple[Any, ...]:
    """The kernels of a driver: one, or for ``steps`` one for each phase or level."""
    source = text(form, direction, driver)
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    name = f"<peephole {type(form.cell).__name__} {direction} {digest}>"
    # Triton reads a function's source, which is in no file.
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, name, "exec"), namespace)  # noqa: S102  (the text holds identifiers and numbers)
    count = len(backward_text.functions(form) if direction == "backward" else forward_text.functions(form))
    names = (
        [f"{direction}_step_{k}" for k in range(count)] if driver == "steps" else [f"{direction}_{driver}"]
    )
    return tuple(namespace[name] for name in names)
