"""The same call gives the same bits: again, with other threads, beside other callers, in a forked child, from other memory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from peephole import cells
from peephole.equations import Cell
from peephole.ops import Sequences, run
from peephole.ops.library import library
from support.agreement import compare, poisoned_scratch, results, same_bits, scaled_case, torch_threads
from support.cases import CELLS

pytestmark = pytest.mark.skipif(library().handle is None, reason=library().reason)

# lengths, D, H. Several threads take these only when they are told how to divide them.
SMALL = {
    "many sequences": (list(range(14, 0, -1)), 12, 40),
    "two sequences": ([25, 18], 33, 65),
    "one sequence": ([12], 24, 130),
    "one long, many short": ([30, *[3] * 10], 17, 48),
}  # fmt: skip
# Work that is worth a second thread.
LARGE = {
    "many sequences": (list(range(30, 0, -1)), 24, 40),
    "one sequence": ([60], 64, 130),
    "one long, many short": ([200, *[3] * 20], 17, 48),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    with poisoned_scratch():
        yield


def forward_part(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in found.items() if not name.startswith("d ")}


@pytest.fixture(params=["sequences", "units"])
def _split(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What threads divide among them, however little it is."""
    monkeypatch.setenv("PEEPHOLE_SPLIT", request.param)


def check_repeats(cell: Cell, shape, dtype: torch.dtype, threads: tuple[int, ...], reverse: bool) -> None:
    lengths, inputs, hidden = shape
    arguments = scaled_case(cell, lengths, inputs, hidden, dtype=dtype)
    options = {"backend": "compiled", "reverse": reverse, "save": cell.values}
    found = []
    for count in threads:
        with torch_threads(count):
            found.append(results(cell, arguments, dtype, **options))
            same_bits(results(cell, arguments, dtype, **options), found[-1])
    for other in found[1:]:
        same_bits(forward_part(other), forward_part(found[0]))
        # Another number of threads adds up the weights' gradients in another order.
        compare(other, found[0], dtype, (inputs + hidden) * sum(lengths))


@pytest.mark.usefixtures("_split")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_calls_repeat_to_the_bit_and_threads_change_no_output(cell: Cell, shape, dtype: torch.dtype) -> None:
    for reverse in (False, True):
        check_repeats(cell, shape, dtype, (1, 2, 3), reverse)


@pytest.mark.parametrize("shape", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_so_they_do_where_the_kernel_divides_the_work_as_it_likes(cell: Cell, shape) -> None:
    check_repeats(cell, shape, torch.float32, (1, 2), False)


@pytest.mark.usefixtures("_split")
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.PeepholeLSTM("full")], ids=repr)
def test_a_projection_and_a_mask_repeat_too(cell: Cell) -> None:
    lengths = [20, 11, 10, 3]
    arguments = scaled_case(cell, lengths, 24, 72, projection=33, dtype=torch.float32)
    mask = (torch.rand(len(lengths), 33, generator=torch.Generator().manual_seed(1)) > 0.3) / 0.7
    found = []
    for threads in (1, 2, 3, 2):
        with torch_threads(threads):
            found.append(results(cell, arguments, torch.float32, backend="compiled", recurrent_mask=mask))
    same_bits(found[3], found[1])
    for other in found[1:]:
        same_bits(forward_part(other), forward_part(found[0]))


@pytest.mark.usefixtures("_split")
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.GRU("before"), cells.RNN()], ids=repr)
def test_a_sequence_has_the_same_bits_in_any_company(cell: Cell) -> None:
    # The other sequences of a batch, and the tile that a row shares with them, change nothing.
    lengths = [20, 17, 17, 9, 8, 3, 1]
    rows, sizes, weights, state = scaled_case(cell, lengths, 9, 35, dtype=torch.float32)
    sequences = Sequences.from_lengths(lengths)
    with torch.no_grad():
        together = run(cell, rows, sizes, weights, state, backend="compiled")
        for n, length in enumerate(lengths):
            mine = sequences.rows_of(n)
            alone = run(
                cell, rows[mine], [1] * length, weights, {name: value[n : n + 1] for name, value in state.items()},
                backend="compiled",
            )  # fmt: skip
            assert torch.equal(alone.rows, together.rows[mine])


def test_numpy_and_torch_give_the_same_bits() -> None:
    for cell in CELLS:
        rows, sizes, weights, state = scaled_case(cell, [30, 12, 5], 9, 35, dtype=torch.float32)
        with torch.no_grad():
            out = run(cell, rows, sizes, weights, state, backend="compiled")
        numpy = run(
            cell, rows.detach().numpy(), sizes,
            {name: value.detach().numpy() for name, value in weights.items()},
            {name: value.detach().numpy() for name, value in state.items()}, backend="compiled",
        )  # fmt: skip
        assert np.array_equal(numpy.rows, out.rows.numpy())
        assert all(np.array_equal(numpy.state[name], out.state[name].numpy()) for name in cell.states)


@pytest.mark.usefixtures("_split")
def test_callers_at_once_get_outputs_and_gradients_as_if_alone() -> None:
    # Different cells, sizes and dtypes, so that no caller's memory fits another's.
    calls = [
        (cells.GRU(), scaled_case(cells.GRU(), [50] * 9, 48, 64, seed=1), torch.float32),
        (cells.LSTM(), scaled_case(cells.LSTM(), [200], 64, 96, seed=2), torch.float32),
        (
            cells.PeepholeLSTM("full"),
            scaled_case(cells.PeepholeLSTM("full"), [30, 20, 7], 5, 33, seed=3),
            torch.float64,
        ),
        (cells.RNN("relu"), scaled_case(cells.RNN("relu"), [3, 2], 2, 3, seed=4), torch.float64),
    ]

    def call(k: int) -> dict[str, torch.Tensor]:
        cell, arguments, dtype = calls[k % len(calls)]
        torch.set_num_threads(2)  # torch's number belongs to the calling thread
        return results(cell, arguments, dtype, backend="compiled", save=cell.values)

    with torch_threads(2):
        alone = [call(k) for k in range(len(calls))]
        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(call, range(24)))
    for k, found in enumerate(together):
        same_bits(found, alone[k % len(calls)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("busy", [False, True], ids=["at rest", "while another thread computes"])
def test_a_forked_child_computes_the_same_bits(busy: bool) -> None:
    # Backward too, several children at once, and children of children. A process of its own: see test_threads.py.
    program = textwrap.dedent("""
        import os, sys, threading
        import torch
        from peephole import cells
        from peephole.ops import run
        torch.manual_seed(0)
        torch.set_num_threads(2)
        cell, leaves = cells.GRU("before"), [torch.randn(225, 64), torch.randn(192, 64) / 8, torch.randn(192, 64) / 8]
        state, wanted = {"h": torch.zeros(9, 64)}, torch.randn(225, 64)
        for leaf in leaves:
            leaf.requires_grad_()
        def compute():
            torch.set_num_threads(2)  # torch's number belongs to the calling thread
            rows, weight_ih, weight_hh = leaves
            weights = {"weight_ih": weight_ih, "weight_hh": weight_hh}
            out = run(cell, rows, [9] * 25, weights, state, backend="compiled")
            return [out.rows.detach(), out.state["h"].detach(), *torch.autograd.grad(out.rows, leaves, wanted)]
        expected = compute()
        def is_same():
            return all(torch.equal(a, b) for a, b in zip(compute(), expected, strict=True))
        stop = threading.Event()
        def work():
            while not stop.is_set():
                compute()
        other = threading.Thread(target=work)
        if BUSY:
            other.start()
        def have_children(depth):
            children = []
            for _ in range(2):
                child = os.fork()
                if child == 0:
                    good = is_same() and (depth == 0 or have_children(depth - 1)) and is_same()
                    os._exit(0 if good else 1)
                children.append(child)
            return all(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 for child in children)
        good = have_children(1) and is_same()
        stop.set()
        if BUSY:
            other.join()
        sys.exit(0 if good else 1)
    """).replace("BUSY", str(busy))
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, env=environment)
