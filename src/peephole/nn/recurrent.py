"""`Recurrent`: layers of any cell, and the base of the layers that have a name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from peephole.errors import LengthError
from peephole.nn.base import CellLayer
from peephole.nn.batches import Batch, Lengths, check_lengths, from_dense, from_packed, from_ragged, no_steps
from peephole.ops import run


class Recurrent(CellLayer):
    """One or more layers of a cell, over batches of sequences.

    Arguments, attributes, parameters and errors are those of `torch.nn.LSTM`. Parameters of the cell's own come after torch's:
    ``weight_ch_l0`` `[3, H]` of a peephole LSTM. `layer.cell` is the cell.

    Args:
        cell: the equations, for example `cells.GRU(reset="before")` or an instance of your own subclass of `Cell`.
        input_size: D, features of an input row.
        hidden_size: H, units of a layer.
        num_layers: L, layers on top of each other.
        bias: False leaves both biases out.
        batch_first: inputs and outputs are `[N, T, …]` instead of `[T, N, …]`; states never are.
        dropout: probability in [0, 1] of zeroing an element of the rows between layers, in training.
        bidirectional: a second set of weights reads each sequence from its own end; outputs stand side by side.
        proj_size: P, if above zero: h is projected to P < H values by ``weight_hr_l0`` `[P, H]` (Sak et al. 2014). Only for cells
            in which h enters through products alone.
        device: of the parameters.
        dtype: of the parameters.
        init: ``"torch"``: everything uniform in ±1/√H, the same numbers for the same seed as torch.nn; ``"orthogonal"``,
            ``"chrono"``: see `peephole.nn.initial`.
        chrono_length: with ``init="chrono"``, the longest dependency expected, in steps, above 2.
        forget_bias: what the two biases of the forget gate add up to at the start; None leaves them to `init`.
        recurrent_dropout: probability in [0, 1] of zeroing an element of the operand of the recurrent products, in training: one
            mask for each sequence, layer and direction, the same at every step, scaled by 1 / (1 − p).
        backend: ``"auto"``, or the name of a backend (`peephole.ops.backends`), which is then honoured or refused.

    Raises:
        TypeError, ValueError: as torch.nn, in the same words.
        OptionError: an argument that torch.nn has not is out of range or does not suit the cell.

    Example:
        >>> from peephole import cells
        >>> layer = Recurrent(cells.CoupledLSTM(), 3, 5)
        >>> y, (h, c) = layer(torch.zeros(7, 2, 3), lengths=[7, 4])
        >>> y.shape, h.shape, bool((y[4:, 1] == 0).all())
        (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]), True)

    Source: recurrent dropout: Gal & Ghahramani 2016 (NIPS). We differ: one mask for all gates.
    """

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, *, lengths: Lengths | None = None
    ) -> tuple[Any, Any]:
        """Run the layers over a batch of sequences.

        Args:
            input: `[T, N, D]`, `[N, T, D]` if batch-first, `[T, D]` for one sequence, or a `PackedSequence`; the dtype of the
                weights.
            hx: initial states: `[L·K, N, H]` for a cell with one state, otherwise a tuple of them (h is `[L·K, N, P]` with
                projection); without the N axis for one sequence. None means zeros.
            lengths: steps of each sequence `[N]`, each in [0, T], in any order, on any device; None means T for all. Outputs past
                a sequence's end are zero; its final state is the state at its end; a length of zero leaves the initial state.

        Returns:
            The outputs of the last layer, in the shape of `input` with K·H (or K·P) features, and the final states in the shape
            of `hx`. K is 2 if bidirectional, otherwise 1.

        Raises:
            ValueError, RuntimeError: as torch.nn, in the same words.
            LengthError: `lengths` are not N integers in [0, T], or come with a `PackedSequence`.
            BackendUnavailable: the backend named at construction cannot do this.
        """
        self._update_flat_weights()
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise LengthError(
                    f"{self.title}.forward: a PackedSequence has lengths of its own; got lengths beside it",
                    hint="pack nothing, and give the padded batch with lengths",
                )
            batch = from_packed(input)
            if hx is None:
                hx = self._zeros(batch.rows, int(batch.batch_sizes[0]))
            else:
                hx = self.permute_hidden(hx, batch.sorted_indices)
            self.check_forward_args(batch.rows, hx, batch.batch_sizes)
            return self._forward(batch, hx)

        self._check_dimensions(input, hx)
        is_batched, batch_axis = input.dim() == 3, 0 if self.batch_first else 1
        if not is_batched:
            input, hx = input.unsqueeze(batch_axis), _each(hx, lambda state: state.unsqueeze(1))
        if hx is None:
            hx = self._zeros(input, input.shape[batch_axis])
        self.check_forward_args(input, hx, None)
        batch = self._dense_or_ragged(input, lengths)
        output, hidden = self._forward(batch, self.permute_hidden(hx, batch.sorted_indices))
        if not is_batched:
            output, hidden = output.squeeze(batch_axis), _each(hidden, lambda state: state.squeeze(1))
        return output, hidden

    def outputs(self, rows: Tensor, batch_sizes: Any) -> Tensor:
        """Run the layers on packed rows from zero states, for the outputs alone.

        Not asking for final states lets a backend take its fastest path for ragged batches.

        Args:
            rows: `[R, D]`, packed as in `peephole.ops.Sequences`.
            batch_sizes: `[T]` sequences alive at each step, never growing; an array, a list or a CPU tensor.

        Returns:
            `[R, K·H]` (or K·P), packed in the same way.
        """
        self._update_flat_weights()
        self.check_input(rows, torch.as_tensor(batch_sizes))
        hx = self._zeros(rows, int(batch_sizes[0]) if len(batch_sizes) else 0)
        self._check_devices(rows, ())
        return self._run(rows, batch_sizes, hx if isinstance(hx, tuple) else (hx,), want_state=False)[0]

    def _dense_or_ragged(self, x: Tensor, lengths: Lengths | None) -> Batch:
        batch, steps = (x.shape[0], x.shape[1]) if self.batch_first else (x.shape[1], x.shape[0])
        if lengths is not None:
            checked = check_lengths(f"{self.title}.forward", lengths, batch, steps)
            if steps == 0 or (checked != steps).any():
                return from_ragged(x, checked, self.batch_first)
        if steps == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        return from_dense(x, self.batch_first)

    def _zeros(self, like: Tensor, batch: int) -> Any:
        """Zero initial states, in the form in which `forward` takes them."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        widths = [self.proj_size or self.hidden_size] + [self.hidden_size] * (len(self.cell.states) - 1)
        zeros = [torch.zeros(count, batch, width, dtype=like.dtype, device=like.device) for width in widths]
        return zeros[0] if len(zeros) == 1 else tuple(zeros)

    def _forward(self, batch: Batch, hx: Any) -> tuple[Any, Any]:
        """Outputs in the shape of the batch, and final states in its order."""
        states = (hx,) if len(self.cell.states) == 1 else tuple(hx)
        self._check_devices(batch.rows, states)
        rows, finals = self._run(batch.rows, batch.batch_sizes, states, want_state=True)
        hidden = finals[0] if len(finals) == 1 else finals
        return batch.restore(rows), self.permute_hidden(hidden, batch.unsorted_indices)

    def _run(
        self, rows: Tensor, batch_sizes: Any, states: tuple[Tensor, ...], *, want_state: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers on packed rows: outputs `[R, K·P]` and, if wanted, final states `[L·K, N, …]`."""
        weights, directions = self._weights(), 2 if self.bidirectional else 1
        finals: list[dict[str, Tensor]] = []
        for layer in range(self.num_layers):
            if layer > 0 and self.training and self.dropout != 0:
                # Where torch draws its mask, and over the rows in the same order: the same seed drops the same elements.
                rows = torch.dropout(rows, self.dropout, True)
            outputs: list[Tensor] = []
            for k in range(layer * directions, (layer + 1) * directions):
                state = {name: value[k] for name, value in zip(self.cell.states, states, strict=True)}
                if len(batch_sizes) == 0:
                    outputs.append(
                        no_steps(state["h"].shape[-1], rows, *state.values(), *weights[k].values())
                    )
                    finals.append(state)
                    continue
                out = run(
                    self.cell,
                    rows,
                    batch_sizes,
                    weights[k],
                    state,
                    backend=self.backend,
                    reverse=k % directions == 1,
                    recurrent_mask=self._recurrent_mask(state["h"]),
                    want_state=want_state,
                )
                outputs.append(out.rows)
                finals.append(out.state)
            rows = torch.cat(outputs, -1) if directions == 2 else outputs[0]
        if not want_state:
            return rows, ()
        return rows, tuple(torch.stack([final[name] for final in finals]) for name in self.cell.states)

    def _recurrent_mask(self, h: Tensor) -> Tensor | None:
        """One mask `[N, P]` for all steps of a layer and direction; None where nothing is dropped."""
        if not self.training or self.recurrent_dropout == 0:
            return None
        return torch.dropout(torch.ones_like(h), self.recurrent_dropout, True)


def _each(hx: Any, change: Any) -> Any:
    """Apply `change` to a state, or to each of a tuple of states; None stays None."""
    if hx is None or isinstance(hx, Tensor):
        return hx if hx is None else change(hx)
    return tuple(change(state) for state in hx)
