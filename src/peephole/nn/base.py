"""What a layer is made of: torch's own checks and parameters, fitted to a cell, and the methods of torch's interface.

Layers subclass `torch.nn.modules.rnn.RNNBase` rather than `torch.nn.LSTM`: attributes, state dicts, pickling and errors come
with it all the same, and `torch.compile` follows the forward of such a class (that of a subclass of `nn.LSTM` it refuses).
"""

from __future__ import annotations

from typing import Any, ClassVar, TypedDict

from torch import Tensor
from torch.nn import Parameter
from torch.nn.modules.rnn import RNNBase

from peephole import cells
from peephole.equations import Cell
from peephole.errors import OptionError, check_choice
from peephole.nn.initial import Initial
from peephole.ops import backends
from peephole.ops.torch_state import is_traced

# The cells that torch.nn has, and torch's name for them.
TORCH_MODES: dict[Cell, str] = {
    cells.LSTM(): "LSTM",
    cells.GRU(): "GRU",
    cells.RNN("tanh"): "RNN_TANH",
    cells.RNN("relu"): "RNN_RELU",
}
_MODE_WITH_GATES = {4: "LSTM", 3: "GRU", 1: "RNN_TANH"}


class Options(TypedDict, total=False):
    """The keyword-only arguments that all layers share; `Recurrent` explains them."""

    init: str
    chrono_length: float | None
    forget_bias: float | None
    recurrent_dropout: float
    backend: str


class CellLayer(RNNBase):
    """A layer's attributes and parameters; `Recurrent` explains the arguments, and computes."""

    # The layer's name in messages, and the options of the cell that its printed form shows (None: the whole cell).
    title: ClassVar[str] = "Recurrent"
    shown_options: ClassVar[tuple[str, ...] | None] = None

    cell: Cell
    init: str
    chrono_length: float | None
    forget_bias: float | None
    recurrent_dropout: float
    backend: str

    def __init__(
        self,
        cell: Cell,
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
        init: str = "torch",
        chrono_length: float | None = None,
        forget_bias: float | None = None,
        recurrent_dropout: float = 0.0,
        backend: str = "auto",
    ) -> None:
        if not isinstance(cell, Cell):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{self.title}: cell must be a Cell, for example cells.GRU(); got {cell!r}")
        # Before torch's constructor, since it initialises the parameters and our `reset_parameters` reads these.
        self.cell = cell
        self.init, self.chrono_length, self.forget_bias = init, chrono_length, forget_bias
        self.recurrent_dropout, self.backend = recurrent_dropout, backend
        super().__init__(
            _MODE_WITH_GATES.get(len(cell.gates), "RNN_TANH"),
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
        )

    def _init_flat_weights(self) -> None:
        # Torch's constructor calls this once it has checked its arguments and registered its parameters, and before it
        # initialises them: the one moment at which a cell's own can join.
        if "_flat_weights" not in self.__dict__:
            self._check_options()
            self._fit_parameters()
        super()._init_flat_weights()

    def _check_options(self) -> None:
        p = self.recurrent_dropout
        if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise OptionError(f"{self.title}: recurrent_dropout must be a probability in [0, 1]; got {p!r}")
        if self.proj_size and not self.cell.projectable:
            raise OptionError(
                f"{self.title}: proj_size must be 0 for a cell in which h enters otherwise than through products; "
                f"got proj_size={self.proj_size} for {self.cell!r}"
            )
        check_choice(self.title, "backend", self.backend, ("auto", *(info.name for info in backends())))
        self._initial()

    def _initial(self) -> Initial:
        return Initial(
            self.cell, self.init, self.chrono_length, self.forget_bias, self.bias, where=self.title
        )

    def _fit_parameters(self) -> None:
        """Give torch's parameters the cell's number of gates, and register the cell's own after all of them."""
        self.mode = TORCH_MODES.get(self.cell, self.cell.name)
        rows, like = len(self.cell.gates) * self.hidden_size, self._tensor("weight_ih_l0")
        if like.shape[0] != rows:
            for name in self._flat_weights_names:
                if not name.startswith("weight_hr"):
                    shape = (rows, *self._tensor(name).shape[1:])
                    self.register_parameter(name, Parameter(like.new_empty(shape)))
        for names in self._all_weights:
            suffix = names[0].removeprefix("weight_ih")
            for key, shape in self.cell.parameter_shapes(self.hidden_size).items():
                self.register_parameter(key + suffix, Parameter(like.new_empty(shape)))
                names.append(key + suffix)
                self._flat_weights_names.append(key + suffix)

    def _tensor(self, name: str) -> Tensor:
        value = getattr(self, name)
        assert isinstance(value, Tensor)
        return value

    def _weight_names(self) -> list[str]:
        """Names of a layer's weights in one direction, as `peephole.ops.run` knows them."""
        return [name.rsplit("_l", 1)[0] for name in self._all_weights[0]]

    def _weight_lists(self, flat: list[Any]) -> list[list[Tensor]]:
        """The weights of each layer and direction, in the order of their names."""
        count = len(self._all_weights)
        if count == 1:
            return [flat]
        own = len(self.cell.parameters)
        shared = len(self._all_weights[0]) - own
        if own == 0:
            return [flat[k * shared : (k + 1) * shared] for k in range(count)]
        first = count * shared  # torch's of every layer and direction, then the cell's own of every one
        return [
            flat[k * shared : (k + 1) * shared] + flat[first + k * own : first + (k + 1) * own]
            for k in range(count)
        ]

    def _weights(self) -> list[dict[str, Tensor]]:
        """The weights of each layer and direction, by name."""
        names = self._weight_names()
        return [dict(zip(names, weights, strict=True)) for weights in self._weight_lists(self._flat_weights)]

    def _present_weights(self) -> list[Any]:
        """The flat list of weights as they are now: registered, parametrised, or put in their place by `torch.func`.

        As torch's `_update_flat_weights`, which looks each one up twice: at small sizes that takes as long as the layer.
        """
        registered, known = self._parameters, self._flat_weights
        for name, weight in zip(self._flat_weights_names, known, strict=True):
            if registered.get(name) is not weight:
                break
        else:
            return known
        if not is_traced():  # there, the weights are a graph's, and not the layer's to keep
            self._init_flat_weights()
        return [getattr(self, name, None) for name in self._flat_weights_names]

    def reset_parameters(self) -> None:
        """Initialise all parameters anew, in the way the layer was made with."""
        super().reset_parameters()
        self._initial().apply(self._weights())

    def flatten_parameters(self) -> None:
        """Let cuDNN have the parameters in one piece, if it knows the cell; otherwise nothing."""
        if self.cell in TORCH_MODES:
            super().flatten_parameters()

    def extra_repr(self) -> str:
        """What torch prints, and after it whatever else is not at its default."""
        if self.shown_options is None:
            parts, shown = [repr(self.cell), super().extra_repr()], {}
        else:
            parts, usual = [super().extra_repr()], type(self.cell)().options
            shown = {name: (self.cell.options[name], usual[name]) for name in self.shown_options}
        shown |= {
            "init": (self.init, "torch"),
            "chrono_length": (self.chrono_length, None),
            "forget_bias": (self.forget_bias, None),
            "recurrent_dropout": (self.recurrent_dropout, 0.0),
            "backend": (self.backend, "auto"),
        }
        parts += [f"{name}={value!r}" for name, (value, default) in shown.items() if value != default]
        return ", ".join(parts)

    # The rest is torch's interface and torch's words, for any number of states.

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """Return the shape of every state but h: `[L·K, N, H]`."""
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return layers, batch, self.hidden_size

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Check the sizes of inputs and states; `hidden` is a tensor, or a tuple where the cell has several states."""
        self.check_input(input, batch_sizes)
        count = len(self.cell.states)
        first = hidden if count == 1 else hidden[0]
        if batch_sizes is not None and is_traced():  # N is a number that nobody has read
            layers, batch = self.num_layers * (2 if self.bidirectional else 1), first.shape[1]
            expected = (layers, batch, self.proj_size or self.hidden_size)
        else:
            expected = self.get_expected_hidden_size(input, batch_sizes)
        if count == 1:
            self.check_hidden_size(hidden, expected)
            return
        for k in range(count):
            self.check_hidden_size(hidden[k], expected, f"Expected hidden[{k}] size {{}}, got {{}}")
            expected = (expected[0], expected[1], self.hidden_size)
        if len(hidden) != count:
            words = {2: "two", 3: "three"}
            raise RuntimeError(f"{self.mode.lower()} expects {words.get(count, count)} hidden states")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """Put the sequences of the states into another order."""
        if permutation is None or hx is None:
            return hx
        if isinstance(hx, Tensor):
            return hx.index_select(1, permutation)
        return tuple(state.index_select(1, permutation) for state in hx)

    def _check_dimensions(self, x: Tensor, hx: Any) -> None:
        if x.dim() not in (2, 3):
            tensor = " tensor" if isinstance(self.cell, cells.RNN) else ""
            raise ValueError(f"{self.title}: Expected input to be 2D or 3D, got {x.dim()}D{tensor} instead")
        wanted = x.dim()
        kind = "batched 3-D" if wanted == 3 else "unbatched 2-D"
        if hx is not None and len(self.cell.states) == 1:
            if hx.dim() != wanted:
                raise RuntimeError(
                    f"For {kind} input, hx should also be {wanted}-D but got {hx.dim()}-D tensor"
                )
        elif hx is not None:
            given = [hx[k].dim() for k in range(len(self.cell.states))]
            if any(dim != wanted for dim in given):
                names = " and ".join(f"{state}x" for state in self.cell.states)
                listed = ", ".join(f"{dim}-D" for dim in given)
                raise RuntimeError(
                    f"For {kind} input, {names} should also be {wanted}-D but got ({listed}) tensors"
                )

    def _check_devices(self, rows: Tensor, states: list[Tensor], weights: list[Any]) -> None:
        for name, tensors in (("hidden", states), ("parameter", weights)):
            for tensor in tensors:
                if isinstance(tensor, Tensor) and tensor.device != rows.device:
                    raise RuntimeError(
                        f"Input and {name} tensors are not at the same device, "
                        f"found input tensor at {rows.device} and {name} tensor at {tensor.device}"
                    )
