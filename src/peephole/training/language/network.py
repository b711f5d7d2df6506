"""The language model as a torch module: vectors of tokens, recurrent layers, and the same vectors again to tell a token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from peephole import cells
from peephole.nn.recurrent import Recurrent
from peephole.training.language.recipe import LanguageRecipe

RECURRENT, EMBEDDING = "recurrent", "embedding"


class LanguageModel(nn.Module):
    """Tells each next token; with ``directions="both"`` a second network tells each token before.

    The two networks share the vectors of tokens and nothing else, so that neither has seen what it is to tell. The rows of the
    last layer go through a linear map to the width of the vectors, and are compared with them.

    Args:
        recipe: sizes, cell and dropouts.
        vocabulary: V, tokens of the tokenizer.

    Source: tied vectors: Inan, Khosravi & Socher (2017); Press & Wolf (2017).
    """

    def __init__(self, recipe: LanguageRecipe, vocabulary: int) -> None:
        super().__init__()
        cell = cells.make(recipe.cell, **recipe.cell_options)
        self.recipe = recipe
        self.embedding = nn.Embedding(vocabulary, recipe.embedding)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        count = 2 if recipe.directions == "both" else 1
        self.networks = nn.ModuleList(
            Recurrent(
                cell,
                recipe.embedding,
                recipe.hidden_size,
                recipe.layers,
                dropout=recipe.layer_dropout if recipe.layers > 1 else 0.0,
                recurrent_dropout=recipe.recurrent_dropout,
                init="orthogonal",
                forget_bias=1.0 if "f" in cell.gates else None,
            )
            for _ in range(count)
        )
        self.projections = nn.ModuleList(
            nn.Linear(recipe.hidden_size, recipe.embedding) for _ in range(count)
        )

    @property
    def directions(self) -> int:
        """How many networks there are, 1 or 2."""
        return len(self.networks)

    def begin(self, streams: int) -> list[Tensor]:
        """Return the states of all directions before the first step, zeros `[L, B, H]` each."""
        recipe = self.recipe
        count = self.directions * len(cells.make(recipe.cell, **recipe.cell_options).states)
        return [self.bias.new_zeros(recipe.layers, streams, recipe.hidden_size) for _ in range(count)]

    def draw_masks(self, streams: int) -> tuple[Tensor | None, Tensor | None]:
        """Draw which features are zeroed for a whole window: of what goes in `[1, B, E]`, and of what comes out `[1, B, H]`."""
        recipe = self.recipe
        if not self.training:
            return None, None
        pairs = ((recipe.input_dropout, recipe.embedding), (recipe.output_dropout, recipe.hidden_size))
        first, last = (
            F.dropout(self.bias.new_ones(1, streams, width), share) if share else None
            for share, width in pairs
        )
        return first, last

    def forward(
        self,
        ids: Tensor,
        states: list[Tensor],
        direction: int,
        masks: tuple[Tensor | None, ...] = (None, None),
    ) -> tuple[Tensor, list[Tensor]]:
        """Read a window of every stream.

        Args:
            ids: tokens `[T, B]`, int64.
            states: of this direction, at the end of the window before.
            direction: 0 reads forwards; 1 is the other network, whose streams are reversed.
            masks: what `draw_masks` returned; nothing is zeroed without them.

        Returns:
            What it says at every step `[T · B, E]`, and the states at the end, cut off from the gradient.
        """
        first, last = masks
        rows = self.embedding(ids)
        rows = rows if first is None else rows * first
        hx: Any = tuple(states) if len(states) > 1 else states[0]
        rows, hx = _run(self.networks[direction], rows, hx)
        rows = rows if last is None else rows * last
        said = self.projections[direction](rows.flatten(0, 1))
        return said, [state.detach() for state in (hx if isinstance(hx, tuple) else (hx,))]

    def tensors(self, weights: dict[str, Tensor]) -> dict[str, NDArray[np.float32]]:
        """Return weights by the names of a language model's folder, those of the recurrent layers as torch.nn names them.

        Args:
            weights: by the names of this module's parameters.
        """
        named: dict[str, NDArray[np.float32]] = {}
        for name, weight in weights.items():
            room, *rest = name.split(".")
            if room in ("networks", "projections"):
                last = "_reverse" if rest[0] == "1" else ""
                stem = RECURRENT if room == "networks" else "projection" + last
                name = f"{stem}.{rest[1]}{last if room == 'networks' else ''}"
            named[name] = weight.detach().to("cpu", torch.float32).numpy().copy()
        return named


def _run(layers: nn.Module, rows: Tensor, hx: Any) -> tuple[Tensor, Any]:
    """Run recurrent layers; under autocast in the lower precision, their states and outputs in float32 outside."""
    kind = rows.device.type
    if not torch.is_autocast_enabled(kind):
        return layers(rows, hx)
    lower = torch.get_autocast_dtype(kind)
    weights = {name: weight.to(lower) for name, weight in layers.named_parameters()}
    low = tuple(state.to(lower) for state in hx) if isinstance(hx, tuple) else hx.to(lower)
    with torch.autocast(kind, enabled=False):
        rows, final = functional_call(layers, weights, (rows.to(lower), low))
    return rows.float(), tuple(s.float() for s in final) if isinstance(final, tuple) else final.float()
