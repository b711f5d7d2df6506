"""The page of the cells, and their drawings."""

from __future__ import annotations

from peephole import cells
from peephole.equations import Cell, Vector, emit_latex

CELLS = [
    cells.RNN(),
    cells.RNN("relu"),
    cells.LSTM(),
    cells.PeepholeLSTM(),
    cells.PeepholeLSTM(output_peephole="previous"),
    cells.PeepholeLSTM("full"),
    cells.PeepholeLSTM("full", "previous"),
    cells.GRU(),
    cells.GRU("before"),
    cells.CoupledLSTM(),
]


def figure_name(cell: Cell) -> str:
    """The file of a cell's drawing."""
    return "-".join([cell.name, *cell.options.values()]) + ".svg"


def cells_page() -> str:
    """The equations of every cell and option."""
    lines = [
        "# The cells",
        "",
        "Made from the code that runs: the drawings by `peephole.equations.emit_diagram`, the formulas by `emit_latex` there,",
        "the listings by `peephole.cells.describe`. Each takes a cell of your own, too.",
        "",
        "W multiplies the input, U the previous h; p is a weight per unit, P a matrix; b and b' are the biases of `torch.nn`;",
        "σ is the logistic function. In a drawing, yellow boxes are layers (products with learned weights, their sum, and the",
        "function of it), red ones pointwise operations; time runs from left to right.",
    ]
    for cell in CELLS:
        shapes = {
            name: f"[{len(p.parts)}, H]" if isinstance(p, Vector) else f"[{len(p.parts)} · H, H]"
            for name, p in cell.parameters.items()
        }
        own = [f"`{name}` {shapes[name]}: {', '.join(p.parts)}" for name, p in cell.parameters.items()]
        summary, _, *listed = cells.describe(cell).split("\n")
        lines += [
            "",
            f"## `{cell!r}`",
            "",
            summary.removeprefix(f"{cell!r}: "),
            "",
            f"![One step of {cell!r}](figures/{figure_name(cell)})",
            "",
            "```math",
            emit_latex(cell),
            "```",
            "",
            "```text",
            *listed,
            "```",
            "",
            "| gates, as the weights stack them | states | own parameters | values that can be saved and held |",
            "|---|---|---|---|",
            f"| {', '.join(cell.gates)} | {', '.join(cell.states)} | {'; '.join(own) or 'none'} | {', '.join(cell.values)} |",
        ]
    return "\n".join(lines) + "\n"
