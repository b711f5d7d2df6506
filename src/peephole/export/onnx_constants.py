"""The constants of an ONNX graph, and what exporters make of constants: weights cut up, put together and cast.

A few operators that move or scale numbers are known, each checked; nothing else is computed, and no more numbers than a file can
hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from peephole.errors import ModelError
from peephole.export.onnx_file import Array, OnnxFile
from peephole.export.onnx_graph import onnx_package

Attributes = Mapping[str, Any]
# How much memory all constants may take: so much, and so many times what the file has. int8 becomes four times larger, and is cut
# up and put together again a few times.
_ROOM, _TIMES = 1 << 26, 32
_DEEPEST = 100
_FLOATS = {1: np.float32, 10: np.float16, 11: np.float64}


class Constants:
    """Values of names that do not depend on the graph's inputs.

    Args:
        file: the graph.
    """

    def __init__(self, file: OnnxFile) -> None:
        self._file = file
        self._given = {tensor.name: tensor for tensor in file.graph.initializer}
        self._made_by = {name: node for node in file.graph.node for name in node.output if name}
        self._known: dict[str, Array | None] = {}
        self._bytes = 0

    def value(self, name: str) -> Array | None:
        """Return the value of a name, or None where it depends on the inputs or on an operator that is not known here.

        Raises:
            ModelError: a constant disagrees with itself, or there are too many numbers.
        """
        return self._find(name, 0)

    def _find(self, name: str, depth: int) -> Array | None:
        if name in self._known:
            return self._known[name]
        if depth > _DEEPEST:  # also where a graph goes round in circles
            raise ModelError(
                f"{self._file.where}: a constant must be made in at most {_DEEPEST} operations; got more for {name[:60]!r}"
            )
        found = None
        if name in self._given:
            found = self._file.array(self._given[name])
        else:
            node = self._made_by.get(name)
            if node is not None and node.op_type in _KNOWN and node.domain in ("", "ai.onnx"):
                inputs = [self._find(each, depth + 1) if each else None for each in node.input]
                if all(found is not None for found, each in zip(inputs, node.input, strict=True) if each):
                    found = self._computed(node, name, inputs)
        if found is not None:
            self._use(found.nbytes)
        self._known[name] = found
        return found

    def _use(self, size: int, *, ahead: bool = False) -> None:
        most = _ROOM + _TIMES * self._file.bytes_read
        if self._bytes + size > most:
            raise ModelError(f"{self._file.where}: constants must take at most {most:,} bytes; got more")
        self._bytes += 0 if ahead else size

    def _computed(self, node: Any, name: str, inputs: list[Array | None]) -> Array:
        attributes = attributes_of(node)
        place = f"{self._file.where}, {node.op_type} {name[:60]!r}"
        if node.op_type == "Constant":
            return self._constant(attributes, place)
        self._use(4 * sum(each.nbytes for each in inputs if each is not None), ahead=True)
        try:
            return np.asarray(_KNOWN[node.op_type](inputs, attributes))
        except (ValueError, IndexError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ModelError(
                f"{place}: must have inputs that fit together; got ones that do not ({error})"
            ) from None

    def _constant(self, attributes: Attributes, place: str) -> Array:
        for key, dtype in (
            ("value_float", np.float32),
            ("value_floats", np.float32),
            ("value_int", np.int64),
            ("value_ints", np.int64),
        ):
            if key in attributes:
                return np.array(attributes[key], dtype)
        if "value" not in attributes:
            raise ModelError(f"{place}: must have a value of numbers; got none")
        return self._file.array(attributes["value"])


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name; text is a str."""
    read = onnx_package().helper.get_attribute_value
    found = {attribute.name: read(attribute) for attribute in node.attribute}
    return {
        name: value.decode(errors="replace")
        if isinstance(value, bytes)
        else [each.decode(errors="replace") if isinstance(each, bytes) else each for each in value]
        if isinstance(value, (list, tuple)) or type(value).__name__.startswith("Repeated")
        else value
        for name, value in found.items()
    }


def _axes(inputs: Sequence[Array | None], attributes: Attributes) -> tuple[int, ...]:
    given = inputs[1] if len(inputs) > 1 and inputs[1] is not None else attributes["axes"]
    return tuple(int(axis) for axis in given)


def _cast(inputs: Sequence[Any], attributes: Attributes) -> Array:
    return inputs[0].astype(_FLOATS[attributes["to"]])


def _concat(inputs: Sequence[Any], attributes: Attributes) -> Array:
    return np.concatenate(inputs, attributes["axis"])


def _dequantized(inputs: Sequence[Any], attributes: Attributes) -> Array:
    codes, scale, *zero = inputs
    if codes.dtype not in (np.int8, np.uint8) or scale.ndim > 1:
        raise ValueError("only int8 and uint8 with one scale, or one for each row, are known")
    shape = [1] * codes.ndim
    if scale.ndim:
        shape[attributes.get("axis", 1)] = scale.size
    whole = codes.astype(np.float32)
    if zero and zero[0] is not None:
        whole -= zero[0].astype(np.float32).reshape(shape if zero[0].ndim else ())
    return whole * scale.reshape(shape if scale.ndim else ())


def _gather(inputs: Sequence[Any], attributes: Attributes) -> Array:
    table, indices = inputs
    axis = attributes.get("axis", 0)
    if indices.size > table.shape[axis]:  # no exporter repeats weights, and a few bytes must not become many
        raise ValueError("more indices than rows")
    return np.take(table, indices, axis)


def _reshape(inputs: Sequence[Any], attributes: Attributes) -> Array:
    array, shape = inputs
    return array.reshape([array.shape[k] if n == 0 else int(n) for k, n in enumerate(shape)])


def _slice(inputs: Sequence[Any], attributes: Attributes) -> Array:
    array, starts, ends, *rest = inputs
    axes = rest[0] if rest and rest[0] is not None else range(len(starts))
    if len(rest) > 1 and rest[1] is not None and any(rest[1] != 1):
        raise ValueError("only steps of 1 are known")
    at = [slice(None)] * array.ndim
    for axis, start, end in zip(axes, starts, ends, strict=True):
        at[int(axis)] = slice(int(start), int(end))
    return array[tuple(at)]


def _unsqueeze(inputs: Sequence[Any], attributes: Attributes) -> Array:
    return np.expand_dims(inputs[0], _axes(inputs, attributes))


_KNOWN: dict[str, Callable[[Sequence[Any], Attributes], Array]] = {
    "Cast": _cast,
    "Concat": _concat,
    "Constant": lambda inputs, attributes: np.empty(0),
    "DequantizeLinear": _dequantized,
    "Gather": _gather,
    "Identity": lambda inputs, attributes: inputs[0],
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": lambda inputs, attributes: np.squeeze(inputs[0], _axes(inputs, attributes)),
    "Transpose": lambda inputs, attributes: np.transpose(inputs[0], attributes.get("perm")),
    "Unsqueeze": _unsqueeze,
}
