"""What a call asks, but for its numbers: which arrays there are, in which order, and what comes back.

Everything here depends on the cell and on a few choices, and is worked out once for each combination.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from peephole.equations import Cell
from peephole.equations.plan import Plan, plan

PRECISIONS = ("highest", "high")
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """A kind of call. Make it by `call_of`: equal calls are one object, and are compared as such.

    Attributes:
        cell: the cell.
        has_bias: whether ``bias_ih`` and ``bias_hh`` are given.
        has_projection: whether ``weight_hr`` is given.
        has_mask: whether a recurrent mask is given.
        held: names of the held values, in the order in which they are given.
        save: names of the values asked for.
        reverse: as `run` takes it.
        want_state: as `run` takes it.
        precision: likewise.
        engine: whose kernels run it: ``compiled`` on CPUs, ``triton`` on GPUs.
    """

    cell: Cell
    has_bias: bool = True
    has_projection: bool = False
    has_mask: bool = False
    held: tuple[str, ...] = ()
    save: tuple[str, ...] = ()
    reverse: bool = False
    want_state: bool = True
    precision: str = "highest"
    engine: str = "compiled"

    def on(self, engine: str) -> Call:
        """The same call for another engine."""
        return call_of(
            self.cell, self.has_bias, self.has_projection, self.has_mask, self.held, self.save, self.reverse, self.want_state,
            self.precision, engine,
        )  # fmt: skip

    def rounds(self, dtype: object) -> bool:
        """Whether rows of this dtype are computed with in a wider one, and rounded."""
        return str(dtype).endswith("float16")

    @functools.cached_property
    def plan(self) -> Plan:
        """The cell, laid out for the kernel."""
        return plan(self.cell)

    @functools.cached_property
    def common_weights(self) -> tuple[str, ...]:
        """Names of the weights that all cells have, in order."""
        return (
            *WEIGHTS[:2],
            *(WEIGHTS[2:4] if self.has_bias else ()),
            *(WEIGHTS[4:] if self.has_projection else ()),
        )

    @functools.cached_property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights, in order."""
        return (*self.common_weights, *self.cell.parameters)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays of a call in order: ``rows``, the weights, ``state.h`` …, ``clamp.f`` …, ``mask``."""
        return (
            "rows",
            *self.weights,
            *self.state_names,
            *(f"clamp.{name}" for name in self.held),
            *(("mask",) if self.has_mask else ()),
        )

    @functools.cached_property
    def state_names(self) -> tuple[str, ...]:
        """Names of the initial states' gradients."""
        return tuple(f"state.{name}" for name in self.cell.states)

    @functools.cached_property
    def value_names(self) -> tuple[str, ...]:
        """Names of all values' gradients."""
        return tuple(f"value.{name}" for name in self.plan.values)

    @functools.cached_property
    def first_state(self) -> int:
        """Position of the first state among the arrays."""
        return 1 + len(self.weights)

    @functools.cached_property
    def first_held(self) -> int:
        """Position of the first held value among the arrays."""
        return self.first_state + len(self.cell.states)

    @functools.cached_property
    def states(self) -> tuple[str, ...]:
        """Names of the final states that come back."""
        return self.cell.states if self.want_state else ()

    @functools.cached_property
    def values(self) -> tuple[str, ...]:
        """Canonical names of the values that come back as arrays of their own: all that are asked for and are not the rows."""
        own = (self.plan.alias[name] for name in self.save if name != "h")
        return tuple(dict.fromkeys(name for name in own if name != "h" or self.has_projection))

    @functools.cached_property
    def value_slots(self) -> tuple[int, ...]:
        """Where the kernel stores `values`."""
        return tuple(self.plan.values.index(name) for name in self.values)

    def kept_slots(self, rounds: bool) -> tuple[int, ...]:
        """What else the kernel stores for its backward pass.

        Args:
            rounds: whether the output is rounded, so that it is not the h that was computed.
        """
        return self._kept_slots[rounds]

    @functools.cached_property
    def _kept_slots(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        needed = dict.fromkeys((*self.plan.saved, *((self.home,) if self.has_projection else ())))
        rounded = tuple(slot for slot in needed if slot not in self.value_slots)
        exact = rounded if self.has_projection else tuple(slot for slot in rounded if slot != self.home)
        return exact, rounded  # without projection and rounding, h is the rows

    @functools.cached_property
    def home(self) -> int:
        """The slot of the cell's h."""
        return self.plan.values.index("h")

    @functools.cached_property
    def held_at(self) -> dict[str, int]:
        """Canonical name of a held value → its position among the arrays."""
        return {self.plan.alias[name]: self.first_held + k for k, name in enumerate(self.held)}

    @functools.cached_property
    def place(self) -> dict[str, int]:
        """Name of an array → its position."""
        return {name: k for k, name in enumerate(self.names)}

    def gradient_names(self, wanted: Sequence[bool]) -> tuple[str, ...]:
        """Names, as `compiled.backward` knows them, of the gradients of those of `names` that are wanted."""
        key = tuple(wanted)
        known: dict[tuple[bool, ...], tuple[str, ...]] = self._gradient_names
        if key not in known:
            known[key] = tuple(name for name, want in zip(self.names, key, strict=True) if want)
        return known[key]

    @functools.cached_property
    def _gradient_names(self) -> dict[tuple[bool, ...], tuple[str, ...]]:
        return {}

    @property
    def results(self) -> int:
        """How many arrays come back: rows, final states, values."""
        return 1 + len(self.states) + len(self.values)

    def where(self, name: str) -> int:
        """Position of the value `name` among the results."""
        canonical = self.plan.alias[name]
        if name == "h" or (canonical == "h" and not self.has_projection):
            return 0
        return 1 + len(self.states) + self.values.index(canonical)

    def hidden_size(self, arrays: Sequence[object]) -> int:
        """H."""
        return arrays[1].shape[0] // self._gates  # type: ignore[attr-defined]

    @functools.cached_property
    def _gates(self) -> int:
        return len(self.cell.gates)


@functools.lru_cache(maxsize=1024)
def call_of(
    cell: Cell,
    has_bias: bool,
    has_projection: bool,
    has_mask: bool,
    held: tuple[str, ...],
    save: tuple[str, ...],
    reverse: bool,
    want_state: bool,
    precision: str = "highest",
    engine: str = "compiled",
) -> Call:
    """The one `Call` of these choices."""
    return Call(cell, has_bias, has_projection, has_mask, held, save, reverse, want_state, precision, engine)
