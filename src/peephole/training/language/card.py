"""The model card of a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peephole.classifier.card_metadata import head_fields
from peephole.classifier.yaml_head import yaml_head

_CARD = """{head}
# {name}

A language model of Peephole: {what} It is a start for classifiers:

```bash
peephole train TEXTS --from {name} --output MODEL
```

- {parameters:,} parameters: {cell}, {layers} layer{s} of {hidden_size} units, vectors of {embedding} features
- {vocabulary:,} tokens
- {training:,} training texts ({training_tokens:,} tokens), {held_out:,} held out
- held-out loss {nats:.3f} nats a token, perplexity {perplexity:.1f}

Trained by

```bash
{command}
```
"""


def language_card(config: Mapping[str, Any], name: str, parameters: int) -> str:
    """Return the text of README.md in a language model's folder; its head is for the Hugging Face Hub.

    Args:
        config: what `language_model.json` holds.
        name: the folder's name.
        parameters: how many numbers the model has.
    """
    recipe, data, held_out = config["recipe"], config["data"], config["metrics"]["held_out"]
    what = (
        "one network tells each next token, another each token before."
        if recipe["directions"] == "both"
        else "it tells each next token."
    )
    return _CARD.format(
        head=yaml_head(_metadata(config, name)),
        name=name,
        what=what,
        parameters=parameters,
        s="" if recipe["layers"] == 1 else "s",
        nats=held_out["nats_per_token"],
        perplexity=held_out["perplexity"],
        command=data["command"] or "(called from Python)",
        **{key: recipe[key] for key in ("cell", "layers", "hidden_size", "embedding")},
        **{key: data[key] for key in ("vocabulary", "training", "training_tokens", "held_out")},
    )


def _metadata(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    data, held_out = config["data"], config["metrics"]["held_out"]
    result = {
        "task": {"type": "language-modeling", "name": "Language modelling"},
        "dataset": {
            "type": "own",
            "name": "texts held out of training",
            "args": {"texts": data["held_out"]},
        },
        "metrics": [{"type": "perplexity", "value": held_out["perplexity"], "name": "Perplexity, by token"}],
    }
    return head_fields(data, name, [result], tags=["language-model", config["recipe"]["cell"]])
