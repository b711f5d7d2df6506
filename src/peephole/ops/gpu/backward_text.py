"""The text of a cell's backward kernels: the whole sequence with weights on the chip, the whole sequence tile by tile, one step.

Steps are taken from the last to the first. A kernel gives the gradients of lanes of every row, and those of states; gradients of
weights and inputs are products of these over all rows, taken afterwards (`gradients`). Nothing is added atomically.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from peephole.equations.emit_triton import Pointwise
from peephole.equations.emit_triton import backward as emit_backward
from peephole.equations.lanes import Product
from peephole.ops.gpu.form import Form
from peephole.ops.gpu.text import (
    before,
    dot,
    indent,
    kernel,
    load,
    one_step_kernel,
    renamed,
    step,
    tiled_kernel,
    units,
    vectors,
)


@functools.lru_cache(maxsize=1024)
def functions(form: Form) -> tuple[Pointwise, ...]:
    """The pointwise functions, by level."""
    return tuple(
        emit_backward(form.plan, level, form.held, form.asked, form.wanted, form.parameters)
        for level in range(form.plan.levels)
    )


def _taken(form: Form, kind: str) -> list[str]:
    """What of a kind any function takes."""
    found = {name for function in functions(form) for name in function.arguments if name.startswith(kind)}
    return sorted(found)


def histories(form: Form) -> list[str]:
    """States of which the pointwise functions read the one before the step."""
    return [name.removeprefix("prev_") for name in _taken(form, "prev_")]


def pointers(form: Form) -> list[str]:
    """What all backward kernels are given, in order; `launch` fills it in."""
    plan = form.plan
    return [
        "offsets",  # [T + 1] first row of each step
        "lengths",  # [N]
        *(f"w_{name}" for name in form.arrays),
        *(f"p_{name}" for name in dict.fromkeys(form.vector(k)[0] for k in range(len(plan.vectors)))),
        *(["mask"] if form.has_mask else []),
        *(f"history_{name}" for name in histories(form)),  # [N + R, H]
        *_taken(form, "slot_"),  # [R, H]
        *_taken(form, "held_"),  # [R, H]
        *(f"d_value_{k}" for k in form.asked),  # [R, H]
        *(["d_rows"] if form.asked_rows else []),  # [R, H]
        *(
            f"d_state_{name}" for name in form.cell.states
        ),  # [N, H] of final states, overwritten by those of initial ones
        "d_lanes",  # out [R, lanes, H]
        *(f"operand_{k}" for k in range(len(plan.operands))),  # out [R, H]
        *(
            ["d_vectors"] if form.parameters and plan.vectors else []
        ),  # out [tiles of sequences, vectors, H], zero before
        *(f"d_value_out_{k}" for k in form.wanted),  # out [R, H]
    ]


def scratch(form: Form) -> list[str]:
    """What kernels that go tile by tile are given besides: `[N, H]` each."""
    return [
        *(f"d_prev_{name}" for name in form.cell.states),
        *(f"d_operand_{k}" for k in range(len(form.plan.operands))),
    ]


def _loads(form: Form, names: Iterable[str]) -> list[str]:
    """What a function takes of memory, row by row."""
    lines: list[str] = []
    for name in names:
        if name.startswith("prev_"):
            lines.append(
                f"{name} = {load(f'history_{name[5:]}', 'past[:, None] * H + u[None, :]', 'inside', form)}"
            )
        elif name.startswith("held_"):
            lines.append(
                f'{name} = tl.load({name}_at + row[:, None] * H + u[None, :], mask=inside, other=float("nan"))'
            )
        elif name.startswith(("slot_", "d_value_")):
            lines.append(f"{name} = {load(f'{name}_at', 'row[:, None] * H + u[None, :]', 'inside', form)}")
    return lines


def _asked(form: Form, carry: str) -> list[str]:
    """`d_state_NAME`: what later steps ask of a state, and what the loss asks of h."""
    lines: list[str] = []
    for name in form.cell.states:
        loss = load("d_rows_at", "row[:, None] * H + u[None, :]", "inside", form)
        lines.append(
            f"d_state_{name} = {carry}_{name}" + (f" + {loss}" if name == "h" and form.asked_rows else "")
        )
    return lines


def _stores(form: Form, results: Sequence[str], *, on_chip: bool) -> list[str]:
    """Store what a level gives; `d_prev_NAME` stays where it is on the chip."""
    lanes = len(form.plan.lanes)
    lines: list[str] = []
    for name in results:
        # Where there is no unit, a quotient may be NaN, which products would carry on.
        lines.append(f"{name} = tl.where(inside, {name} + zero, 0.0)")
        if name.startswith("d_lane_"):
            at = f"d_lanes_at + row[:, None] * ({lanes} * H) + {name[7:]} * H + u[None, :]"
        elif name.startswith("d_prev_"):
            at = "" if on_chip else f"{name}_at + n[:, None] * H + u[None, :]"
        elif name.startswith("d_vector_"):
            place = f"d_vectors_at + (tl.program_id(0).to(tl.int64) * {len(form.plan.vectors)} + {name[9:]}) * H + u"
            if on_chip:
                lines.append(f"sum_{name[9:]} += {name}")
            else:
                sums = f"tl.load({place}, mask=u < H, other=0.0) + tl.sum({name}, 0)"
                lines.append(f"tl.store({place}, {sums}, mask=u < H)")
            at = ""
        else:  # operands, whole gradients of values
            at = f"{name}_at + row[:, None] * H + u[None, :]"
        if at:
            lines.append(f"tl.store({at}, {name}, mask=inside)")
    return lines


def _of_operand(form: Form, k: int) -> list[Product]:
    return [p for p in form.recurrent if form.source(p) == f"operand_{k}"]


def _of_state(form: Form, name: str) -> list[Product]:
    return [p for p in form.recurrent if form.source(p) == f"prev_{name}"]


def _level_of_operands(form: Form, level: int) -> list[int]:
    return [k for k in range(len(form.plan.operands)) if form.plan.operand_level(k) == level]


def _sums_on_chip(
    form: Form, products: list[Product], into: str, weights: list[tuple[str, int]]
) -> list[str]:
    """``into += Σ d_lane · W``, masked where recurrent dropout is."""
    lines: list[str] = []
    for masked in (False, True):
        chosen = [p for p in products if form.is_masked(p) == masked]
        if not chosen:
            continue
        lines.append("part = zero")
        lines += [
            dot(form, f"d_lane_{p.lane}", f"w{weights.index((p.array, p.block))}", "part") for p in chosen
        ]
        lines.append(f"{into} += part * keep" if masked else f"{into} += part")
    return lines


def on_chip(form: Form) -> str:
    """All steps of a few sequences: weights and gradients of states stay in registers and shared memory."""
    plan, states = form.plan, form.cell.states
    weights = list(dict.fromkeys((p.array, p.block) for p in form.recurrent))
    sums = [k for k in range(len(plan.vectors)) if form.parameters]
    body = [
        "first = tl.program_id(0).to(tl.int64) * BN",
        "n = first + tl.arange(0, BN)",
        "u = tl.arange(0, BH).to(tl.int64)",
        "real = (n < N)[:, None] & (u < H)[None, :]",
        *(
            f"w{weights.index(w)} = tl.load(w_{w[0]} + ({w[1]} * H + u[:, None]) * H + u[None, :], "
            "mask=(u < H)[None, :] & (u < H)[:, None], other=0.0)"
            for w in weights
        ),
        *vectors(form, (f"vector_{k}" for k in range(len(plan.vectors)))),
        *([f"keep = {load('mask', 'n[:, None] * H + u[None, :]', 'real', form)}"] if form.has_mask else []),
        *(
            f"carry_{name} = {load(f'd_state_{name}_at', 'n[:, None] * H + u[None, :]', 'real', form)}"
            for name in states
        ),
        *(f"sum_{k} = tl.zeros((BN, BH), tl.{form.accumulated})" for k in sums),
        "steps = tl.load(lengths + first)",
        "for s in range(0, steps):",
    ]
    loop = [f"t = {'s' if form.reverse else 'steps - 1 - s'}", *step(form), *before(form), *units(form)]
    made = functions(form)
    loop += _loads(form, dict.fromkeys(name for function in made for name in function.arguments))
    loop += _asked(form, "carry")
    for level, function in enumerate(made):
        for k in _level_of_operands(form, level):
            loop += [
                f"d_operand_{k} = zero",
                *_sums_on_chip(form, _of_operand(form, k), f"d_operand_{k}", weights),
            ]
        loop += _call(function)
        loop += _stores(form, function.results, on_chip=True)
    given = {name for function in made for name in function.results}
    for name in states:
        loop.append(f"new_{name} = {f'd_prev_{name}' if f'd_prev_{name}' in given else 'zero'}")
        loop += _sums_on_chip(form, _of_state(form, name), f"new_{name}", weights)
    loop += [f"carry_{name} = tl.where(inside, new_{name}, carry_{name})" for name in states]
    body += indent(loop)
    body += [
        f"tl.store(d_state_{name}_at + n[:, None] * H + u[None, :], carry_{name}, mask=real)"
        for name in states
    ]
    for k in sums:
        place = f"d_vectors_at + (tl.program_id(0).to(tl.int64) * {len(plan.vectors)} + {k}) * H + u"
        body.append(f"tl.store({place}, tl.sum(sum_{k}, 0), mask=u < H)")
    sizes = ["N", "STEPS", "H", "BN: tl.constexpr", "BH: tl.constexpr"]
    return kernel("backward_on_chip", [*renamed(pointers(form)), *sizes], body)


def _call(function: Pointwise) -> list[str]:
    return [function.call()] if function.results else []


def _sums(form: Form, products: list[Product], into: str, row: str, alive: str) -> list[str]:
    """``into += Σ d_lane · W`` of all units, `BK` at a time; `row`, `alive`: the rows whose lanes these are."""
    lanes = len(form.plan.lanes)
    lines: list[str] = []
    for masked in (False, True):
        chosen = [p for p in products if form.is_masked(p) == masked]
        if not chosen:
            continue
        loop = ["k = first_k + tl.arange(0, BK).to(tl.int64)"]
        for p in chosen:
            loop += [
                f"left = tl.load(d_lanes_at + {row}[:, None] * ({lanes} * H) + {p.lane} * H + k[None, :], "
                f"mask={alive}[:, None] & (k < H)[None, :], other=0.0)",
                f"right = tl.load(w_{p.array} + ({p.block} * H + k[:, None]) * H + u[None, :], "
                "mask=(k < H)[:, None] & (u < H)[None, :], other=0.0)",
                dot(form, "left", "right", "part"),
            ]
        lines += ["part = zero", "for first_k in range(0, summed, BK):", *indent(loop)]
        keep = load("mask", "n[:, None] * H + u[None, :]", f"{alive}[:, None] & (u < H)[None, :]", form)
        lines.append(f"{into} += part * {keep}" if masked else f"{into} += part")
    return lines


def _tile(form: Form, level: int, function: Pointwise) -> list[str]:
    """One level of one step of a tile. Level 0 first takes the products of the step that was taken before."""
    states = form.cell.states
    given = {name for other in functions(form) for name in other.results}
    lines = units(form)
    if level == 0:
        lines += [
            "did = was[:, None] & (u < H)[None, :]",
            "real = (n < N)[:, None] & (u < H)[None, :]",
        ]
        for name in states:
            at = "n[:, None] * H + u[None, :]"
            lines.append(f"carry_{name} = {load(f'd_state_{name}_at', at, 'real', form)}")
            lines.append(
                f"new_{name} = "
                + (load(f"d_prev_{name}_at", at, "did", form) if f"d_prev_{name}" in given else "zero")
            )
            lines += _sums(form, _of_state(form, name), f"new_{name}", "was_row", "was")
            lines.append(f"carry_{name} = tl.where(did, new_{name}, carry_{name})")
        lines.append("tl.debug_barrier()")  # all of this tile is read before any of it is written
        lines += [
            f"tl.store(d_state_{name}_at + n[:, None] * H + u[None, :], carry_{name}, mask=did)"
            for name in states
        ]
    else:
        lines += [
            f"carry_{name} = {load(f'd_state_{name}_at', 'n[:, None] * H + u[None, :]', 'inside', form)}"
            for name in states
        ]
        for k in range(len(form.plan.operands)):
            at = "n[:, None] * H + u[None, :]"
            if k in _level_of_operands(form, level):
                lines += [
                    f"d_operand_{k} = zero",
                    *_sums(form, _of_operand(form, k), f"d_operand_{k}", "row", "alive"),
                    f"tl.store(d_operand_{k}_at + {at}, d_operand_{k}, mask=inside)",
                ]
            elif f"d_operand_{k}" in function.arguments:
                lines.append(f"d_operand_{k} = {load(f'd_operand_{k}_at', at, 'inside', form)}")
    return [
        *lines,
        *_loads(form, function.arguments),
        *vectors(form, (name for name in function.arguments if name.startswith("vector_"))),
        *_asked(form, "carry"),
        *_call(function),
        *_stores(form, function.results, on_chip=False),
    ]


def _last(form: Form) -> list[str]:
    """`was`: which sequences were alive at the step that was taken before this one, and their `was_row`."""
    return [
        f"last = t {'-' if form.reverse else '+'} 1",
        "known = (last >= 0) & (last < STEPS)",
        "last_start = tl.load(offsets + last, mask=known, other=0)",
        "was = n < tl.load(offsets + last + 1, mask=known, other=0) - last_start",
        "was_row = last_start + n",
    ]


def tiled(form: Form) -> str:
    """All steps of a few sequences, all units of them tile by tile; one step more takes the products of the first."""
    loop = [f"t = {'s' if form.reverse else 'steps - 1 - s'}", *step(form), *before(form), *_last(form)]
    tiles = (_tile(form, level, function) for level, function in enumerate(functions(form)))
    return tiled_kernel("backward_tiled", [*pointers(form), *scratch(form)], loop, tiles, "steps + 1")


def step_kernel(form: Form, level: int) -> str:
    """One level of one step of one tile. Level 0 is launched once more at the end."""
    tile = [
        *_last(form),
        "summed = tl.where(there | known, H, 0)",
        *_tile(form, level, functions(form)[level]),
    ]
    return one_step_kernel(f"backward_step_{level}", [*pointers(form), *scratch(form)], form, True, tile)
