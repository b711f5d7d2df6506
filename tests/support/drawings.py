"""Cells to draw, and a reader of drawings: boxes, wires and their places, from the SVG alone."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import re
from xml.etree import ElementTree

import pytest

from peephole.equations import Cell, Step, emit_diagram, exp, maximum, sigmoid, tanh
from support.cases import CELLS
from support.random_cells import RandomCell

SVG = "{http://www.w3.org/2000/svg}"


class MinimalGatedUnit(Cell):
    gates, states = ("f", "n"), ("h",)

    def step(self, pre, prev):
        f = sigmoid(pre.f)
        n = tanh(pre.x.n + pre.recurrent(f * prev.h).n)
        return Step(h=(1 - f) * prev.h + f * n, f=f, n=n)


class NoForgetGate(Cell):
    gates, states = ("i", "g", "o"), ("h", "c")

    def step(self, pre, prev):
        c = prev.c + sigmoid(pre.i) * tanh(pre.g)
        return Step(h=sigmoid(pre.o) * tanh(c), c=c)


class Stabilised(Cell):
    """Four states, exponential gates, a maximum and a division: the scalar LSTM of Beck et al. 2024."""

    gates, states = ("i", "f", "z", "o"), ("h", "c", "n", "m")

    def step(self, pre, prev):
        m = maximum(pre.f + prev.m, pre.i)
        i = exp(pre.i - m)
        f = exp(pre.f + prev.m - m)
        c = f * prev.c + i * tanh(pre.z)
        n = f * prev.n + i
        return Step(h=sigmoid(pre.o) * c / n, c=c, n=n, m=m, i=i, f=f)


class Wide(Cell):
    """A layer into which more comes than a box of the usual width has room for, and a name that is no name for XML."""

    gates, states = ("a", "b"), ("h", "memory")

    def step(self, pre, prev):
        many = [tanh(prev.memory * (k + 1.5)) for k in range(6)]
        total = pre.a
        for value in many:
            total = total + pre.recurrent(value).b
        return Step(h=sigmoid(total), memory=many[0], **{'<&">': many[1]})


class Bare(Cell):
    gates, states = ("a",), ("h", "k")

    def step(self, pre, prev):
        return Step(h=prev.h, k=2.0)


USERS: list[Cell] = [MinimalGatedUnit(), NoForgetGate(), Stabilised(), Wide(), Bare()]
STATES = [("h", "s"), ("h",), ("h", "c", "m")]
RANDOM = [RandomCell(seed, 1 + seed % 6, STATES[seed % 3]) for seed in range(6)]
# Larger ones take seconds each: nine are of every size and every kind of state; PEEPHOLE_DRAWN_CELLS=30 asks for more.
LARGE = [
    pytest.param(RandomCell(seed, 7 + seed % 9, STATES[seed % 3]), marks=pytest.mark.slow)
    for seed in range(30, 30 + int(os.environ.get("PEEPHOLE_DRAWN_CELLS", "9")))
]
ALL = [*CELLS, *USERS, *RANDOM, *LARGE]


@dataclasses.dataclass(frozen=True)
class Rectangle:
    left: float
    top: float
    right: float
    bottom: float

    def shrunk(self, by: float) -> Rectangle:
        return Rectangle(self.left + by, self.top + by, self.right - by, self.bottom - by)

    def meets(self, other: Rectangle) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def has(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom


@dataclasses.dataclass(frozen=True)
class Drawing:
    text: str
    root: ElementTree.Element
    boxes: dict[int, tuple[str, Rectangle | None, str]]  # number → kind, outline, label
    wires: list[tuple[int, int, list[tuple[float, float]]]]  # source, target, corners
    copies: list[tuple[float, float]]
    body: Rectangle


def outline(element: ElementTree.Element) -> Rectangle:
    x, y, width, height = (float(element.get(name, "nan")) for name in ("x", "y", "width", "height"))
    return Rectangle(x, y, x + width, y + height)


@functools.cache
def drawing(cell: Cell) -> Drawing:
    """Read a drawing back."""
    text = emit_diagram(cell)
    root = ElementTree.fromstring(text)
    boxes = {}
    for group in root.iter(f"{SVG}g"):
        if "data-id" in group.attrib:
            rect = group.find(f"{SVG}rect")
            label = "".join("".join(text.itertext()) for text in group.findall(f"{SVG}text"))
            boxes[int(group.attrib["data-id"])] = (
                group.attrib["class"], None if rect is None else outline(rect), label,
            )  # fmt: skip
    wires = []
    for path in root.iter(f"{SVG}path"):
        if path.get("class") == "wire":
            # M x y, L x y, and Q with the corner itself first: the corners of the wire before they are rounded
            commands = re.findall(r"([MLQ])([^MLQ]*)", path.attrib["d"])
            spots = [tuple(float(n) for n in numbers.split()) for _, numbers in commands]
            wires.append(
                (int(path.attrib["data-from"]), int(path.attrib["data-to"]), [spot[:2] for spot in spots])
            )
    copies = [
        (float(c.attrib["cx"]), float(c.attrib["cy"]))
        for c in root.iter(f"{SVG}circle")
        if c.get("class") == "copy"
    ]
    body = outline(root.findall(f"{SVG}rect")[1])
    return Drawing(text, root, boxes, wires, copies, body)


def segments(way: list[tuple[float, float]]) -> list[Rectangle]:
    return [
        Rectangle(min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in itertools.pairwise(way)
    ]
