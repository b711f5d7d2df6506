"""The model card: `README.md` of a model folder, made from the config alone; its head is for the Hugging Face Hub."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping

from peephole.classifier.card_metadata import card_metadata
from peephole.classifier.config import ModelConfig
from peephole.classifier.stages import Embedding, Linear, Pooling, Recurrent, Stage
from peephole.classifier.strict_json import Json
from peephole.classifier.yaml_head import yaml_head

_LISTED = 12
STORED = {
    "float32": "float32",
    "float16": "float16, biases as float32",
    "int8": "int8 with a float32 scale for each row, biases as float32",
}


def model_card(config: ModelConfig, *, name: str = "model", usage: bool = True) -> str:
    r"""Return the card of a model as Markdown.

    What is known of data and scores comes from `config.data` and `config.metrics`, whatever fields they have; strings under the
    name ``command`` or ``commands`` are shown as code. Two numbers for a label in `config.data`'s ``labels`` are its training and
    its development texts. Empty fields are left out; where nothing at all is known, that is said.

    The card begins with what the Hub reads of it: see `card_metadata`.

    Args:
        config: the model.
        name: what to call it: the folder's name, or the model's name on the Hub.
        usage: whether to show how Peephole loads it; False for a file of another form.

    Example:
        >>> config = ModelConfig.default(vocabulary=500, labels=["bad", "good"])
        >>> card = model_card(config.replace(data={"licence": "CC0"}), name="tiny")
        >>> print("\n".join(line for line in card.splitlines() if "CC0" in line or line.startswith("# ")))
        # tiny
        - licence: CC0
    """
    labels = ", ".join(f"`{label}`" for label in config.labels[:20])
    more = f" and {len(config.labels) - 20} more" if len(config.labels) > 20 else ""
    lines = [
        yaml_head(card_metadata(config, name=name)),
        f"# {name}",
        "",
        f"A text classifier with {len(config.labels)} labels ({labels}{more}), "
        f"{config.parameters():,} parameters, made with Peephole.",
        "",
        *(_usage(name) if usage else []),
        "## Model",
        "",
        *(f"- {line}" for stage in config.stages if (line := stage_line(stage))),
        f"- temperature {config.temperature:.4g}",
        f"- weights stored as {STORED[config.storage]}",
        f"- {preprocessing_line(config)}",
        "",
        "## Data",
        "",
        *(list(facts(_with_counts(config.data))) or ["Nothing was recorded about the data or its licence."]),
        *(["", "Development part:", "", *facts(config.split)] if config.split else []),
        "",
        "## Scores",
        "",
        *(list(facts(config.metrics)) or ["None were recorded."]),
        "",
        "## Limits",
        "",
        "- It knows the language, the topics and the style of its data; on other texts expect less than the scores above.",
        "- A probability is as reliable as its calibration on texts like the data.",
        "- Texts of any length are read whole.",
        "",
        f"Written by {config.library or 'an unnamed version of peephole'}. Files: `config.json` (this model's description), "
        "`model.safetensors` (weights), `tokenizer.json` (tokenizer). No file holds code.",
    ]
    return "\n".join(lines) + "\n"


def _usage(name: str) -> list[str]:
    return [
        "```bash",
        *(['pip install "peephole[hub]"'] if "/" in name else []),
        f'peephole predict --model {shlex.quote(name)} "a text"',
        "```",
        "",
        "```python",
        "import peephole",
        "",
        f"classifier = peephole.load({json.dumps(name, ensure_ascii=False)})",
        'print([(answer.label, answer.probability) for answer in classifier.predict(["a text"])])',
        "```",
        "",
    ]


def stage_line(stage: Stage) -> str:
    """Return what a stage is, in a few words; nothing for one that only acts in training."""
    if isinstance(stage, Embedding):
        return f"embedding: {stage.vocabulary:,} tokens × {stage.dimension}"
    if isinstance(stage, Recurrent):
        options = "".join(f", {name} {value}" for name, value in stage.cell_options.items())
        directions = "both directions" if stage.bidirectional else "one direction"
        layers = "1 layer" if stage.num_layers == 1 else f"{stage.num_layers} layers"
        return f"{stage.cell}{options}: {layers} of {stage.hidden_size} units, {directions}"
    if isinstance(stage, Pooling):
        return f"pooling over the steps: {', '.join(stage.statistics)}"
    if isinstance(stage, Linear):
        return f"linear: {stage.features} outputs" + (
            "" if stage.activation == "none" else f", {stage.activation}"
        )
    return ""


def preprocessing_line(config: ModelConfig) -> str:
    """Return how texts are cut into tokens."""
    done = config.preprocessing
    cutting = {"bpe": "byte-level byte-pair encoding", "word": "words"}[done.tokenizer]
    line = f"tokens: {cutting}, {'lower case' if done.lowercase else 'case kept'}"
    if done.first_tokens is None:
        return line
    return f"{line}; in training, longer texts kept their first {done.first_tokens} and last {done.last_tokens} tokens"


def _with_counts(data: Mapping[str, Json]) -> dict[str, Json]:
    """Return the facts with what the two numbers of each label are."""
    labels = data.get("labels")
    if not isinstance(labels, dict):
        return dict(data)
    return {**data, "labels": {label: _counts(count) for label, count in labels.items()}}


def _counts(value: Json) -> Json:
    if isinstance(value, list) and len(value) == 2:
        training, development = value
        if isinstance(training, int) and isinstance(development, int):
            return f"{training:,} training, {development:,} development"
    return value


def facts(value: Mapping[str, Json], indent: str = "") -> Iterator[str]:
    """Yield the fields of a JSON object as lines of a Markdown list, those of objects in it indented."""
    for name, item in value.items():
        spoken = name.replace("_", " ")
        if isinstance(item, list) and any(isinstance(part, dict) for part in item):
            item = {str(number): part for number, part in enumerate(item, 1)}
        if isinstance(item, dict):
            lines = list(facts(item, indent + "  "))
            yield from [f"{indent}- {spoken}:", *lines] if lines else []
        elif item != []:
            parts = item if isinstance(item, list) else [item]
            code = name in ("command", "commands")
            rest = f", … ({len(parts)} in all)" if len(parts) > _LISTED else ""
            yield f"{indent}- {spoken}: {', '.join(_value(part, code) for part in parts[:_LISTED])}{rest}"


def _value(value: Json, code: bool) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"`{value}`" if code else str(value)
