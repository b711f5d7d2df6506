"""One step of a cell, as a module: drop-ins for torch.nn's RNNCell, LSTMCell and GRUCell, and PeepholeLSTMCell."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.modules.rnn import RNNCellBase

from peephole import cells
from peephole.equations import Cell
from peephole.nn.batches import no_steps
from peephole.ops import run


class _StepBase(RNNCellBase):
    """What the four have in common: torch's checks in torch's words, and one step through `peephole.ops.run`."""

    cell: Cell

    def _take_step(self, x: Tensor, hx: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
        """One step on `[N, D]` or `[D]` from the states `hx`, each `[N, H]` or `[H]`; None means zeros."""
        is_batched = x.dim() == 2
        if not is_batched:
            x = x.unsqueeze(0)
        if hx is None:
            zeros = torch.zeros(x.shape[0], self.hidden_size, dtype=x.dtype, device=x.device)
            hx = (zeros,) * len(self.cell.states)
        elif not is_batched:
            hx = tuple(state.unsqueeze(0) for state in hx)
        self._check_sizes(x, hx)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", *self.cell.parameters)
        weights = {name: weight for name in names if isinstance(weight := getattr(self, name), Tensor)}
        state = dict(zip(self.cell.states, hx, strict=True))
        if x.shape[0] == 0:
            return (no_steps((0, self.hidden_size), x, *hx, *weights.values()),) * len(state)
        new = run(self.cell, x, [x.shape[0]], weights, state, backend="reference").state
        return tuple(new[name] if is_batched else new[name].squeeze(0) for name in state)

    def _check_input(self, x: Tensor) -> None:
        if x.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected input to be 1D or 2D, got {x.dim()}D instead")

    def _check_hidden(self, name: str, state: Tensor) -> None:
        if state.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {name} to be 1D or 2D, got {state.dim()}D instead"
            )

    def _check_sizes(self, x: Tensor, hx: tuple[Tensor, ...]) -> None:
        if x.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}"
            )
        for k, state in enumerate(hx):
            if state.shape[0] != x.shape[0]:
                raise RuntimeError(
                    f"Input batch size {x.shape[0]} doesn't match hidden{k} batch size {state.shape[0]}"
                )
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{k} has inconsistent hidden_size: got {state.shape[1]}, expected {self.hidden_size}"
                )


class _OneState(_StepBase):
    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Advance by one step.

        Args:
            input: `[N, D]` or `[D]`.
            hx: the state `[N, H]` or `[H]`; None means zeros.

        Returns:
            The new state, in the shape of the old one.

        Raises:
            ValueError, RuntimeError: as torch.nn, in the same words.
        """
        self._check_input(input)
        if hx is not None:
            self._check_hidden("hidden", hx)
        return self._take_step(input, None if hx is None else (hx,))[0]


class _TwoStates(_StepBase):
    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, ...]:
        """Advance by one step.

        Args:
            input: `[N, D]` or `[D]`.
            hx: the states h and c, each `[N, H]` or `[H]`; None means zeros.

        Returns:
            The new h and c, in the shapes of the old ones.

        Raises:
            ValueError, RuntimeError: as torch.nn, in the same words.
        """
        self._check_input(input)
        if hx is not None:
            for k, state in enumerate(hx):
                self._check_hidden(f"hx[{k}]", state)
            if len(hx) != 2:
                raise RuntimeError("lstm_cell expects two hidden states")
        return self._take_step(input, None if hx is None else (hx[0], hx[1]))


class RNNCell(_OneState):
    """One step of the plain recurrent network, a drop-in for `torch.nn.RNNCell`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: False leaves both biases out.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        device: of the parameters.
        dtype: of the parameters.

    Example:
        >>> RNNCell(3, 5)(torch.zeros(2, 3)).shape
        torch.Size([2, 5])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]  # noqa: RUF012  torch's own spelling
    nonlinearity: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    @property
    def cell(self) -> Cell:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The equations; as in torch, the nonlinearity may change and is looked at in each step."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return cells.RNN(self.nonlinearity)


class LSTMCell(_TwoStates):
    """One step of an LSTM, a drop-in for `torch.nn.LSTMCell`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: False leaves both biases out.
        device: of the parameters.
        dtype: of the parameters.

    Example:
        >>> h, c = LSTMCell(3, 5)(torch.zeros(2, 3))
        >>> h.shape, c.shape
        (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)
        self.cell = cells.LSTM()


class PeepholeLSTMCell(_TwoStates):
    """One step of a peephole LSTM; the arguments are those of `torch.nn.LSTMCell`, and the two of `PeepholeLSTM`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: False leaves both biases out.
        device: of the parameters.
        dtype: of the parameters.
        peephole: ``"diagonal"``: `weight_ch` `[3, H]` in the order i, f, o; ``"full"``: `[3·H, H]`.
        output_peephole: whether the output gate sees the ``"new"`` cell state or the ``"previous"`` one.

    Example:
        >>> h, c = PeepholeLSTMCell(3, 5)(torch.zeros(2, 3))
        >>> h.shape, c.shape
        (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        peephole: Literal["diagonal", "full"] = "diagonal",
        output_peephole: Literal["new", "previous"] = "new",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)
        self.cell = cells.PeepholeLSTM(peephole, output_peephole)
        bound = 1.0 / math.sqrt(hidden_size)
        for name, shape in self.cell.parameter_shapes(hidden_size).items():
            # drawn after torch's own parameters, as `reset_parameters` does
            setattr(self, name, Parameter(self.weight_hh.new_empty(shape)))
            torch.nn.init.uniform_(getattr(self, name), -bound, bound)


class GRUCell(_OneState):
    """One step of a GRU, a drop-in for `torch.nn.GRUCell`.

    Args:
        input_size: D.
        hidden_size: H.
        bias: False leaves both biases out.
        device: of the parameters.
        dtype: of the parameters.
        reset: ``"after"`` (torch) or ``"before"`` the recurrent product (Cho et al. 2014).

    Example:
        >>> GRUCell(3, 5)(torch.zeros(2, 3)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        reset: Literal["after", "before"] = "after",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)
        self.cell = cells.GRU(reset)
