"""`Recurrent`: layers of any cell, and the base of the layers that have a name."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from peephole.errors import LengthError, ShapeError
from peephole.nn.base import CellLayer
from peephole.nn.batches import Batch, Lengths, from_dense, from_packed, from_ragged, no_steps
from peephole.nn.part import Part, ones_dropped
from peephole.ops import run, run_padded
from peephole.ops.batch_sizes import BatchSizes
from peephole.ops.call import call_of
from peephole.ops.route import compute
from peephole.ops.torch_state import is_traced


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
            ``"identity"``, ``"chrono"``: see `peephole.nn.initial`.
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

    # Set where several processes train the layer: the part of a larger batch that each batch in training is.
    part: Part | None = None

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
        weights = self._present_weights()
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise LengthError(
                    f"{self.title}.forward: a PackedSequence has lengths of its own; got lengths beside it",
                    hint="pack nothing, and give the padded batch with lengths",
                )
            batch = from_packed(input)
            if hx is None:
                self.check_input(batch.rows, input.batch_sizes)
            else:
                hx = self.permute_hidden(hx, batch.sorted_indices)
                self.check_forward_args(batch.rows, hx, input.batch_sizes)
            return self._forward(batch, hx, _sequences(input) if hx is None else 0, weights)

        self._check_dimensions(input, hx)
        is_batched, batch_axis = input.dim() == 3, 0 if self.batch_first else 1
        if not is_batched:
            input, hx = input.unsqueeze(batch_axis), _each(hx, lambda state: state.unsqueeze(1))
        if hx is None:
            self.check_input(input, None)
        else:
            self.check_forward_args(input, hx, None)
        if lengths is not None:
            batch = from_ragged(f"{self.title}.forward", input, lengths, self.batch_first)
            hx = self.permute_hidden(hx, batch.sorted_indices)
        elif input.shape[1 - batch_axis] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        else:
            batch = from_dense(input, self.batch_first)
        output, hidden = self._forward(batch, hx, input.shape[batch_axis], weights)
        if not is_batched:
            output, hidden = output.squeeze(batch_axis), _each(hidden, lambda state: state.squeeze(1))
        return output, hidden

    def outputs(self, rows: Tensor, batch_sizes: Any, *, part: Part | None = None) -> Tensor:
        """Run the layers on packed rows from zero states, for the outputs alone.

        Not asking for final states lets a backend take its fastest path for ragged batches.

        Args:
            rows: `[R, D]`, packed as in `peephole.ops.Sequences`.
            batch_sizes: `[T]` sequences alive at each step, never growing; an array, a list or a CPU tensor.
            part: the part of a larger batch that the rows are: dropout then draws for the whole of it, and these rows have their
                share; None: they are all.

        Returns:
            `[R, K·H]` (or K·P), packed in the same way.
        """
        weights = self._present_weights()
        sizes = BatchSizes.of(f"{self.title}.outputs", batch_sizes)
        self.check_input(
            rows, torch.empty(0)
        )  # the rule for packed rows asks of batch sizes only that there are some
        batch = Batch(rows, sizes, None, None, None, lambda rows: rows, True, sizes.rows == 0, part)
        return self._run(batch, self._zeros(rows, sizes.batch), weights, want_state=False)[0]

    def _zeros(self, like: Tensor, batch: int) -> list[list[Tensor]]:
        """Zero states for every layer and direction, one tensor for all that have its shape."""
        dtype, device = like.dtype, like.device
        state = [torch.zeros(batch, self.hidden_size, dtype=dtype, device=device)] * len(self.cell.states)
        if self.proj_size:
            state[0] = torch.zeros(batch, self.proj_size, dtype=dtype, device=device)
        return [state] * (self.num_layers * (2 if self.bidirectional else 1))

    def _forward(self, batch: Batch, hx: Any, sequences: int, weights: list[Any]) -> tuple[Any, Any]:
        """Outputs in the shape of the batch, and final states in its order; without `hx`, zero states of so many sequences."""
        if hx is None:
            states = self._zeros(batch.rows, sequences)
        else:
            given = (hx,) if len(self.cell.states) == 1 else tuple(hx)
            states = [list(one) for one in zip(*(state.unbind(0) for state in given), strict=True)]
        rows, finals = self._run(batch, states, weights, want_state=True)
        hidden = finals[0] if len(finals) == 1 else finals
        return batch.restore(rows), self.permute_hidden(hidden, batch.unsorted_indices)

    def _run(
        self, batch: Batch, states: list[list[Tensor]], flat: list[Any], *, want_state: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers: outputs `[…, K·P]` and, if wanted, final states `[L·K, N, …]`."""
        rows, weights, directions = batch.rows, self._weight_lists(flat), 2 if self.bidirectional else 1
        if self.part is not None and batch.part is None:
            batch = dataclasses.replace(batch, part=self.part)
        run_one = self._run_in_graph if is_traced() else self._run_one
        finals: list[list[Tensor]] = []
        for layer in range(self.num_layers):
            if layer > 0 and self.training and self.dropout != 0:
                # Where torch draws its mask, and over the rows in the same order: the same seed drops the same elements.
                rows = self._drop_between(rows, batch.part)
            outputs: list[Tensor] = []
            for k in range(layer * directions, (layer + 1) * directions):
                output, *final = run_one(batch, rows, weights[k], states[k], k % directions == 1, want_state)
                outputs.append(output)
                finals.append(final)
            rows = torch.cat(outputs, -1) if directions == 2 else outputs[0]
        if not want_state:
            return rows, ()
        if len(finals) == 1:
            return rows, tuple([final.unsqueeze(0) for final in finals[0]])
        return rows, tuple([torch.stack(each) for each in zip(*finals, strict=True)])

    def _run_one(
        self,
        batch: Batch,
        rows: Tensor,
        weights: list[Tensor],
        state: list[Tensor],
        reverse: bool,
        want_state: bool,
    ) -> list[Tensor]:
        """One layer in one direction: output rows, and final states if wanted."""
        if batch.is_empty:
            if batch.part is not None:  # the others' masks are drawn here too
                self._recurrent_mask(state[0], batch.part)
            return [no_steps((*rows.shape[:-1], state[0].shape[-1]), rows, *state, *weights), *state]
        mask = self._recurrent_mask(state[0], batch.part)
        call = call_of(
            self.cell, self.bias, self.proj_size > 0, mask is not None, (), (), reverse, want_state
        )
        arrays = [rows, *weights, *state] if mask is None else [rows, *weights, *state, mask]
        try:
            return compute(call, batch.batch_sizes, arrays, self.backend)
        except ShapeError:
            self._check_devices(rows, state, weights)  # torch's words for what is on another device
            raise

    def _run_in_graph(
        self,
        batch: Batch,
        rows: Tensor,
        weights: list[Tensor],
        state: list[Tensor],
        reverse: bool,
        want_state: bool,
    ) -> list[Tensor]:
        """The same where a graph is being made: one operator, where it can be."""
        self._check_devices(rows, state, weights)
        if batch.is_empty:
            return [no_steps((*rows.shape[:-1], state[0].shape[-1]), rows, *state, *weights), *state]
        named, states = (
            dict(zip(self._weight_names(), weights, strict=True)),
            dict(zip(self.cell.states, state, strict=True)),
        )
        mask = self._recurrent_mask(state[0], batch.part)
        if batch.is_packed:
            out = run(
                self.cell, rows, batch.batch_sizes, named, states, backend=self.backend, reverse=reverse,
                recurrent_mask=mask, want_state=want_state,
            )  # fmt: skip
        else:
            out = run_padded(
                self.cell, rows, batch.lengths, named, states, backend=self.backend, reverse=reverse,
                recurrent_mask=mask, want_state=want_state,
            )  # fmt: skip
        return [out.rows, *out.state.values()]

    def _drop_between(self, rows: Tensor, part: Part | None) -> Tensor:
        """The rows between two layers, some of their elements zeroed."""
        if part is None:
            return torch.dropout(rows, self.dropout, True)
        return rows * part.of_rows(ones_dropped(self.dropout, rows), rows)

    def _recurrent_mask(self, h: Tensor, part: Part | None) -> Tensor | None:
        """One mask `[N, P]` for all steps of a layer and direction; None where nothing is dropped."""
        if not self.training or self.recurrent_dropout == 0:
            return None
        if part is not None:
            return part.of_states(ones_dropped(self.recurrent_dropout, h), h)
        return torch.dropout(torch.ones_like(h), self.recurrent_dropout, True)


def _each(hx: Any, change: Any) -> Any:
    """Apply `change` to a state, or to each of a tuple of states; None stays None."""
    if hx is None or isinstance(hx, Tensor):
        return hx if hx is None else change(hx)
    return tuple(change(state) for state in hx)


def _sequences(packed: PackedSequence) -> int:
    """N of a PackedSequence; inside a graph without reading its batch sizes, where that can be."""
    if is_traced() and packed.sorted_indices is not None:
        return packed.sorted_indices.shape[0]
    return int(packed.batch_sizes[0])
