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


def renamed(arguments: list[str]) -> list[str]:
    """Arguments of a kernel: pointers whose names a block of the same name would take end in ``_at``."""
    kinds = ("slot_", "held_", "operand_", "kept_", "d_")
    return [f"{name}_at" if name.startswith(kinds) else name for name in arguments]


def from_table(arguments: list[str], form: Form) -> list[str]:
    """Each pointer from a table of addresses; the first number of the table is T."""
    lines = ["STEPS = tl.load(table)"]
    for k, name in enumerate(arguments):
        kind = f"tl.{element(name, form)}"
        lines.append(f"{name} = tl.multiple_of(tl.load(table + {k + 1}).to(tl.pointer_type({kind})), 16)")
    return lines


def element(name: str, form: Form) -> str:
    """Dtype of what a pointer points to."""
    if name in ("offsets", "lengths"):
        return "int64"
    own = ("mask", "bias", "history_h", "state_h", "d_lanes_at", "d_rows_at")
    return form.dtype if name in own or name.startswith(("w_", "p_")) else form.accumulated


def tiled_kernel(
    name: str, arguments: list[str], loop: list[str], tiles: Iterable[list[str]], steps: str
) -> str:
    """All steps of a few sequences: `loop` finds the step `s`, and each of `tiles` is a stage of it for some units."""
    for tile in tiles:
        inner = ["u = first_u + tl.arange(0, BH).to(tl.int64)", *tile]
        loop = [*loop, "for first_u in range(0, H, BH):", *indent(inner), "tl.debug_barrier()"]
    body = [
        "first = tl.program_id(0).to(tl.int64) * BN",
        "n = first + tl.arange(0, BN)",
        "summed = H",
        "steps = tl.load(lengths + first)",
        f"for s in range(0, {steps}):",
        *indent(loop),
    ]
    sizes = ["N", "STEPS", "H", "BN: tl.constexpr", "BH: tl.constexpr", "BK: tl.constexpr"]
    return kernel(name, [*renamed(arguments), *sizes], body)


def one_step_kernel(name: str, arguments: list[str], form: Form, backwards: bool, tile: list[str]) -> str:
    """One stage of one step of one tile.

    Pointers and T are read from a table, and the step from a counter: a graph of launches serves every call.
    """
    body = [
        *from_table(renamed(arguments), form),
        "s = tl.load(counter) + ahead",
        f"t = {'STEPS - 1 - s' if form.reverse != backwards else 's'}",
        "n = tl.program_id(0).to(tl.int64) * BN + tl.arange(0, BN)",
        "u = tl.program_id(1) * BH + tl.arange(0, BH).to(tl.int64)",
        *step(form),
        *before(form),
        *tile,
    ]
    sizes = ["ahead", "N", "H", "BN: tl.constexpr", "BH: tl.constexpr", "BK: tl.constexpr"]
    return kernel(name, ["table", "counter", *sizes], body)
