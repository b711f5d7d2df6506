"""Pieces of kernels' text that both passes have. `BN` sequences by `BH` units are a tile; sums over units go `BK` at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peephole.ops.gpu.available import is_interpreted
from peephole.ops.gpu.form import Form


def indent(lines: Iterable[str], by: int = 1) -> list[str]:
    """The lines, further right."""
    return [f"{'    ' * by}{line}" for line in lines]


def kernel(name: str, arguments: Sequence[str], body: Iterable[str]) -> str:
    """A kernel's source. Of its numbers only H is compiled in, as far as 16 divides it."""
    counts = [name for name in arguments if name in ("N", "STEPS", "ahead")]
    return "\n".join(
        [f"@triton.jit(do_not_specialize={counts})", f"def {name}({', '.join(arguments)}):", *indent(body)]
    )


def load(pointer: str, offset: str, mask: str, form: Form) -> str:
    """A block as it is computed with; zero where the mask is not."""
    return f"tl.load({pointer} + {offset}, mask={mask}, other=0.0).to(tl.{form.accumulated})"


def step(form: Form) -> list[str]:
    """Of step `t`: `size` sequences are alive, none outside [0, STEPS); `alive` those of this tile, and the `row` of each."""
    return [
        "there = (t >= 0) & (t < STEPS)",
        "start = tl.load(offsets + t, mask=there, other=0)",
        "size = tl.load(offsets + t + 1, mask=there, other=0) - start",
        "alive = n < size",
        "row = start + n",
    ]


def before(form: Form) -> list[str]:
    """`past`: where the state before the step lies in a history, whose first N rows are initial states."""
    if form.reverse:
        return [
            "later = there & (t + 1 < STEPS)",
            "past_start = start + size",
            "past_size = tl.load(offsets + t + 2, mask=later, other=0) - tl.load(offsets + t + 1, mask=later, other=0)",
            "past = tl.where(n < past_size, N + past_start + n, n)",
        ]
    return [
        "past_start = tl.load(offsets + t - 1, mask=there & (t > 0), other=0)",
        "past = tl.where(t > 0, N + past_start + n, n)",
    ]


def units(form: Form) -> list[str]:
    """`inside`: which units `u` of a tile there are, of sequences that are alive."""
    return [
        "inside = alive[:, None] & (u < H)[None, :]",
        f"zero = tl.zeros((BN, BH), tl.{form.accumulated})",  # what a result that is a number is added to
    ]


def vectors(form: Form, names: Iterable[str]) -> list[str]:
    """Parameters per unit that a function takes."""
    lines: list[str] = []
    for name in names:
        array, part = form.vector(int(name.removeprefix("vector_")))
        lines.append(f"{name} = {load(f'p_{array}', f'{part} * H + u', 'u < H', form)}[None, :]")
    return lines


def dot(form: Form, left: str, right: str, into: str) -> str:
    """``into += left · right``, summed in the dtype that is computed in."""
    # Half precision is rounded before it is multiplied, as the operands of tensor cores are.
    left = f"{left}.to(tl.{form.dtype})"
    if form.dtype == "bfloat16" and is_interpreted():  # the interpreter would multiply the bits
        left, right = f"{left}.to(tl.float32)", f"{right}.to(tl.float32)"
    return (
        f"{into} = tl.dot({left}, {right}, {into}, "
        f'input_precision="{form.precision}", out_dtype=tl.{form.accumulated})'
    )
