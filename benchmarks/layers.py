"""Time recurrent layers against torch's own, in turn in one process: `python benchmarks/layers.py [CASE …] [--json OUT]`.

Every case is first checked against torch (float32, outputs and input gradients); a case that fails reports no time. Both run
with the same threads, alternating, weights changed between repetitions as in training; printed are medians in milliseconds, and
the ratio torch / ours (above 1: ours is faster).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.utils.rnn import PackedSequence

import peephole.nn
from peephole.ops import Sequences
from peephole.ops.library import instruction_set

# Tokens of the first 32 reviews of the IMDB training file (words and punctuation).
LENGTHS = [
    125, 149, 157, 387, 83, 235, 159, 360, 180, 165, 146, 174, 393, 138, 200, 602,
    500, 58, 183, 210, 164, 276, 334, 204, 298, 299, 221, 174, 159, 578, 162, 207,
]  # fmt: skip
# T (or lengths), N, D, H
CASES: dict[str, tuple[int | list[int], int, int, int]] = {
    "single": (100, 1, 128, 128),
    "review": (200, 32, 128, 128),
    "review-256": (200, 32, 256, 256),
    "wide": (200, 64, 512, 512),
    "odd": (187, 13, 100, 150),
    "packed": (LENGTHS, 32, 128, 128),
}
CELLS = ("LSTM", "GRU", "RNN")


def median_ratio(ours: Callable[[], None], theirs: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Medians of both, in seconds, measured in turn for about `seconds` in all."""
    for function in (ours, theirs, ours, theirs):
        function()
    times: tuple[list[float], list[float]] = ([], [])
    start = time.perf_counter()
    turn = 0
    while time.perf_counter() - start < seconds or turn < 6:
        for k in (0, 1) if turn % 2 == 0 else (1, 0):
            begin = time.perf_counter()
            (ours, theirs)[k]()
            times[k].append(time.perf_counter() - begin)
        turn += 1
    return statistics.median(times[0]), statistics.median(times[1])


def measure(name: str, cell: str, seconds: float) -> dict[str, float | str]:
    steps, batch, inputs, hidden = CASES[name]
    torch.manual_seed(0)
    theirs = getattr(torch.nn, cell)(inputs, hidden)
    ours = getattr(peephole.nn, cell)(inputs, hidden)
    ours.load_state_dict(theirs.state_dict())
    if isinstance(steps, list):
        sequences = Sequences.from_lengths(steps)
        sizes = torch.from_numpy(sequences.batch_sizes)
        x = torch.randn(int(sizes.sum()), inputs, requires_grad=True)
        data = PackedSequence(x, sizes)
    else:
        data = x = torch.randn(steps, batch, inputs, requires_grad=True)

    def output(layer: torch.nn.Module) -> torch.Tensor:
        out = layer(data)[0]
        return out.data if isinstance(out, PackedSequence) else out

    weight = torch.randn_like(output(theirs).detach())

    def both(layer: torch.nn.Module) -> torch.Tensor:
        x.grad = None
        layer.zero_grad(set_to_none=True)
        y = output(layer)
        y.backward(weight)
        return y

    def touch(layer: torch.nn.Module) -> None:
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter[0].add_(0.0)

    results: dict[str, float | str] = {"case": name, "cell": cell}
    y, d = both(theirs).detach(), x.grad
    error = max(float((both(ours).detach() - y).abs().max()), float((x.grad - d).abs().max() / d.abs().max()))
    if not error < 1e-4:
        return {**results, "error": error}

    def inference(layer: torch.nn.Module) -> Callable[[], None]:
        def call() -> None:
            touch(layer)
            with torch.no_grad():
                output(layer)

        return call

    def training(layer: torch.nn.Module) -> Callable[[], None]:
        def call() -> None:
            touch(layer)
            both(layer)

        return call

    for label, make in (("forward", inference), ("training", training)):
        a, b = median_ratio(make(ours), make(theirs), seconds)
        results |= {f"{label} ours": 1e3 * a, f"{label} torch": 1e3 * b, f"{label} ratio": b / a}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--cells", nargs="*", default=CELLS, choices=CELLS)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each pair of timings")
    parser.add_argument("--json", type=Path, help="write the results and the machine here")
    arguments = parser.parse_args()
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {instruction_set()}; ms, ratio = torch / ours"
    )
    rows = []
    for name in arguments.cases or CASES:
        for cell in arguments.cells:
            row = measure(name, cell, arguments.seconds)
            rows.append(row)
            if "error" in row:
                print(f"{name:11s} {cell:5s} WRONG: error {row['error']:.2g}")
                continue
            print(
                f"{name:11s} {cell:5s}"
                + "".join(
                    f" {part} {row[f'{part} ours']:8.2f} {row[f'{part} torch']:8.2f} {row[f'{part} ratio']:6.2f}x"
                    for part in ("forward", "training")
                ),
                flush=True,
            )
    if arguments.json:
        machine = {"machine": platform.machine(), "torch": torch.__version__, "isa": instruction_set()}
        arguments.json.write_text(json.dumps({**machine, "results": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
