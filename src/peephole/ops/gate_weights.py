"""The weights of one layer and direction, by gate and by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from peephole.equations import Cell, Matrix


class GateWeights:
    """The weights of one layer and direction, NumPy's or torch's, cut up.

    Args:
        cell: the equations.
        weights: as `run` takes them.
        hidden_size: H.

    Attributes:
        at: gate → its rows of ``weight_ih``, ``weight_hh`` and the biases.
        own: label of a declared parameter, such as ``"weight_ch.i"`` → `[H]`, or `[H, H]` of a matrix.

    Example:
        >>> import numpy as np
        >>> from peephole import cells
        >>> weights = GateWeights(cells.LSTM(), {"weight_ih": np.arange(8).reshape(4, 2)}, 1)
        >>> weights.gate("weight_ih", "f").tolist(), weights.bias("bias_ih", "f")
        ([[2, 3]], None)
    """

    def __init__(self, cell: Cell, weights: Mapping[str, Any], hidden_size: int) -> None:
        self._weights = weights
        self.at = {gate: slice(k * hidden_size, (k + 1) * hidden_size) for k, gate in enumerate(cell.gates)}
        self.own: dict[str, Any] = {}
        for name, parameter in cell.parameters.items():
            for k, part in enumerate(parameter.parts):
                rows = slice(k * hidden_size, (k + 1) * hidden_size) if isinstance(parameter, Matrix) else k
                self.own[f"{name}.{part}"] = weights[name][rows]

    def gate(self, name: str, gate: str) -> Any:
        """Return the rows of a gate in a weight or a bias."""
        return self._weights[name][self.at[gate]]

    def bias(self, name: str, gate: str) -> Any:
        """Return a gate's part of a bias, or None where there is no bias."""
        return self.gate(name, gate) if name in self._weights else None

    def stacked(self, name: str, gates: Iterable[str]) -> Any:
        """Return the rows of several gates, in that order; NumPy's only."""
        return np.concatenate([self.gate(name, gate) for gate in gates])
