"""The text of a cell's forward kernels: the whole sequence with weights on the chip, the whole sequence tile by tile, one step.

All add to a lane its input's part, which was computed for all steps at once, its bias and its recurrent products, and call the
emitted pointwise function.
"""

from __future__ import annotations

import functools

from peephole.equations.emit_triton import Pointwise
from peephole.equations.emit_triton import forward as emit_forward
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


def pointers(form: Form) -> list[str]:
    """What all forward kernels are given, in order; `launch` fills it in."""
    cell = form.cell
    return [
        "offsets",  # [T + 1] first row of each step
        "lengths",  # [N]
        "x",  # [R, G·H] W x + b
        *(f"w_{name}" for name in form.arrays),
        *(["bias"] if form.has_bias else []),
        *(f"p_{name}" for name in dict.fromkeys(form.vector(k)[0] for k in range(len(form.plan.vectors)))),
        *(["mask"] if form.has_mask else []),
        *(f"history_{name}" for name in histories(form)),  # [N + R, H]
        *(f"state_{name}" for name in cell.states),  # [N, H] initial states, overwritten by the final ones
        *(f"slot_{k}" for k in form.slots),  # [R, H]
        *(f"held_{k}" for k in form.held),  # [R, H]
    ]


def scratch(form: Form) -> list[str]:
    """What kernels that go tile by tile are given besides: `[N, H]` each."""
    return [
        *(f"operand_{k}" for k in range(len(form.plan.operands))),
        *(f"kept_{k}" for k in range(len(form.plan.all_kept))),
    ]


@functools.lru_cache(maxsize=1024)
def functions(form: Form) -> tuple[Pointwise, ...]:
    """The pointwise functions, by phase."""
    return tuple(emit_forward(form.plan, phase, form.slots, form.held) for phase in range(form.plan.phases))


def histories(form: Form) -> tuple[str, ...]:
    """States that are stored for every row.

    They are those of `Form.remembered`, and those of which a phase reads the one before the step when an earlier phase has put
    the new one in its place.
    """
    made = functions(form)

    def is_read_late(name: str) -> bool:
        new = f"slot_{form.plan.slot_of_state(name)}"
        phase = next(k for k, function in enumerate(made) if new in function.results)
        return any(f"prev_{name}" in function.arguments for function in made[phase + 1 :])

    return tuple(name for name in form.cell.states if name in form.remembered or is_read_late(name))


def _biases(form: Form, lanes: list[int]) -> list[str]:
    """`bias_K`: what the recurrent products of a lane add besides."""
    lines: list[str] = []
    for k in lanes:
        blocks = [p.block for p in form.plan.products if p.lane == k and p.array == "weight_hh"]
        if form.has_bias and blocks:
            parts = [load("bias", f"{block} * H + u", "u < H", form) for block in blocks]
            lines.append(f"bias_{k} = ({' + '.join(parts)})[None, :]")
    return lines


def _lanes(form: Form, phase: int) -> list[str]:
    """Each lane of a phase, without its recurrent products."""
    lines: list[str] = []
    gates = len(form.cell.gates)
    for k, lane in enumerate(form.plan.lanes):
        if lane.phase != phase:
            continue
        parts = ["zero"]
        for p in form.plan.products:
            if p.lane == k and form.plan.sources[p.source].kind == "input":
                at = f"row[:, None] * ({gates} * H) + {p.block} * H + u[None, :]"
                parts.append(load("x", at, "inside", form))
        if form.has_bias and any(p.lane == k and p.array == "weight_hh" for p in form.plan.products):
            parts.append(f"bias_{k}")
        lines.append(f"lane_{k} = {' + '.join(parts)}")
    return lines


def _held(form: Form, function: Pointwise) -> list[str]:
    return [
        f'{name} = tl.load({name}_at + row[:, None] * H + u[None, :], mask=inside, other=float("nan"))'
        for name in function.arguments
        if name.startswith("held_")
    ]


def _stores(form: Form, function: Pointwise, *, on_chip: bool) -> list[str]:
    """Store what a phase gives. Slots that are states are states too, and h is rounded to its dtype."""
    lines: list[str] = []
    states = {form.plan.slot_of_state(name): name for name in reversed(form.cell.states)}
    for name in function.results:
        kind, number = name.rsplit("_", 1)
        # Where there is no unit, a quotient may be NaN, which products would carry on.
        lines.append(f"{name} = tl.where(inside, {name} + zero, 0.0)")
        if kind == "slot":
            if int(number) in form.slots:
                lines.append(f"tl.store({name}_at + row[:, None] * H + u[None, :], {name}, mask=inside)")
            if int(number) in states:
                lines += _new_state(form, states[int(number)], name, on_chip=on_chip)
        elif not on_chip:
            lines.append(f"tl.store({name}_at + n[:, None] * H + u[None, :], {name}, mask=inside)")
    return lines


def _new_state(form: Form, state: str, name: str, *, on_chip: bool) -> list[str]:
    twins = [other for other in form.cell.states if form.plan.alias[other] == form.plan.alias[state]]
    lines: list[str] = []
    for twin in twins:
        lines.append(f"new_{twin} = {name}" + (f".to(tl.{form.dtype})" if twin == "h" else ""))
        if twin == "h" or (not on_chip and twin in histories(form)):
            lines.append(
                f"tl.store(history_{twin} + (N + row)[:, None] * H + u[None, :], new_{twin}, mask=inside)"
            )
        if not on_chip:
            lines.append(f"tl.store(state_{twin} + n[:, None] * H + u[None, :], new_{twin}, mask=inside)")
    return lines


def on_chip(form: Form) -> str:
    """All steps of a few sequences: weights and states stay in registers and shared memory. One tile has all units."""
    weights = list(dict.fromkeys((p.array, p.block) for p in form.recurrent))
    body = [
        "first = tl.program_id(0).to(tl.int64) * BN",
        "n = first + tl.arange(0, BN)",
        "u = tl.arange(0, BH).to(tl.int64)",
        "real = (n < N)[:, None] & (u < H)[None, :]",
        *(
            f"w{weights.index(w)} = tl.load(w_{w[0]} + ({w[1]} * H + u[None, :]) * H + u[:, None], "
            "mask=(u < H)[None, :] & (u < H)[:, None], other=0.0)"
            for w in weights
        ),
        *_biases(form, list(range(len(form.plan.lanes)))),
        *vectors(form, (f"vector_{k}" for k in range(len(form.plan.vectors)))),
        *([f"keep = {load('mask', 'n[:, None] * H + u[None, :]', 'real', form)}"] if form.has_mask else []),
        *(
            f"prev_{name} = {load(f'state_{name}', 'n[:, None] * H + u[None, :]', 'real', form)}"
            for name in form.cell.states
        ),
        "steps = tl.load(lengths + first)",  # the longest of this tile comes first
        "for s in range(0, steps):",
    ]
    loop = [f"t = {'steps - 1 - s' if form.reverse else 's'}", *step(form), *units(form)]
    for phase, function in enumerate(functions(form)):
        loop += _lanes(form, phase)
        for p in form.recurrent:
            if form.plan.lanes[p.lane].phase == phase:
                source = f"({form.source(p)} * keep)" if form.is_masked(p) else form.source(p)
                loop.append(dot(form, source, f"w{weights.index((p.array, p.block))}", f"lane_{p.lane}"))
        loop += [*_held(form, function), function.call(), *_stores(form, function, on_chip=True)]
    for name in form.cell.states:
        loop.append(f"prev_{name} = tl.where(inside, new_{name}.to(tl.{form.accumulated}), prev_{name})")
    body += indent(loop)
    body += [
        f"tl.store(state_{name} + n[:, None] * H + u[None, :], prev_{name}, mask=real)"
        for name in form.cell.states
    ]
    arguments = renamed(pointers(form))
    return kernel(
        "forward_on_chip", [*arguments, "N", "STEPS", "H", "BN: tl.constexpr", "BH: tl.constexpr"], body
    )


def _tile(form: Form, phase: int, function: Pointwise) -> list[str]:
    """One phase of one step of a tile: units `u` of sequences `n`."""
    products = [p for p in form.recurrent if form.plan.lanes[p.lane].phase == phase]
    here = [k for k, lane in enumerate(form.plan.lanes) if lane.phase == phase]
    lines = [*units(form), *_biases(form, here), *_lanes(form, phase)]
    if products:
        loop = ["k = first_k + tl.arange(0, BK).to(tl.int64)", "some = alive[:, None] & (k < H)[None, :]"]
        for source in dict.fromkeys((form.source(p), form.is_masked(p)) for p in products):
            name, masked = source
            if name.startswith("prev_"):
                at = load(f"history_{name[5:]}", "past[:, None] * H + k[None, :]", "some", form)
            else:
                at = load(f"{name}_at", "n[:, None] * H + k[None, :]", "some", form)
            if masked:
                at += f" * {load('mask', 'n[:, None] * H + k[None, :]', 'some', form)}"
            loop.append(f"left = {at}")
            for p in products:
                if (form.source(p), form.is_masked(p)) == source:
                    loop += [
                        f"right = tl.load(w_{p.array} + ({p.block} * H + u[None, :]) * H + k[:, None], "
                        "mask=(u < H)[None, :] & (k < H)[:, None], other=0.0)",
                        dot(form, "left", "right", f"lane_{p.lane}"),
                    ]
        lines += ["for first_k in range(0, summed, BK):", *indent(loop)]
    in_place = False
    for name in function.arguments:
        if name.startswith("prev_"):
            state = name[5:]
            in_place |= state not in histories(form)
            at = (f"history_{state}", "past") if state in histories(form) else (f"state_{state}", "n")
            lines.append(f"{name} = {load(at[0], f'{at[1]}[:, None] * H + u[None, :]', 'inside', form)}")
        elif name.startswith("kept_"):
            lines.append(f"{name} = {load(f'{name}_at', 'n[:, None] * H + u[None, :]', 'inside', form)}")
    return [
        *lines,
        *vectors(form, (name for name in function.arguments if name.startswith("vector_"))),
        *_held(form, function),
        function.call(),
        *(["tl.debug_barrier()"] if in_place else []),  # all of this tile is read before any of it is written
        *_stores(form, function, on_chip=False),
    ]


def tiled(form: Form) -> str:
    """All steps of a few sequences, all units of them tile by tile; weights come from the second-level cache at each step."""
    loop = [f"t = {'steps - 1 - s' if form.reverse else 's'}", *step(form), *before(form)]
    tiles = (_tile(form, phase, function) for phase, function in enumerate(functions(form)))
    return tiled_kernel("forward_tiled", [*pointers(form), *scratch(form)], loop, tiles, "steps")


def step_kernel(form: Form, phase: int) -> str:
    """One phase of one step of one tile."""
    # No weights are read at steps beyond the last, which a graph has.
    tile = ["summed = tl.where(there, H, 0)", *_tile(form, phase, functions(form)[phase])]
    return one_step_kernel(f"forward_step_{phase}", [*pointers(form), *scratch(form)], form, False, tile)
