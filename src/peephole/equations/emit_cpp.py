"""C++ from a cell's plan: its pointwise functions, and the tables that the kernel reads.

The tables' types are declared in ``kernels/cell.h``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable

from peephole.equations.cell import Cell
from peephole.equations.emit_pointwise import backward, forward
from peephole.equations.plan import Plan, plan

# The kernel holds this many pointers per tile; a cell beyond it runs as the reference.
LIMIT = 64


def _table(name: str, kind: str, rows: Iterable[str]) -> str:
    rows = list(rows)
    # C++ has no arrays of length zero.
    return f"constexpr {kind} {name}[] = {{{', '.join(rows) or '{}'}}};"


def _tables(found: Plan) -> list[str]:
    kinds = {"input": 0, "previous": 1, "operand": 2}
    cell = found.cell
    arrays = {"weight_ih": 0, "weight_hh": 1, **{name: 2 + k for k, name in enumerate(cell.parameters)}}
    parts = [label.rsplit(".", 1) for label in found.vectors]
    firsts = [sum(lane.phase < phase for lane in found.lanes) for phase in range(found.phases + 1)]
    return [
        _table(
            "sources", "Source", (f"{{{kinds[s.kind]}, {s.index}, {int(s.masked)}}}" for s in found.sources)
        ),
        _table(
            "products",
            "Product",
            (f"{{{p.source}, {p.lane}, {arrays[p.array]}, {p.block}}}" for p in found.products),
        ),
        _table("first_lane", "int", map(str, firsts)),
        _table(
            "lane_level", "int", (str(found.level(found.lane_gradient(k))) for k in range(len(found.lanes)))
        ),
        _table("operand_phase", "int", (str(found.phase[node]) for node in found.operands)),
        _table("operand_level", "int", (str(found.operand_level(k)) for k in range(len(found.operands)))),
        _table("state_slot", "int", (str(found.slot_of_state(name)) for name in cell.states)),
        _table(
            "vectors",
            "Vector",
            (f"{{{arrays[name] - 2}, {cell.parameters[name].parts.index(part)}}}" for name, part in parts),
        ),
    ]


def counts(found: Plan) -> dict[str, int]:
    """How many of each thing a cell has; members of ``CellTable`` in `cell.h`, in this order."""
    return {
        "gates": len(found.cell.gates),
        "states": len(found.cell.states),
        "values": len(found.values),
        "slots": len(found.slots),
        "lanes": len(found.lanes),
        "sources": len(found.sources),
        "products": len(found.products),
        "phases": found.phases,
        "levels": found.levels,
        "kept": len(found.all_kept),
        "operands": len(found.operands),
        "vectors": len(found.vectors),
        "parameters": len(found.cell.parameters),
    }


@functools.lru_cache(maxsize=256)
def emit(cell: Cell) -> tuple[str, str]:
    """Return a cell's key and its C++ text, a namespace ``cell_<key>`` with a ``table``.

    The key is a digest of the text: cells with the same equations have the same key, and a library built from other equations
    does not know it.

    Example:
        >>> from peephole import cells
        >>> key, text = emit(cells.LSTM())
        >>> f"namespace cell_{key} {{" in text
        True
    """
    found = plan(cell)
    lines: list[str] = []
    for phase in range(found.phases):
        lines += forward(found, phase)
    for level in range(found.levels):
        lines += backward(found, level)
    lines += _tables(found)
    for name, count in (("forward", found.phases), ("backward", found.levels)):
        rows = ", ".join(f"{{{name}_{k}<V, false>, {name}_{k}<V, true>}}" for k in range(count))
        lines.append(
            f"template <class V> const Function<{name.title()}Tile<Scalar<V>>> {name}s[][2] = {{{rows}}};"
        )
    numbers = ", ".join(str(count) for count in counts(found).values())
    key = hashlib.sha256("\n".join([*lines, numbers]).encode()).hexdigest()[:16]
    lines += [
        "const CellTable table = {",
        f'  "{key}", {numbers},',
        "  sources, products, first_lane, lane_level, operand_phase, operand_level, state_slot, vectors,",
        "  {forwards<Float>, backwards<Float>}, {forwards<Double>, backwards<Double>},",
        "};",
    ]
    text = "\n".join([f"// {cell!r}", f"namespace cell_{key} {{", *lines, f"}}  // namespace cell_{key}", ""])
    return key, text


def emit_all(cells: Iterable[Cell]) -> str:
    """Return the generated file that the kernel includes: all cells, and the list of their tables.

    Example:
        >>> from peephole import cells
        >>> emit_all([cells.RNN()]).count("void backward_0")
        1
    """
    emitted = dict(emit(cell) for cell in cells)
    tables = ", ".join(f"&cell_{key}::table" for key in emitted)
    return "\n".join(
        [
            "// Written by peephole.equations.emit_cpp from the equations in cells.py.",
            *emitted.values(),
            f"const CellTable* const kCells[] = {{{tables}}};",
            f"constexpr int kCellCount = {len(emitted)};",
            "",
        ]
    )
