"""An ONNX graph in the making: nodes by name, weights by name, each kept once."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from peephole.classifier.storage import Int8Rows
from peephole.equations.emit_onnx import OnnxNode
from peephole.errors import require

OPSET, IR = 18, 8  # of ONNX 1.13: the first in which reductions take their axes as an input throughout


def onnx_package() -> Any:
    """Return the package `onnx`, or raise `MissingExtra`."""
    require("onnx", extra="onnx", purpose="reading and writing ONNX files")
    for module in ("checker", "helper", "numpy_helper"):
        importlib.import_module(f"onnx.{module}")
    return importlib.import_module("onnx")


def onnx_type(dtype: Any) -> int:
    """Return ONNX's number of a dtype."""
    return int(onnx_package().helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class Port(NamedTuple):
    """An input or an output: its name, dtype and shape; a str for a size that is known when the graph runs."""

    name: str
    dtype: Any
    shape: Sequence[int | str]


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """The body of a `Scan`: nodes, which may use names of the graph around them."""

    graph: Graph
    inputs: Sequence[Port]
    outputs: Sequence[Port]


class Graph:
    """A graph, or the body of a `Scan`, which sees the names of the graph around it.

    Args:
        dtype: of the numbers that it computes with: float32 or float64.
        around: the graph that this one is the body of.
    """

    def __init__(self, dtype: np.dtype[Any] | type[Any] = np.float32, around: Graph | None = None) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.nodes: list[OnnxNode] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {} if around is None else around.constants
        self._taken: set[str] = set() if around is None else around._taken

    def name(self, wanted: str) -> str:
        """Return a name that nothing in the graph has: the one that is wanted, or one with a number behind it."""
        name, k = wanted, 1
        while name in self._taken:
            k += 1
            name = f"{wanted}.{k}"
        self._taken.add(name)
        return name

    def constant(self, name: str, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant: one for each name and value."""
        array = np.asarray(value, dtype)
        known = self.constants.get(name)
        if known is None or known.dtype != array.dtype or not np.array_equal(known, array, equal_nan=True):
            name = self.name(name)
            self.constants[name] = array
        return name

    def integers(self, *numbers: int) -> str:
        """Return the name of a constant int64 vector."""
        return self.constant("i_" + "_".join(map(str, numbers)), numbers, np.int64)

    def integer(self, number: int) -> str:
        """Return the name of a constant int64 number."""
        return self.constant(f"n_{number}", number, np.int64)

    def number(self, number: float) -> str:
        """Return the name of a constant of the graph's dtype."""
        return self.constant(f"number_{number!r}", number, self.dtype)

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        return self.add_many(operator, inputs, (name or operator.lower(),), **attributes)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with several outputs, and return their names, which may have got a number."""
        names = tuple(self.name(output) for output in outputs)
        self.nodes.append(OnnxNode(operator, tuple(inputs), names, attributes))
        return names

    def weight(self, name: str, tensor: Any, shape: Sequence[int] | None = None) -> str:
        """Add a weight as it is stored, and what reads it; return the name of it in the graph's dtype.

        Args:
            name: of the weight.
            tensor: an array, a float16 matrix, or a matrix `[r, c]` in int8.
            shape: what it is in the graph, if that is not its own.
        """
        if isinstance(tensor, Int8Rows):
            codes = self.constant(f"{name}.codes", tensor.codes)
            scale = self.constant(f"{name}.scale", tensor.scale)
            found = self.add("DequantizeLinear", codes, scale, name=name, axis=0)
            return found if shape is None else self.add("Reshape", found, self.integers(*shape), name=name)
        array = tensor if shape is None else tensor.reshape(shape)
        if array.dtype == np.float16:
            return self.add("Cast", self.constant(f"{name}.half", array), name=name, to=onnx_type(self.dtype))
        return self.constant(name, array, self.dtype)

    def include(self, nodes: Sequence[OnnxNode], names: Mapping[str, str]) -> dict[str, str]:
        """Add nodes whose names are others' own.

        Args:
            nodes: each after what it takes.
            names: the names that are known here already: theirs → ours.

        Returns:
            All names: theirs → ours.
        """
        found = dict(names)
        for node in nodes:
            inputs = [found[each] if each else "" for each in node.inputs]
            outputs = self.add_many(node.operator, inputs, node.outputs, **node.attributes)
            found.update(zip(node.outputs, outputs, strict=True))
        return found

    def close(self, value: str, output: str) -> None:
        """Let an output of the graph be a value."""
        self.nodes.append(OnnxNode("Identity", (value,), (output,), {}))

    def proto(
        self, name: str, inputs: Sequence[Port], outputs: Sequence[Port], *, is_body: bool = False
    ) -> Any:
        """Return the graph as a ``GraphProto``; a body leaves its constants to the graph around it."""
        helper, numpy_helper = onnx_package().helper, onnx_package().numpy_helper
        nodes: list[Any] = []
        for node in self.nodes:
            attributes = dict(node.attributes)
            for key, value in attributes.items():
                if isinstance(value, Body):
                    attributes[key] = value.graph.proto(
                        node.outputs[0], value.inputs, value.outputs, is_body=True
                    )
            nodes.append(
                helper.make_node(node.operator, node.inputs, node.outputs, name=node.outputs[0], **attributes)
            )
        constants = {} if is_body else self.constants
        return helper.make_graph(
            nodes,
            name,
            *(
                [
                    helper.make_tensor_value_info(port.name, onnx_type(port.dtype), list(port.shape))
                    for port in ports
                ]
                for ports in (inputs, outputs)
            ),
            [
                numpy_helper.from_array(np.asarray(array, order="C"), each)
                for each, array in constants.items()
            ],
        )

    def model(
        self,
        name: str,
        inputs: Sequence[Port],
        outputs: Sequence[Port],
        facts: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the graph as a ``ModelProto``, checked by ONNX's own checker.

        Args:
            name: of the graph.
            inputs: what it takes.
            outputs: what it gives.
            facts: written into ``metadata_props``.
        """
        from peephole import __version__

        onnx = onnx_package()
        made = onnx.helper.make_model(
            self.proto(name, inputs, outputs),
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
            ir_version=IR,
            producer_name="peephole",
            producer_version=__version__,
        )
        if facts:
            onnx.helper.set_model_props(made, dict(facts))
        onnx.checker.check_model(made, full_check=True)
        return made
