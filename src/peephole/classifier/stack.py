"""What a list of stages must obey as a whole, and how wide the rows are between them."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator, Sequence

from peephole.classifier.rules import Problem, field_problems
from peephole.classifier.stages import Dropout, Embedding, Linear, Pooling, Recurrent, Stage
from peephole.errors import OptionError

MAX_STAGES = 64


def widths(stages: Sequence[Stage]) -> Iterator[int]:
    """Yield the width of what enters each stage, then of what leaves the last; the embedding reads ids: 0."""
    width = 0
    for stage in stages:
        yield width
        if isinstance(stage, Embedding):
            width = stage.dimension
        elif isinstance(stage, Recurrent):
            width = stage.directions * stage.hidden_size
        elif isinstance(stage, Pooling):
            width *= len(stage.statistics)
        elif isinstance(stage, Linear):
            width = stage.features
    yield width


def parameter_shapes(stages: Sequence[Stage]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor by its name in a state dict, in the order of the stages."""
    shapes: dict[str, tuple[int, ...]] = {}
    for stage, inputs in zip(stages, widths(stages), strict=False):
        if isinstance(stage, Embedding):
            shapes[f"{stage.name}.weight"] = (stage.vocabulary, stage.dimension)
        elif isinstance(stage, Linear):
            shapes[f"{stage.name}.weight"] = (stage.features, inputs)
            shapes[f"{stage.name}.bias"] = (stage.features,)
        elif isinstance(stage, Recurrent):
            layers = stage.layer_shapes(inputs)
            shapes.update({f"{stage.name}.{name}": shape for name, shape in layers.items()})
    return shapes


def count_parameters(stages: Sequence[Stage]) -> int:
    """Return the number of learned numbers."""
    return sum(math.prod(shape) for shape in parameter_shapes(stages).values())


def stack_problems(stages: Sequence[Stage], classes: int) -> list[Problem]:
    """Return every rule that the stages break; rules between stages are looked at once each stage is sound."""
    if not 1 <= len(stages) <= MAX_STAGES:
        return [("stages", f"must be a list of 1 to {MAX_STAGES} stages; got {len(stages)}")]
    found: list[Problem] = []
    for index, stage in enumerate(stages):
        path = f"stages[{index}]"
        of_fields = field_problems(stage, path)
        found += of_fields
        if isinstance(stage, Recurrent) and not of_fields:
            try:
                stage.make_cell()
            except OptionError as error:
                found.append((f"{path}.cell_options", error.message.split(": ", 1)[1]))
    return found or [*_order_problems(stages), *_output_problems(stages, classes), *_name_problems(stages)]


def _name_problems(stages: Sequence[Stage]) -> Iterator[Problem]:
    counts = collections.Counter(stage.name for stage in stages)
    for index, stage in enumerate(stages):
        if counts[stage.name] > 1:
            yield f"stages[{index}].name", f"must be unique; got {stage.name!r} {counts[stage.name]} times"


def _order_problems(stages: Sequence[Stage]) -> Iterator[Problem]:
    if not isinstance(stages[0], Embedding):
        yield "stages[0].kind", f"must be 'embedding', the first stage of every model; got {stages[0].kind!r}"
    pooled = 0
    before: Stage | None = None  # the last stage that was not a dropout
    for index, stage in enumerate(stages):
        path = f"stages[{index}]"
        if isinstance(stage, Embedding) and index:
            yield f"{path}.kind", "must not be 'embedding' after the first stage"
        if isinstance(stage, Recurrent) and pooled:
            yield f"{path}.kind", "must not be 'recurrent' after the pooling, which leaves no steps"
        if isinstance(stage, Dropout) and stage.mode != "plain" and pooled:
            yield (
                f"{path}.mode",
                f"must be 'plain' after the pooling, which leaves no steps; got {stage.mode!r}",
            )
        if isinstance(stage, Pooling):
            pooled += 1
            if "last" in stage.statistics and not isinstance(before, Recurrent):
                yield (
                    f"{path}.statistics",
                    "may hold 'last' only right after a recurrent stage (dropouts apart)",
                )
        if not isinstance(stage, Dropout):
            before = stage
    if pooled != 1:
        yield "stages", f"must hold one pooling stage; got {pooled}"


def _output_problems(stages: Sequence[Stage], classes: int) -> Iterator[Problem]:
    last, path = stages[-1], f"stages[{len(stages) - 1}]"
    if not isinstance(last, Linear):
        yield f"{path}.kind", f"must be 'linear', the last stage of every model; got {last.kind!r}"
        return
    if last.features != classes:
        yield f"{path}.features", f"must be the number of labels, {classes}; got {last.features}"
    if last.activation != "none":
        yield (
            f"{path}.activation",
            f"must be 'none' at the last stage, whose result are logits; got {last.activation!r}",
        )
