"""The page of weights in and out: its tables, from those that the conversion obeys."""

from __future__ import annotations

from collections.abc import Mapping

from peephole import cells
from peephole.equations import Cell
from peephole.export.keras_arrays import GATES, KERAS_CLASSES, has_two_biases
from peephole.export.keras_table import BIDIRECTIONAL, CALLS, COMMON, LAYER, Rule
from peephole.export.keras_table import CELLS as KERAS_CELLS
from peephole.export.torch_weights import MODULES
from reference.texts import filled

EFFECTS = {
    "carried": "carried",
    "start": "not needed",
    "interface": "interface",
    "training": "training",
    "refused": "mathematics",
}


def weights_page() -> str:
    """What moves between us, PyTorch and Keras, from the tables that the conversion obeys."""
    return filled("weights.md", torch=torch_table(), cells=keras_cells(), options=keras_options())


def torch_table() -> list[str]:
    """Cells and the layers of torch that compute them."""
    rows = [
        f"| `{cell!r}` | `torch.nn.{kind.__name__}`{given_options(options)} |"
        for cell, (kind, options) in MODULES.items()
    ]
    return ["| cell | layer of torch |", "|---|---|", *rows, "| all others | none: refused |"]


def given_options(options: Mapping[str, object]) -> str:
    """Options as a table has them."""
    return "".join(f", `{name}={value!r}`" for name, value in options.items())


def keras_cells() -> list[str]:
    """Cells, Keras's layers and orders of gates."""
    lines = [
        "| cell | layer of Keras | its order of gates, in our letters | ours | bias |",
        "|---|---|---|---|---|",
    ]
    every: list[Cell] = [
        cells.LSTM(),
        cells.GRU("after"),
        cells.GRU("before"),
        cells.RNN("tanh"),
        cells.RNN("relu"),
    ]
    for cell in every:
        name = KERAS_CLASSES[type(cell)]
        if isinstance(cell, cells.GRU):
            name += f"(reset_after={cell.reset == 'after'})"
        elif isinstance(cell, cells.RNN):
            name += f"(activation={cell.nonlinearity!r})"
        rows = f"{len(cell.gates)}·H"
        bias = (
            f"`[2, {rows}]`: `bias_ih`, `bias_hh`"
            if has_two_biases(cell)
            else f"`[{rows.removeprefix('1·')}]`: their sum"
        )
        lines.append(
            f"| `{cell!r}` | `{name}` | {', '.join(GATES[type(cell)])} | {', '.join(cell.gates)} | {bias} |"
        )
    return [*lines, "| all others, and `proj_size` | none: refused | | | |"]


def keras_options() -> list[str]:
    """Every option of Keras, and what becomes of it."""
    lines = ["| of | option | changes | passes | what becomes of it |", "|---|---|---|---|---|"]
    gated = {
        key: rule for key, rule in KERAS_CELLS["LSTMCell"].items() if KERAS_CELLS["GRUCell"].get(key) == rule
    }
    groups: dict[str, Mapping[str, Rule]] = {
        "every layer": COMMON,
        "LSTM, GRU": gated,
        **{
            name.removesuffix("Cell"): {key: rule for key, rule in rules.items() if gated.get(key) != rule}
            for name, rules in KERAS_CELLS.items()
        },
        "the layer around a cell": LAYER,
        "Bidirectional": BIDIRECTIONAL,
        "a call": CALLS,
    }
    for of, rules in groups.items():
        for key, rule in rules.items():
            free = rule.effect in ("carried", "start", "interface")
            passes = "anything" if free else ", ".join(f"`{value!r}`" for value in rule.plain)
            lines.append(f"| {of} | `{key}` | {EFFECTS[rule.effect]} | {passes} | {rule.says} |")
    return lines
