"""`ModelConfig`: everything about a classifier but its weights and its tokenizer."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import peephole
from peephole import cells
from peephole.classifier.config_json import FORMAT as FORMAT
from peephole.classifier.config_json import config_from_json, config_to_json
from peephole.classifier.preprocessing import Preprocessing
from peephole.classifier.rules import Problem, choice, number, pattern, refuse, shown
from peephole.classifier.stack import count_parameters, parameter_shapes, stack_problems, widths
from peephole.classifier.stages import Dropout, Embedding, Linear, Pooling, Recurrent, Stage
from peephole.classifier.storage import STORAGES, Storage
from peephole.classifier.strict_json import Json, check_json, read_json, write_json
from peephole.errors import ModelError, OptionError

MAX_CONFIG_BYTES = 1 << 20
MAX_LABELS = 4_096
MAX_PARAMETERS = 1 << 28

_TEMPERATURE = number(0.01, 100)
_STORAGE = choice(*STORAGES)
_LIBRARY = pattern(r"[ -~]{0,64}", "must be at most 64 printable ASCII characters")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A classifier as a list of stages, with what was learnt about it. Immutable; checked when it is made.

    Args:
        stages: what happens to a text's tokens, in order.
        labels: the name of each class, by index.
        temperature: logits are divided by it before the softmax, in [0.01, 100].
        preprocessing: what was done to the texts.
        metrics: scores, as JSON; shown in the model card. A field called ``command`` is shown as code.
        data: facts about the training data, as JSON; shown in the model card.
        split: how the development part was chosen, as JSON (`peephole.reading.SplitRule.to_json`), or None.
        library: the program that wrote the model, such as ``"peephole 0.1.0"``.
        storage: how a model folder holds the matrices: ``"float32"``, ``"float16"`` or ``"int8"``; what has one axis is float32.

    Raises:
        OptionError: one or more fields are out of range or disagree; all are listed.

    Example:
        >>> config = ModelConfig.default(vocabulary=1000, labels=["bad", "good"], hidden_size=8, embedding=4)
        >>> [stage.kind for stage in config.stages][:4]
        ['embedding', 'dropout', 'dropout', 'recurrent']
        >>> config.parameter_shapes()["recurrent.weight_hh_l0_reverse"]
        (32, 8)
        >>> ModelConfig.loads(config.dumps()) == config
        True
    """

    stages: tuple[Stage, ...]
    labels: tuple[str, ...]
    temperature: float = 1.0
    preprocessing: Preprocessing = dataclasses.field(default_factory=Preprocessing)
    metrics: Mapping[str, Json] = dataclasses.field(default_factory=dict[str, Json])
    data: Mapping[str, Json] = dataclasses.field(default_factory=dict[str, Json])
    split: Mapping[str, Json] | None = None
    library: str = dataclasses.field(default_factory=lambda: f"peephole {peephole.__version__}")
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        refuse(OptionError, "ModelConfig", _problems(vars(self)))

    @staticmethod
    def default(
        *,
        vocabulary: int,
        labels: Sequence[str],
        cell: str = "lstm",
        cell_options: Mapping[str, str] | None = None,
        embedding: int = 128,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        bias: bool = True,
        pooling: Sequence[Literal["max", "mean", "last"]] = ("max", "mean"),
        head: int = 64,
        word_dropout: float = 0.2,
        embedding_dropout: float = 0.3,
        layer_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        pooling_dropout: float = 0.3,
        head_dropout: float = 0.3,
        preprocessing: Preprocessing | None = None,
    ) -> ModelConfig:
        """Return the standard stack.

        embedding → word dropout → variational dropout → recurrent → pooling → plain dropout → hidden → plain dropout → output.

        Args:
            vocabulary: V, tokens of the tokenizer, the three special ones included.
            labels: the name of each class, by index.
            cell: name of a shipped cell.
            cell_options: its options; those left out get their defaults, written out.
            embedding: width of a token's vector.
            hidden_size: H, units of one recurrent layer and direction.
            num_layers: recurrent layers.
            bidirectional: whether a second direction reads from the end.
            bias: whether the recurrent layers have biases.
            pooling: statistics over the steps.
            head: units of the hidden linear stage (relu); 0 for none.
            word_dropout: share of rows that become zero in training, in [0, 1), as every dropout here.
            embedding_dropout: variational dropout of the embedded rows.
            layer_dropout: plain dropout between recurrent layers.
            recurrent_dropout: variational dropout of h_prev in the recurrent products.
            pooling_dropout: plain dropout after the pooling.
            head_dropout: plain dropout after the hidden stage.
            preprocessing: what was done to the texts.

        Raises:
            OptionError: an option is out of range; all are listed.
        """
        options = dict(cell_options or {})
        if cell in cells.SHIPPED:
            options = cells.make(cell, **options).options  # written out in full: readers need no defaults
        stages: list[Stage] = [
            Embedding(vocabulary, embedding),
            Dropout(word_dropout, "word", "word_dropout"),
            Dropout(embedding_dropout, "variational", "embedding_dropout"),
            Recurrent(
                hidden_size, cell, options, num_layers, bidirectional, bias, layer_dropout, recurrent_dropout
            ),
            Pooling(tuple(pooling)),
            Dropout(pooling_dropout, "plain", "pooling_dropout"),
        ]
        if head:
            stages += [Linear(head, "relu", "hidden"), Dropout(head_dropout, "plain", "hidden_dropout")]
        stages.append(Linear(len(labels), "none", "output"))
        return ModelConfig(tuple(stages), tuple(labels), preprocessing=preprocessing or Preprocessing())

    @property
    def vocabulary(self) -> int:
        """V, the number of tokens that the first stage knows."""
        first = self.stages[0]
        assert isinstance(first, Embedding)
        return first.vocabulary

    @property
    def unidirectional(self) -> bool:
        """Whether no stage reads from the end, so that a text can be read as it arrives."""
        return not any(isinstance(stage, Recurrent) and stage.bidirectional for stage in self.stages)

    @property
    def input_widths(self) -> tuple[int, ...]:
        """Width of what enters each stage; 0 for the embedding, which reads ids."""
        return tuple(widths(self.stages))[:-1]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by its name in a state dict, in the order of the stages."""
        return parameter_shapes(self.stages)

    def parameters(self) -> int:
        """Return the number of learned numbers."""
        return count_parameters(self.stages)

    def replace(self, **changes: Any) -> ModelConfig:
        """Return a copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Json]:
        """Return the JSON form, as `config.json` holds it."""
        return config_to_json(self)

    @staticmethod
    def from_json(value: object, where: str = "config.json") -> ModelConfig:
        """Return the config of a JSON form.

        Raises:
            ModelError: it is of another format, or one or more fields are missing, unknown, out of range or disagree;
                all are listed, each with its path.
        """
        fields, problems = config_from_json(value, where)
        refuse(ModelError, where, problems)
        complete: dict[str, Any] = {**_DEFAULTS, **fields}
        refuse(ModelError, where, _problems(complete))
        return ModelConfig(**complete)

    def dumps(self) -> bytes:
        """Return the bytes of `config.json`."""
        return write_json(self.to_json())

    @staticmethod
    def loads(data: bytes, where: str = "config.json") -> ModelConfig:
        """Return the config that the bytes of a `config.json` hold; see `from_json`."""
        if len(data) > MAX_CONFIG_BYTES:
            raise ModelError(f"{where}: must be at most {MAX_CONFIG_BYTES:,} bytes; got {len(data):,}")
        return ModelConfig.from_json(read_json(data, where), where)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


# Of what a file may leave out. It does not say who wrote it if it does not say so; to look our version up takes 14 ms.
_DEFAULTS = {
    **{
        field.name: _default(field)
        for field in dataclasses.fields(ModelConfig)[2:]
        if field.name != "library"
    },
    "library": "",
}


def _problems(fields: Mapping[str, Any]) -> list[Problem]:
    """Return every rule that the fields of a config break, each with the path of its field in `config.json`."""
    found = stack_problems(fields["stages"], len(fields["labels"]))
    sound = not found
    found += _label_problems(fields["labels"])
    found += fields["preprocessing"].problems()
    for name, rule in (("temperature", _TEMPERATURE), ("library", _LIBRARY), ("storage", _STORAGE)):
        if problem := rule.problem(name, fields[name]):
            found.append(problem)
    for name in ("metrics", "data", "split"):
        found += _json_problems(name, fields[name], optional=name == "split")
    if sound and (count := count_parameters(fields["stages"])) > MAX_PARAMETERS:
        found.append(("stages", f"must have at most {MAX_PARAMETERS:,} parameters in all; got {count:,}"))
    return found


def _json_problems(name: str, value: object, *, optional: bool) -> list[Problem]:
    if value is None and optional:
        return []
    if not isinstance(value, Mapping):
        return [(name, f"must be an object; got {shown(value)}")]
    try:
        check_json(value, name)
    except ModelError as error:
        return [(name, error.message.removeprefix(f"{name}: "))]
    return []


def _label_problems(labels: Sequence[object]) -> list[Problem]:
    found: list[Problem] = []
    if not 2 <= len(labels) <= MAX_LABELS:
        found.append(("id2label", f"must name from 2 to {MAX_LABELS:,} classes; got {len(labels)}"))
    for index, label in enumerate(labels):
        # A label is printed on terminals: no control characters, no half surrogates (joiners inside emoji are fine).
        if (
            not isinstance(label, str)
            or not 1 <= len(label) <= 256
            or not label.replace("\u200d", "").isprintable()
        ):
            found.append((f"id2label.{index}", f"must be 1 to 256 printable characters; got {shown(label)}"))
    counts = collections.Counter(label for label in labels if isinstance(label, str))
    twice = [label for label, count in counts.items() if count > 1]
    return found + [("id2label", f"must name each class once; got {shown(label)} again") for label in twice]
