"""The layers with names. RNN, LSTM and GRU stand in for torch.nn's; PeepholeLSTM is what torch.nn has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from peephole import cells
from peephole.nn.base import Options
from peephole.nn.recurrent import Recurrent

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NO_PROJECTION = "proj_size argument is only supported for LSTM, not RNN or GRU"


class RNN(Recurrent):
    """The plain recurrent network, a drop-in for `torch.nn.RNN`.

    Args:
        *args: as `torch.nn.RNN`: input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
            dropout=0.0, bidirectional=False; nonlinearity is ``"tanh"`` or ``"relu"``.
        **kwargs: the same by name, device and dtype, and the keyword-only arguments of `Recurrent`.

    Example:
        >>> import torch
        >>> y, h = RNN(3, 5, nonlinearity="relu")(torch.zeros(7, 2, 3))
        >>> y.shape, h.shape
        (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """

    title, shown_options = "RNN", ()
    nonlinearity: str

    @overload
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
        **options: Unpack[Options],
    ) -> None: ...

    @overload
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError(_NO_PROJECTION)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(cells.RNN(nonlinearity), *args[:3], *args[4:], **kwargs)


class LSTM(Recurrent):
    """Long short-term memory, a drop-in for `torch.nn.LSTM`.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: L.
        bias: False leaves both biases out.
        batch_first: inputs and outputs are `[N, T, …]`.
        dropout: between layers, in [0, 1].
        bidirectional: also from each sequence's end.
        proj_size: P, or 0.
        device: of the parameters.
        dtype: of the parameters.
        **options: the keyword-only arguments of `Recurrent`.

    Example:
        >>> import torch
        >>> layer = LSTM(3, 5, bidirectional=True, forget_bias=1.0)
        >>> y, (h, c) = layer(torch.zeros(7, 2, 3), lengths=[7, 0])
        >>> y.shape, h.shape, bool((h[:, 1] == 0).all())
        (torch.Size([7, 2, 10]), torch.Size([2, 2, 5]), True)
    """

    title, shown_options = "LSTM", ()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            cells.LSTM(),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            **options,
        )


class PeepholeLSTM(Recurrent):
    """The LSTM whose gates see the cell state. `torch.nn` has none; the arguments are those of `torch.nn.LSTM`.

    With the same seed, the weights that it shares with an LSTM begin the same; the peepholes ``weight_ch_l0`` are drawn after
    them, uniform in ±1/√H too. With zero peepholes it is the LSTM.

    Args:
        input_size: D.
        hidden_size: H.
        num_layers: L.
        bias: False leaves both biases out.
        batch_first: inputs and outputs are `[N, T, …]`.
        dropout: between layers, in [0, 1].
        bidirectional: also from each sequence's end.
        proj_size: P, or 0.
        device: of the parameters.
        dtype: of the parameters.
        peephole: ``"diagonal"``: a unit's gates see its own cell, ``weight_ch_l0`` `[3, H]` in the order i, f, o; ``"full"``: all
            cells, `[3·H, H]`.
        output_peephole: whether the output gate sees the ``"new"`` cell state or the ``"previous"`` one.
        **options: the keyword-only arguments of `Recurrent`.

    Example:
        >>> import torch
        >>> layer = PeepholeLSTM(3, 5)
        >>> y, (h, c) = layer(torch.zeros(7, 2, 3))
        >>> y.shape, layer.weight_ch_l0.shape
        (torch.Size([7, 2, 5]), torch.Size([3, 5]))

    Source: Gers, Schraudolph & Schmidhuber 2002, JMLR 3.
    """

    title, shown_options = "PeepholeLSTM", ("peephole", "output_peephole")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        peephole: Literal["diagonal", "full"] = "diagonal",
        output_peephole: Literal["new", "previous"] = "new",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            cells.PeepholeLSTM(peephole, output_peephole),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            **options,
        )


class GRU(Recurrent):
    """The gated recurrent unit, a drop-in for `torch.nn.GRU`.

    Args:
        *args: as `torch.nn.GRU`: input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
            bidirectional=False.
        reset: ``"after"``: the reset gate multiplies the recurrent product (torch, cuDNN); ``"before"``: it multiplies the state
            (Cho et al. 2014).
        **kwargs: the arguments by name, device and dtype, and the keyword-only arguments of `Recurrent`.

    Example:
        >>> import torch
        >>> y, h = GRU(3, 5, reset="before")(torch.zeros(7, 2, 3))
        >>> y.shape, h.shape
        (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """

    title, shown_options = "GRU", ("reset",)

    @overload
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
        reset: Literal["after", "before"] = "after",
        **options: Unpack[Options],
    ) -> None: ...

    @overload
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __init__(self, *args: Any, reset: Literal["after", "before"] = "after", **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError(_NO_PROJECTION)
        super().__init__(cells.GRU(reset), *args, **kwargs)
