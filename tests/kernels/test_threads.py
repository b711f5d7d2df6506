"""The kernel's threads: several callers at once, a forked child, and PyTorch's transforms, which take the reference."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from peephole import cells
from peephole.ops import run
from peephole.ops.library import library
from support.cases import case

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)


@pytest.fixture
def _two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def heavy(seed: int):
    """A case with work enough for two threads."""
    rows, sizes, weights, state = case(cells.GRU(), [80] * 9, 64, 64, seed=seed, dtype=torch.float32)
    return rows.detach(), sizes, {name: w.detach() / 8 for name, w in weights.items()}, state


@pytest.mark.usefixtures("_two_threads")
def test_several_callers_at_once_get_what_one_gets() -> None:
    arguments = [heavy(seed) for seed in range(4)]
    with torch.no_grad():
        alone = [run(cells.GRU(), *a, backend="compiled").rows for a in arguments]

        def call(k: int) -> torch.Tensor:
            with torch.no_grad():
                return run(cells.GRU(), *arguments[k % 4], backend="compiled").rows

        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(call, range(40)))
    assert all(torch.equal(rows, alone[k % 4]) for k, rows in enumerate(together))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    # In a process of its own: forking this one would copy the threads of everything else that was imported here.
    program = textwrap.dedent("""
        import os, sys
        import numpy as np
        from peephole import cells
        from peephole.ops import run
        cell = cells.GRU()
        r = np.random.default_rng(0)
        rows = r.normal(size=(720, 64))
        weights = {"weight_ih": r.normal(size=(192, 64)) / 8, "weight_hh": r.normal(size=(192, 64)) / 8}
        state = {"h": np.zeros((9, 64))}
        expected = run(cell, rows, [9] * 80, weights, state, backend="compiled").rows
        for _ in range(3):
            child = os.fork()
            if child == 0:
                same = np.array_equal(run(cell, rows, [9] * 80, weights, state, backend="compiled").rows, expected)
                os._exit(0 if same else 1)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
        assert np.array_equal(run(cell, rows, [9] * 80, weights, state, backend="compiled").rows, expected)
    """)
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, env=environment)


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script.*:DeprecationWarning"
)  # torch.func.jvp makes use of it
def test_transforms_take_a_path_that_knows_them() -> None:
    cell = cells.LSTM()
    rows, sizes, weights, state = case(cell, [3, 2], 2, 3)
    weights = {name: w.detach() for name, w in weights.items()}
    state = {name: s.detach() for name, s in state.items()}

    def loss(x: torch.Tensor, backend: str = "auto") -> torch.Tensor:
        return run(cell, x, sizes, weights, state, backend=backend).rows.square().sum()

    x = rows.detach()
    expected = torch.autograd.grad(loss(rows, "reference"), rows)[0]
    torch.testing.assert_close(torch.func.grad(loss)(x), expected, rtol=0, atol=1e-12)
    both = torch.func.vmap(torch.func.grad(loss))(torch.stack([x, 2 * x]))
    torch.testing.assert_close(both[0], expected, rtol=0, atol=1e-12)
    direction = torch.ones_like(x)
    value, tangent = torch.func.jvp(loss, (x,), (direction,))
    torch.testing.assert_close(value, loss(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(tangent, (expected * direction).sum(), rtol=0, atol=1e-12)
