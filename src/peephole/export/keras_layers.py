"""Keras's layers, read option by option against the table; whatever they are, they are only asked, and never run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from peephole import cells
from peephole.equations import Cell
from peephole.errors import OptionError
from peephole.export.keras_table import BIDIRECTIONAL, CELLS, COMMON, LAYER, Rule

# Of Keras; it is not imported here, and has no types.
KerasLayer = Any


@dataclasses.dataclass(frozen=True)
class Part:
    """What becomes one layer of ours.

    Attributes:
        cell: the equations.
        directions: Keras's cells, which hold the variables: one, or the forward and the backward one.
        recurrent_dropout: in [0, 1].
        trainable: whether its weights are trained.
        returns_sequences: whether it hands all its outputs on.
    """

    cell: Cell
    directions: tuple[KerasLayer, ...]
    recurrent_dropout: float
    trainable: bool
    returns_sequences: bool


def is_keras_layer(value: Any) -> bool:
    """Whether this is a layer of Keras 3; without Keras in this process, nothing is."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.layers.Layer)


def read(where: str, layer: KerasLayer, *, inference: bool) -> list[Part]:
    """Return what becomes of a Keras layer: a layer of ours, or several of a layer of stacked cells.

    Args:
        where: for messages.
        layer: an LSTM, GRU, SimpleRNN or RNN, or a Bidirectional of one.
        inference: let options pass that change training alone.

    Raises:
        OptionError: something cannot be converted; all of it, with the reasons.
    """
    problems: list[str] = []
    parts = list(_parts(layer, problems, inference))
    if problems:
        raise OptionError(
            f"{where}: {type(layer).__name__} {layer.name!r} cannot be converted: "
            + "; ".join(dict.fromkeys(problems)),
            hint="docs/reference/weights.md has the whole table",
        )
    return parts


def _parts(layer: KerasLayer, problems: list[str], inference: bool) -> Iterator[Part]:
    keras: Any = sys.modules["keras"]
    if type(layer) is keras.layers.Bidirectional:
        yield from _both_directions(layer, problems, inference)
        return
    if type(layer) not in (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.RNN):
        problems.append(
            f"{_full_name(layer)} is none of keras.layers.LSTM, GRU, SimpleRNN, RNN, Bidirectional"
        )
        return
    stacked = type(layer.cell) is keras.layers.StackedRNNCells
    inner = list(layer.cell.cells) if stacked else [layer.cell]
    beyond = {key: value for key, value in layer.get_config().items() if key not in layer.cell.get_config()}
    problems += _refusals(beyond, LAYER, inference)
    for k, cell in enumerate(inner):
        part = _one_cell(cell, problems, inference)
        if part is not None:
            returns_sequences = bool(layer.return_sequences) or k + 1 < len(inner)
            yield dataclasses.replace(
                part, trainable=part.trainable and layer.trainable, returns_sequences=returns_sequences
            )


def _one_cell(cell: KerasLayer, problems: list[str], inference: bool) -> Part | None:
    keras: Any = sys.modules["keras"]
    name = type(cell).__name__
    if name not in CELLS or type(cell) is not getattr(keras.layers, name):
        problems.append(f"the cell {_full_name(cell)} is none of {', '.join(CELLS)}")
        return None
    config = cell.get_config()
    for option in {"activation", "recurrent_activation"} & set(config):
        config[option] = _function_name(keras, getattr(cell, option))
    problems += _refusals(config, CELLS[name], inference)
    if getattr(cell, "kernel", None) is None:
        problems.append("it has no weights yet: call it once, or build it")
    ours = {
        "LSTMCell": lambda: cells.LSTM(),
        "GRUCell": lambda: cells.GRU("after" if cell.reset_after else "before"),
        "SimpleRNNCell": lambda: cells.RNN("relu" if config["activation"] == "relu" else "tanh"),
    }[name]()
    recurrent_dropout = 0.0 if inference or name != "SimpleRNNCell" else float(cell.recurrent_dropout)
    return Part(ours, (cell,), recurrent_dropout, bool(cell.trainable), False)


def _both_directions(layer: KerasLayer, problems: list[str], inference: bool) -> Iterator[Part]:
    problems += _refusals(layer.get_config(), BIDIRECTIONAL, inference)
    halves: list[Part] = []
    for half, backwards in ((layer.forward_layer, False), (layer.backward_layer, True)):
        if bool(getattr(half, "go_backwards", backwards)) != backwards:
            problems.append("its first layer reads backwards, and ours reads forwards")
        found: list[str] = []
        parts = list(_parts(half, found, inference))
        problems += [text for text in found if not text.startswith("go_backwards")]
        if len(parts) > 1:
            problems.append("its directions are stacks of their own; ours meet after each layer")
        halves += parts[:1]
    if problems or len(halves) != 2:
        return
    forward, backward = halves
    if dataclasses.replace(backward, directions=forward.directions) != forward:
        problems.append(f"its directions differ: {_short(forward)} and {_short(backward)}")
        return
    yield dataclasses.replace(
        forward,
        directions=forward.directions + backward.directions,
        trainable=forward.trainable and bool(layer.trainable),
    )


def _full_name(layer: KerasLayer) -> str:
    return f"{type(layer).__module__}.{type(layer).__qualname__}"


def _short(part: Part) -> str:
    return f"{part.cell!r} (recurrent_dropout={part.recurrent_dropout}, trainable={part.trainable})"


def _function_name(keras: Any, function: Any) -> str:
    """The name of one of Keras's activations; of a function of somebody else's, whatever it is called, its repr."""
    name = getattr(function, "__name__", "")
    return name if getattr(keras.activations, name, None) is function else repr(function)


def _refusals(config: Mapping[str, Any], rules: Mapping[str, Rule], inference: bool) -> list[str]:
    """What the table says against a config, each with its reason."""
    known = COMMON | dict(rules)
    refused = [
        f"{key}={value!r}, which the table does not know" for key, value in config.items() if key not in known
    ]
    for key, value in config.items():
        rule = known.get(key)
        if rule is not None and rule.refuses(value, inference=inference):
            way = " (or leave it: inference=True)" if rule.effect == "training" else ""
            refused.append(f"{key}={_brief(value)}: {rule.says}{way}")
    return refused


def _brief(value: Any) -> str:
    return f"{value['class_name']}(…)" if isinstance(value, dict) and "class_name" in value else repr(value)
