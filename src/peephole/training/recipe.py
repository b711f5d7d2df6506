"""The recipe: every setting of a training run, with its unit, its range and its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peephole import cells
from peephole.classifier.storages import STORAGES
from peephole.training.recipe_base import Settings, meanings
from peephole.training.setting import Setting, setting

_POOLING = ("max", "mean", "last")
_SHARE = {"low": 0.0, "high": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Settings):
    """Every setting of a training run. The defaults train a bidirectional LSTM on reviews.

    A setting that is None is chosen from the size of the corpus (`peephole.training.sizes`), so that one
    recipe serves five thousand questions and twenty-five thousand reviews alike; the recipe that a model
    folder keeps has every number filled in.

    Raises:
        OptionError: settings are of the wrong type or out of range; the message lists all of them.

    Example:
        >>> recipe = Recipe(learning_rate=1e-3)
        >>> Recipe.from_json(recipe.to_json()) == recipe
        True
        >>> Recipe(epochs=0, word_dropout=2.0)
        Traceback (most recent call last):
            ...
        peephole.errors.OptionError: recipe: 2 settings cannot be used
          word_dropout: must be a number, at least 0 and at most 0.95; got 2.0
          epochs: must be a whole number, at least 1 and at most 10000; got 0
    """

    # The model
    cell: str = setting("lstm", "cell of the recurrent layers", choices=tuple(cells.SHIPPED))
    cell_options: Mapping[str, str] = setting({}, "the cell's own options, such as reset=before for a GRU")
    embedding: int = setting(128, "width of a token's vector", unit="features", low=1, high=4096)
    hidden_size: int = setting(128, "width of a layer and direction", unit="features", low=1, high=8192)
    layers: int = setting(1, "recurrent layers on top of each other", low=1, high=16)
    bidirectional: bool = setting(True, "also read each text from its end")
    init: str = setting(
        "orthogonal",
        "first weights of the recurrent layers; chrono: memories of up to max_length tokens",
        choices=("orthogonal", "identity", "chrono"),
    )
    pooling: tuple[str, ...] = setting(("max", "mean"), "how steps become one vector", choices=_POOLING)
    head: int = setting(64, "width between pooling and output; 0: none", unit="features", low=0, high=8192)
    storage: str = setting("float32", "how the model folder holds matrices", choices=STORAGES)

    # The texts
    tokenizer: str = setting("bpe", "kind of token", choices=("bpe", "word"))
    vocabulary: int | None = setting(
        None, "tokens known", unit="tokens", low=300, high=100_000, optional=True
    )
    lowercase: bool = setting(True, "fold capital letters")
    max_length: int = setting(400, "longest text in training; a longer one is cut", unit="tokens", low=2)
    head_tokens: int = setting(100, "of a cut text, tokens kept of its start", unit="tokens", low=0)
    embeddings: str = setting(
        "corpus", "start of the tokens' vectors", choices=("corpus", "random", "teacher")
    )
    development_share: float = setting(0.1, "share held out where none is given", low=0, high=0.5, above=True)

    # Against learning by heart
    noise_from: str = setting(
        "learning", "when dropout of vectors, adversaries and entropy set in", choices=("learning", "start")
    )
    word_dropout: float = setting(0.2, "share of tokens whose whole vector is zeroed", **_SHARE)
    embedding_dropout: float = setting(0.3, "share of features zeroed for a whole text", **_SHARE)
    layer_dropout: float = setting(0.3, "share of features zeroed between recurrent layers", **_SHARE)
    recurrent_dropout: float = setting(0.0, "share of the state's features not handed on", **_SHARE)
    pool_dropout: float = setting(0.3, "share of features zeroed after pooling", **_SHARE)
    head_dropout: float = setting(0.3, "share of features zeroed before the output", **_SHARE)
    label_smoothing: float = setting(0.05, "share of the target spread over all classes", **_SHARE)
    class_weights: str = setting("none", "weight of a text by its class", choices=("none", "balanced"))
    adversarial: float = setting(
        3.0,
        "length of adversarial steps; 0: none",
        unit="standard deviations of the vectors",
        low=0,
        high=1e3,
    )
    weight_decay: float = setting(0.01, "pull towards zero (AdamW)", unit="learning rate", low=0, high=10)

    # Teachers and texts without labels
    virtual_adversarial: float = setting(
        0.0, "weight of virtual adversarial training; 0: none", low=0, high=1e3
    )
    virtual_distance: float = setting(
        3.0,
        "length of virtual adversarial steps",
        unit="standard deviations of the vectors",
        low=0,
        high=1e3,
        above=True,
    )
    entropy: float = setting(0.0, "weight of the entropy of the answers; 0: none", low=0, high=1e3)
    distillation: float = setting(0.7, "weight of the teachers' answers beside the labels", low=0, high=1)
    taught: str = setting(
        "all", "texts that teachers answer for; elsewhere the label stands in", choices=("all", "unlabelled")
    )
    distillation_temperature: float = setting(
        1.0, "softens teachers and network before they are compared", low=0, high=100, above=True
    )

    # The course of training
    learning_rate: float = setting(3e-3, "peak of the one-cycle schedule", low=0, high=10, above=True)
    momentum: float = setting(0.9, "AdamW's first beta", low=0, high=0.9999)
    second_momentum: float = setting(0.99, "AdamW's second beta", low=0, high=0.99999)
    warmup: float = setting(0.2, "share of the steps in which the learning rate rises", **_SHARE)
    pretrained_rate: float = setting(
        0.4, "learning rate of what a language model brought, as a share of the peak", low=0, high=1
    )
    layer_rate: float = setting(
        1.0, "learning rate of a pretrained layer, as a share of the one above it", low=0, high=1
    )
    unfreeze: float = setting(
        0.0, "share of the steps until all pretrained layers learn, the highest first", low=0, high=1
    )
    language_loss: float = setting(
        0.0, "weight of the language model's own loss beside the classifier's", low=0, high=100
    )
    clip: float = setting(1.0, "largest norm of a gradient", low=0, high=1e6, above=True)
    epochs: int | None = setting(None, "passes over the texts", low=1, high=10_000, optional=True)
    batch_tokens: int | None = setting(
        None, "largest batch: its longest text times its texts", unit="tokens", low=1, high=1e9, optional=True
    )
    batch_rows: int | None = setting(None, "largest batch", unit="texts", low=1, high=1e6, optional=True)
    average: float = setting(0.995, "decay of the weights' moving average; 0: none", low=0, high=0.99999)
    evaluate: str = setting("average", "the weights that are judged and kept", choices=("average", "raw"))
    score: str = setting("accuracy", "the score that decides", choices=("accuracy", "macro_f1"))
    patience: int | None = setting(
        None, "passes without a better score before stopping", low=1, high=10_000, optional=True
    )
    precision: str = setting("no", "precision of the recurrent layers", choices=("no", "bf16", "fp16"))
    seed: int = setting(1, "seed of every random number", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        self.check("recipe")

    def contradictions(self) -> list[str]:
        """Return what is wrong between settings, each of which may be had."""
        problems: list[str] = []
        if self.head_tokens > self.max_length:
            problems.append(f"head_tokens: at most max_length; got {self.head_tokens} and {self.max_length}")
        if self.evaluate == "average" and not self.average:
            problems.append("evaluate: 'average' needs an average above 0; got average 0")
        if self.init == "chrono" and self.cell == "rnn":
            problems.append("init: 'chrono' needs a cell with a gate that keeps the past; got cell 'rnn'")
        if self.init == "chrono" and self.max_length == 2:
            problems.append("init: 'chrono' needs a max_length above 2; got 2")
        if len(set(self.pooling)) != len(self.pooling):
            problems.append(f"pooling: names each kind once; got {list(self.pooling)!r}")
        return problems


def clashes(recipe: Recipe, wanted: Mapping[str, object], owner: str) -> list[str]:
    """Name the settings that are neither their default nor what they have to be, which is the owner's; one line for each.

    Example:
        >>> clashes(Recipe(lowercase=False), {"lowercase": True, "layers": 2}, "the teacher")
        ['lowercase: the teacher has True; got False']
    """
    default = Recipe()
    return [
        f"{name}: {owner} has {value!r}; got {ours!r}"
        for name, value in wanted.items()
        if (ours := getattr(recipe, name)) not in (value, getattr(default, name))
    ]


def settings() -> dict[str, Setting]:
    """Return what every setting of the recipe means, by its name, in the order they are declared.

    Example:
        >>> settings()["clip"].range
        'above 0 and at most 1e+06'
    """
    return meanings(Recipe)
