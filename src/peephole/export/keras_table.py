"""What Keras has and what becomes of it: the table that the conversion obeys and that the reference page is made of."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

# carried    the layer of ours has it
# start      only how weights begin, or what things are called: the weights are there already
# interface  what one passes in or takes out; the numbers can be had all the same
# training   it changes training, not inference: refused unless ``inference=True``
# refused    it changes the numbers, and no layer of ours computes them
Effect = Literal["carried", "start", "interface", "training", "refused"]


@dataclasses.dataclass(frozen=True)
class Rule:
    """What becomes of an option of a Keras layer.

    Attributes:
        effect: the kind of thing that it changes.
        says: what becomes of it, or why it is refused; a phrase.
        plain: with ``training`` and ``refused``, the values that pass.
    """

    effect: Effect
    says: str
    plain: tuple[Any, ...] = ()

    def refuses(self, value: Any, *, inference: bool) -> bool:
        """Whether a layer with this value cannot be converted."""
        stops = self.effect == "refused" or (self.effect == "training" and not inference)
        return stops and not any(value is plain or value == plain for plain in self.plain)


_BEGIN = Rule("start", "the weights are there already")
_PENALTY = Rule("training", "no layer of ours adds a penalty to the loss; add it to yours", (None,))
_CONSTRAINT = Rule("training", "no layer of ours projects weights after a step; do so after yours", (None,))
_INPUT_DROPOUT = Rule(
    "training",
    "Keras draws one mask of the inputs for all steps; ours drops elements between layers, a new mask at each step",
    (0, None),
)
_GATE_DROPOUT = Rule(
    "training", "Keras draws a mask for each gate, ours one for all gates of a sequence", (0, None)
)
_TANH = Rule("refused", "our equations have tanh here; write a cell of your own for another", ("tanh",))
_WEIGHTS: dict[str, Rule] = {
    "units": Rule("carried", "`hidden_size`"),
    "use_bias": Rule("carried", "`bias`"),
    "kernel_initializer": _BEGIN,
    "recurrent_initializer": _BEGIN,
    "bias_initializer": _BEGIN,
    "kernel_regularizer": _PENALTY,
    "recurrent_regularizer": _PENALTY,
    "bias_regularizer": _PENALTY,
    "kernel_constraint": _CONSTRAINT,
    "recurrent_constraint": _CONSTRAINT,
    "bias_constraint": _CONSTRAINT,
    "dropout": _INPUT_DROPOUT,
    "seed": Rule("start", "torch's own random numbers draw what is drawn"),
}
_GATED: dict[str, Rule] = {
    **_WEIGHTS,
    "activation": _TANH,
    "recurrent_activation": Rule(
        "refused", "our gates are logistic; Keras's hard sigmoid, for one, is another function", ("sigmoid",)
    ),
    "recurrent_dropout": _GATE_DROPOUT,
}

# Of every layer and cell.
COMMON: dict[str, Rule] = {
    "name": Rule("start", "a name of Keras's"),
    "trainable": Rule("carried", "`requires_grad` of all parameters"),
    "dtype": Rule(
        "carried", "that of the variables; of a mixed policy, `torch.autocast` does the other half"
    ),
}

# By the class of the cell, which LSTM, GRU and SimpleRNN have inside: `LSTM(…)` is `RNN(LSTMCell(…))`.
CELLS: dict[str, dict[str, Rule]] = {
    "LSTMCell": {**_GATED, "unit_forget_bias": _BEGIN},
    "GRUCell": {**_GATED, "reset_after": Rule("carried", '`reset="after"` or `"before"`')},
    "SimpleRNNCell": {
        **_WEIGHTS,
        "activation": Rule("refused", "our RNN has tanh or ReLU", ("tanh", "relu")),
        "recurrent_dropout": Rule("carried", "`recurrent_dropout`: one mask for all steps, in both"),
    },
}

# Of the layer around a cell.
LAYER: dict[str, Rule] = {
    "return_sequences": Rule("interface", "all outputs are returned; the last is `y[:, -1]`, or the final h"),
    "return_state": Rule("interface", "final states are always returned"),
    "stateful": Rule("interface", "hand the final states to the next call as `hx`"),
    "unroll": Rule("interface", "how Keras runs it"),
    "zero_output_for_mask": Rule(
        "interface", "outputs past a sequence's end are zero; where it is False, Keras repeats the last one"
    ),
    "go_backwards": Rule(
        "refused",
        "a layer of ours reads backwards only beside one that reads forwards (Bidirectional); convert its arrays, "
        "and flip the inputs",
        (False,),
    ),
    "activity_regularizer": _PENALTY,
    "cell": Rule("carried", "the cell, or several as layers on top of each other"),
}

BIDIRECTIONAL: dict[str, Rule] = {
    "merge_mode": Rule(
        "refused",
        "our outputs stand side by side; convert the arrays of both directions, and add or multiply the halves",
        ("concat",),
    ),
    "layer": Rule("carried", "the forward direction"),
    "backward_layer": Rule(
        "carried", "`bidirectional=True`; its options must be those of the forward direction"
    ),
}

# What Keras calls with a layer, beside its options.
CALLS: dict[str, Rule] = {
    "mask": Rule(
        "interface",
        "a masked step leaves the state as it was, so `real_first` moves the others to the front and counts them as `lengths`",
    ),
    "initial_state": Rule("interface", "`hx`, `[L·K, N, H]` where Keras has a list of `[N, H]`"),
    "training": Rule("interface", "`layer.train()` and `layer.eval()`"),
}
