"""A pass recorded as a CUDA graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

_WARM_UP = 2  # passes before the recording, in which libraries make their handles and choose their kernels


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded.

    Attributes:
        result: where every replay writes what the pass returned.
        replay: runs the pass again.
    """

    result: Tensor
    replay: Callable[[], object]


def record_graph(body: Callable[[], Tensor]) -> Recording:
    """Record a pass as a CUDA graph.

    Args:
        body: the pass; it reads tensors that stay where they are, and allocates all else.

    Raises:
        RuntimeError: something in it cannot be recorded, such as a wait for the GPU, or memory is short.
    """
    # All on one stream that is not the default one, as torch asks, gradients with it.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            body()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        result = body()
    return Recording(result, graph.replay)
