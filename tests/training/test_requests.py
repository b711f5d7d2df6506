"""Requests and recipes that cannot be met are refused before anything is trained."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from peephole.errors import OptionError
from peephole.training import Recipe, train


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sources": ()}, "sources must name at least one source; got none"),
        ({"time_budget": 0}, "time_budget must be above 0 seconds; got 0"),
        ({"time_budget": math.nan}, "time_budget must be above 0 seconds; got nan"),
        ({"checkpoint_steps": 0}, "checkpoint_steps must be at least 1; got 0"),
        (
            {"dev_sources": ("a",), "group_column": "movie"},
            "one way to hold out development texts may be given; got dev_sources, group_column",
        ),
    ],
    ids=str,
)
def test_requests_that_cannot_be_met(request_for, changes, problem) -> None:
    with pytest.raises(OptionError) as caught:
        request_for(**changes)
    assert str(caught.value) == f"train: this request cannot be met\n  {problem}"


def test_a_cell_that_does_not_exist_is_refused_before_training(request_for, listener, tiny) -> None:
    with pytest.raises(OptionError, match="lstmm"):
        train(request_for(recipe=dataclasses.replace(tiny, cell="lstmm")), progress=listener())


def test_half_precision_needs_a_gpu(request_for, listener, tiny) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(OptionError, match="'fp16' needs a GPU"):
        train(request_for(recipe=dataclasses.replace(tiny, precision="fp16")), progress=listener())


def test_the_recipe_can_be_read_without_torch() -> None:
    import subprocess
    import sys

    program = "import sys; from peephole.training import Recipe; Recipe(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert Recipe().seed == 1
