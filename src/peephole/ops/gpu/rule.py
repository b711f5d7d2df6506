"""Which driver runs a sequence, and in tiles of which size: a rule that can be read and called."""

from __future__ import annotations

import dataclasses
import os

from peephole.errors import check_choice
from peephole.ops.gpu.form import Form

DRIVERS = ("on_chip", "tiled", "steps")
BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
SHARED = 227 << 10  # bytes of shared memory that a program may use on the Hopper generation
TILED_STAGES = 2  # loads under way while a tile is multiplied
TILED = (
    512 << 10
)  # bytes that one multiprocessor reads from the second-level cache in about 5 µs, as long as two launches take
TILES = {
    2: (64, 64),
    4: (32, 32),
    8: (16, 16),
}  # bytes of a number → units and depth of a tile, such that a few fit on the chip


@dataclasses.dataclass(frozen=True)
class Driver:
    """How a sequence is run.

    Attributes:
        name: one of `DRIVERS`.
        rows: sequences of a tile.
        units: units of a tile.
        depth: units that are summed over at a time.
        warps: of a program.
        stages: loads that are under way at once.
    """

    name: str
    rows: int
    units: int
    depth: int
    warps: int
    stages: int = 1


def weight_bytes(form: Form, hidden: int) -> int:
    """Bytes of the recurrent weights that every step reads, units rounded up to a power of two."""
    matrices = {(p.array, p.block) for p in form.recurrent}
    return len(matrices) * power_of_two(hidden) ** 2 * BYTES[form.dtype]


def power_of_two(number: int) -> int:
    """The least power of two that is at least `number` and 16, what a product of Triton needs."""
    return max(16, 1 << (number - 1).bit_length())


def fits_on_chip(form: Form, hidden: int, shared: int) -> bool:
    """Whether recurrent weights stay on the chip: in shared memory, with what else a backward pass keeps there.

    The factor is what Triton's compiler was seen to need (``scripts/compile-gpu-kernels``).
    """
    return weight_bytes(form, hidden) * 7 // 4 + 2048 <= shared


def choose_driver(form: Form, batch: int, hidden: int, shared: int = SHARED) -> Driver:
    """The driver for a sequence.

    Small weights stay on the chip; of medium ones each program reads all at every step; large ones are shared by all programs,
    which takes a launch at every step.

    The environment variable ``PEEPHOLE_GPU_DRIVER`` forces one of `DRIVERS`.

    Args:
        form: what is run.
        batch: N.
        hidden: H.
        shared: bytes of shared memory that a program may use.

    Example:
        >>> from peephole import cells
        >>> form = Form(cells.PeepholeLSTM(), "bfloat16", False, True, False, (), ())
        >>> [choose_driver(form, 64, hidden).name for hidden in (128, 256, 512)]
        ['on_chip', 'tiled', 'steps']
    """
    size, wide = weight_bytes(form, hidden), power_of_two(hidden)
    forced = os.environ.get("PEEPHOLE_GPU_DRIVER")
    if forced is not None:
        check_choice("the environment variable PEEPHOLE_GPU_DRIVER", "value", forced, DRIVERS)
    fits = fits_on_chip(form, hidden, shared)
    name = forced or ("on_chip" if fits else "tiled" if size <= TILED else "steps")
    if name == "on_chip":
        return Driver(name, 16, wide, wide, 4 if wide <= 64 else 8)
    units, depth = TILES[BYTES[form.dtype]]
    if name == "tiled":
        return Driver(name, 16, min(wide, units), min(wide, depth), 4, TILED_STAGES)
    return Driver(name, min(power_of_two(batch), 64), min(wide, 32), min(wide, depth), 4, TILED_STAGES)
