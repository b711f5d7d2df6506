"""What the forget gate does: hold it, and watch how long the cell remembers.

A cell with random weights reads 1,000 steps of noise. Once its gates do as they like; then they are held (`clamp`), and
the cell state fades as theory says: by the factor f at each step, so that half is left after ln 2 / −ln f steps.
NumPy alone; no PyTorch needed.

    python examples/hold_a_gate.py
"""

from __future__ import annotations

import math

import numpy as np

from peephole import cells
from peephole.ops import run

STEPS, HIDDEN = 1000, 16


def main() -> None:
    random = np.random.default_rng(0)
    weights = {
        "weight_ih": random.normal(size=(4 * HIDDEN, 3)),
        "weight_hh": random.normal(size=(4 * HIDDEN, HIDDEN)) / math.sqrt(HIDDEN),
    }
    noise = random.normal(size=(STEPS, 3))

    def cell_states(begin: float, **held: float) -> np.ndarray:
        """`[STEPS, H]` cell states from a start, while gates are held at numbers in [0, 1]."""
        start = {"h": np.zeros((1, HIDDEN)), "c": np.full((1, HIDDEN), begin)}
        clamp = {name: np.array(value) for name, value in held.items()}
        return run(cells.LSTM(), noise, [1] * STEPS, weights, start, save=["c"], clamp=clamp).saved["c"]

    left = np.abs(cell_states(1.0) - cell_states(0.0)).mean(1)  # what the cell's beginning still changes
    print(f"gates free: of a 1 in the cell, {left[9]:.0e} is left after 10 steps, {left[99]:.0e} after 100\n")
    print("forget gate held at   input gate held at   half is left after   theory")
    for f in (0.5, 0.9, 0.99):
        c = cell_states(1.0, f=f, i=0.0).mean(1)
        half = int(np.argmax(c <= 0.5)) + 1
        print(f"{f:>19}   {0:>18}   {half:>12} steps   {math.log(2) / -math.log(f):6.1f}")
    c = cell_states(1.0, f=1.0, i=0.0)
    unchanged = bool((c[-1] == 1).all())
    print(f"{1.0:>19}   {0:>18}          never: all bits as at first after {STEPS:,} steps: {unchanged}")


if __name__ == "__main__":
    main()
