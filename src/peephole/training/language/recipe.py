"""The recipe of a language model: every setting of its training, with its unit, its range and its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peephole import cells
from peephole.training.recipe_base import Settings
from peephole.training.setting import setting

_SHARE = {"low": 0.0, "high": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageRecipe(Settings):
    """Every setting of a language model's training. The defaults are for tens of thousands of reviews.

    Raises:
        OptionError: settings are of the wrong type or out of range; the message lists all of them.

    Source: what is regularised, and how, is a part of Merity, Keskar & Socher, "Regularizing and optimizing LSTM
        language models" (2018): variational dropout of inputs and outputs, tied vectors, averaged weights.

    Example:
        >>> LanguageRecipe(directions="both", layers=2)
        Traceback (most recent call last):
            ...
        peephole.errors.OptionError: recipe: one setting cannot be used
          layers: must be 1 with directions='both', since each direction must not see the other's steps; got 2
    """

    # The model
    cell: str = setting("lstm", "cell of the recurrent layers", choices=tuple(cells.SHIPPED))
    cell_options: Mapping[str, str] = setting({}, "the cell's own options, such as reset=before for a GRU")
    embedding: int = setting(
        256, "width of a token's vector, going in and coming out", unit="features", low=1, high=4096
    )
    hidden_size: int = setting(512, "width of a layer and direction", unit="features", low=1, high=8192)
    layers: int = setting(1, "recurrent layers on top of each other", low=1, high=16)
    directions: str = setting(
        "forward",
        "tell the next token, or with another network the one before it too",
        choices=("forward", "both"),
    )

    # The texts
    tokenizer: str = setting("bpe", "kind of token", choices=("bpe", "word"))
    vocabulary: int | None = setting(
        None, "tokens known", unit="tokens", low=300, high=100_000, optional=True
    )
    lowercase: bool = setting(True, "fold capital letters")
    development_share: float = setting(0.02, "share held out", low=0, high=0.5, above=True)
    streams: int = setting(64, "texts read side by side", low=1, high=65_536)
    window: int = setting(64, "steps that a gradient goes back", unit="tokens", low=1, high=65_536)

    # Against learning by heart
    input_dropout: float = setting(0.1, "share of a vector's features zeroed for a whole window", **_SHARE)
    recurrent_dropout: float = setting(0.0, "share of the state's features not handed on", **_SHARE)
    layer_dropout: float = setting(0.1, "share of features zeroed between recurrent layers", **_SHARE)
    output_dropout: float = setting(0.1, "share of the outputs' features zeroed for a whole window", **_SHARE)
    weight_decay: float = setting(0.01, "pull towards zero (AdamW)", unit="learning rate", low=0, high=10)

    # The softmax
    candidates: int = setting(
        1536,
        "tokens drawn in a step, to be told from the right one; 0: all are",
        unit="tokens",
        low=0,
        high=1e5,
    )
    candidate_power: float = setting(0.6, "they are drawn by their frequency to this power", low=0, high=1)

    # The course of training
    learning_rate: float = setting(3e-3, "peak of the schedule", low=0, high=10, above=True)
    momentum: float = setting(0.9, "AdamW's first beta", low=0, high=0.9999)
    second_momentum: float = setting(0.99, "AdamW's second beta", low=0, high=0.99999)
    warmup_steps: int = setting(200, "steps in which the learning rate rises", low=0, high=1_000_000)
    plateau: float = setting(0.3, "share of the steps after which it falls, in a line to 0", low=0, high=1)
    clip: float = setting(1.0, "largest norm of a gradient", low=0, high=1e6, above=True)
    epochs: float = setting(2.0, "passes over the texts", low=0, high=10_000, above=True)
    average: float = setting(0.99, "decay of the weights' moving average; 0: none", low=0, high=0.99999)
    evaluate: str = setting("average", "the weights that are judged and kept", choices=("average", "raw"))
    precision: str = setting(
        "no",
        "precision of the recurrent layers and of the softmax's products",
        choices=("no", "bf16", "fp16"),
    )
    seed: int = setting(1, "seed of every random number", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        self.check("recipe")

    def contradictions(self) -> list[str]:
        """Return what is wrong between settings, each of which may be had."""
        problems: list[str] = []
        if self.directions == "both" and self.layers > 1:
            problems.append(
                "layers: must be 1 with directions='both', since each direction must not see the other's steps; "
                f"got {self.layers}"
            )
        if self.evaluate == "average" and not self.average:
            problems.append("evaluate: 'average' needs an average above 0; got average 0")
        return problems
