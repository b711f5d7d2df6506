"""The language model's own task while a classifier is fine-tuned, so that the recurrent layers do not forget it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peephole.ops import Sequences
from peephole.training.batches import Batch
from peephole.training.language.folder import Language
from peephole.training.language.sampled import Candidates, sampled_loss


class LanguageTask:
    """Tells each next token, or in the other direction the one before, from the rows of a classifier's last recurrent layer.

    The vectors of tokens are the classifier's and learn; the map from a state to the width of a vector, and the bias of each
    token, stay the language model's.

    Args:
        language: the language model that the classifier starts from.
        counts: how often each token stands in the training texts `[V]`.
        device: where the network is.

    Source: Chronopoulou, Baziotis & Potamianos, "An embarrassingly simple approach for transfer learning from pretrained
        language models" (2019). We differ: the map to the vectors stays as it is.
    """

    def __init__(
        self, language: Language, counts: NDArray[np.int64], device: torch.device | str = "cpu"
    ) -> None:
        recipe = language.recipe
        self._hidden = recipe.hidden_size
        self._counts, self._drawn, self._power = counts, recipe.candidates, recipe.candidate_power
        self._maps = [
            tuple(
                self._tensor(language.weights[f"projection{last}.{part}"], device)
                for part in ("weight", "bias")
            )
            for last in (("", "_reverse") if recipe.directions == "both" else ("",))
        ]
        self._bias = self._tensor(language.weights["bias"], device)

    def loss(
        self,
        rows: Tensor,
        batch: Batch,
        vectors: Tensor,
        chance: np.random.Generator,
    ) -> Tensor | None:
        """Return the mean loss over all directions, a scalar in nats a token; None where no text has two tokens.

        Of a batch that several processes share it is this process's share; the sum over the processes is the whole.

        Args:
            rows: of the last recurrent layer `[R, K·H]`, packed.
            batch: the texts.
            vectors: of all tokens `[V, E]`.
            chance: draws the tokens that the right ones are told from, for all processes alike.
        """
        here, after = neighbours(batch.sequences)
        if not len(here):
            return None
        whole_here, whole_after, own = here, after, None
        if batch.part is not None:
            whole_here, whole_after = neighbours(batch.part.whole)
            own = np.searchsorted(whole_here, batch.part.rows[here])
        choice = Candidates(self._counts, self._drawn, self._power, len(whole_here))
        total = rows.new_zeros(())
        for direction, (weight, bias) in enumerate(self._maps):
            read, told = (here, whole_after) if direction == 0 else (after, whole_here)
            chosen, place = choice.choose(batch.all_texts.ids[told], chance)
            place = place if own is None else place[own]
            among = torch.from_numpy(chosen).to(rows.device)
            correction = self._tensor(choice.log_chance[chosen], rows.device) if choice.drawn else None
            columns = rows[:, direction * self._hidden : (direction + 1) * self._hidden]
            said = torch.addmm(
                bias, columns.index_select(0, torch.from_numpy(read).to(rows.device)), weight.t()
            )
            total = total + sampled_loss(
                said,
                vectors.index_select(0, among),
                self._bias[among],
                torch.from_numpy(place).to(rows.device),
                correction,
            )
        mean = total / len(self._maps)
        return mean if own is None else mean * (len(here) / len(whole_here))

    @staticmethod
    def _tensor(values: NDArray[np.float32], device: torch.device | str) -> Tensor:
        return torch.from_numpy(np.array(values)).to(device)


def neighbours(sequences: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the packed rows that have a next step in their text, and the rows of those next steps.

    Example:
        >>> here, after = neighbours(Sequences.from_lengths([1, 3]))      # packed: 1, 0, 1, 1
        >>> here.tolist(), after.tolist()
        ([0, 2], [2, 3])
    """
    sizes = np.asarray(sequences.batch_sizes, dtype=np.int64)
    alive_after = np.append(sizes[1:], 0)
    here = np.flatnonzero(sequences.row_sorted < alive_after[sequences.row_time])
    return here, sequences.offsets[sequences.row_time[here] + 1] + sequences.row_sorted[here]
