"""Run a layer's weights without PyTorch: NumPy in, NumPy out, through the same kernels.

Train with `peephole.nn` (or torch.nn: the names and the order of the gates are the same), save the state dict as safetensors, and
read it where PyTorch is not installed. Here a file with random weights stands for the trained one.

    python examples/without_torch.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from peephole import cells
from peephole.ops import Sequences, choose_backend, run

INPUTS, HIDDEN = 8, 16
SHAPES = {
    "weight_ih": (3 * HIDDEN, INPUTS),
    "weight_hh": (3 * HIDDEN, HIDDEN),
    "bias_ih": (3 * HIDDEN,),
    "bias_hh": (3 * HIDDEN,),
}


def write_weights(path: Path) -> None:
    """The state dict of a bidirectional GRU of one layer."""
    random, suffixes = np.random.default_rng(0), ("_l0", "_l0_reverse")
    names = [(name + suffix, shape) for suffix in suffixes for name, shape in SHAPES.items()]
    save_file({name: random.uniform(-0.25, 0.25, shape).astype(np.float32) for name, shape in names}, path)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gru.safetensors"
        write_weights(path)
        stored = load_file(path)
    sequences = Sequences.from_lengths([3, 0, 6])
    rows = np.random.default_rng(1).normal(size=(sequences.rows, INPUTS)).astype(np.float32)
    for direction, suffix in (("forwards", "_l0"), ("backwards", "_l0_reverse")):
        weights = {name: stored[name + suffix] for name in SHAPES}
        state = {"h": np.zeros((3, HIDDEN), np.float32)}
        out = run(cells.GRU(), rows, sequences.batch_sizes, weights, state, reverse=suffix == "_l0_reverse")
        final = out.state["h"][sequences.inverse]  # states come sorted, longest first
        means = ", ".join(f"{mean:.4f}" for mean in final.mean(1))
        print(f"{direction:<9}  outputs {out.rows.shape}, means of the three final states: {means}")
    backend = choose_backend(cells.GRU(), array="numpy").name
    print(f"backend: {backend}; PyTorch imported: {'torch' in sys.modules}")


if __name__ == "__main__":
    main()
