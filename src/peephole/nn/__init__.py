"""Recurrent layers for PyTorch.

`RNN`, `LSTM`, `GRU` and the single-step `RNNCell`, `LSTMCell`, `GRUCell` stand in for those of `torch.nn`: the same constructor,
attributes, state dict, initial weights for the same seed, outputs, gradients and errors. `PeepholeLSTM`, its cell and
`Recurrent` (any cell) have the same interface. What is added: lengths without packing, peepholes, the original GRU, recurrent
dropout, other initial weights, and a choice of backend that is honoured or refused. `convert` puts them into a model of torch's.

Layer normalisation inside the cell is out of scope: normalise the inputs of a layer, or write a cell of your own.
"""

from __future__ import annotations

from peephole.errors import require

# Named before any module of this room asks for it without a word.
require("torch", extra="train", purpose="peephole.nn")

from peephole.nn.convert import Conversion as Conversion
from peephole.nn.convert import convert as convert
from peephole.nn.layers import GRU as GRU
from peephole.nn.layers import LSTM as LSTM
from peephole.nn.layers import RNN as RNN
from peephole.nn.layers import PeepholeLSTM as PeepholeLSTM
from peephole.nn.recurrent import Recurrent as Recurrent
from peephole.nn.single_step import GRUCell as GRUCell
from peephole.nn.single_step import LSTMCell as LSTMCell
from peephole.nn.single_step import PeepholeLSTMCell as PeepholeLSTMCell
from peephole.nn.single_step import RNNCell as RNNCell
from peephole.ops import torch_operator as torch_operator  # exported programs ask for what it registers

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Conversion",
    "GRUCell",
    "LSTMCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "RNNCell",
    "Recurrent",
    "convert",
]
