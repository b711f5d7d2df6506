"""What the text of a cell's kernels depends on."""

from __future__ import annotations

import dataclasses
import functools

from peephole.equations import Cell
from peephole.equations.lanes import Product
from peephole.equations.plan import Plan, plan
from peephole.ops.precision import KEPT

PRECISIONS = {"highest": "ieee", "high": "tf32"}


@dataclasses.dataclass(frozen=True)
class Form:
    """A cell, and which of the things that a pass may read and write there are.

    Attributes:
        cell: the cell.
        dtype: of rows, h, weights and mask: a key of `precision.KEPT`.
        reverse: whether sequences are read from their ends.
        has_bias: whether ``bias_hh`` is given.
        has_mask: whether there is recurrent dropout.
        held: values that are held.
        slots: slots that are stored forwards, or given backwards.
        precision: of products of float32: ``ieee``, or ``tf32`` with its ten bits.
        asked: backwards, values of which the loss asks something.
        wanted: backwards, values whose gradient is wanted.
        asked_rows: backwards, whether the loss asks something of the rows.
        parameters: backwards, whether gradients of parameters per unit are wanted.
    """

    cell: Cell
    dtype: str
    reverse: bool
    has_bias: bool
    has_mask: bool
    held: tuple[int, ...]
    slots: tuple[int, ...]
    precision: str = "ieee"
    asked: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()
    asked_rows: bool = False
    parameters: bool = False

    @functools.cached_property
    def plan(self) -> Plan:
        """The cell's plan."""
        return plan(self.cell)

    @property
    def accumulated(self) -> str:
        """Dtype of what is computed."""
        return KEPT[self.dtype]

    @functools.cached_property
    def recurrent(self) -> tuple[Product, ...]:
        """All products but those of the input, which are taken for all steps at once."""
        return tuple(p for p in self.plan.products if self.plan.sources[p.source].kind != "input")

    @functools.cached_property
    def arrays(self) -> tuple[str, ...]:
        """Names of the matrices of `recurrent`."""
        return tuple(dict.fromkeys(p.array for p in self.recurrent))

    @functools.cached_property
    def remembered(self) -> tuple[str, ...]:
        """States of which products read the one before the step, all units of it: they are stored for every row. h always is."""
        sources = (self.plan.sources[p.source] for p in self.recurrent)
        found = {self.cell.states[s.index] for s in sources if s.kind == "previous"}
        return tuple(name for name in self.cell.states if name == "h" or name in found)

    def source(self, product: Product) -> str:
        """What a product multiplies: ``prev_NAME`` or ``operand_K``."""
        source = self.plan.sources[product.source]
        return (
            f"prev_{self.cell.states[source.index]}"
            if source.kind == "previous"
            else f"operand_{source.index}"
        )

    def is_masked(self, product: Product) -> bool:
        """Whether recurrent dropout applies to what a product multiplies."""
        return self.has_mask and self.plan.sources[product.source].masked

    def vector(self, k: int) -> tuple[str, int]:
        """Name of the array of a parameter per unit, and which of its blocks of H numbers it is."""
        name, part = self.plan.vectors[k].rsplit(".", 1)
        return name, self.cell.parameters[name].parts.index(part)
