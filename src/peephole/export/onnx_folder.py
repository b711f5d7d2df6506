"""A classifier as a folder for programs that run ONNX: the graph, the tokenizer, and what one must know to use both."""

from __future__ import annotations

import os
from pathlib import Path

from peephole.classifier import converted, model_card
from peephole.classifier.model import Classifier
from peephole.classifier.strict_json import Json, write_json
from peephole.errors import OptionError, check_choice
from peephole.export.onnx_export import PRECISIONS, onnx
from peephole.files import publish

MODEL, FACTS, TOKENIZER, CARD = "model.onnx", "model.json", "tokenizer.json", "README.md"


def save_onnx(classifier: Classifier, folder: str | os.PathLike[str], *, precision: str = "float32") -> Path:
    """Write a classifier for programs that run ONNX, all files or none.

    ``model.onnx`` takes ids and gives probabilities; ``tokenizer.json``, of the library `tokenizers`, gives the ids of a text;
    ``model.json`` names the labels, the inputs and the output; ``README.md`` is the model card.

    Args:
        classifier: the classifier.
        folder: a new path, an empty folder, or such a folder, which is replaced; parents are made.
        precision: as `peephole.export.onnx` takes it.

    Returns:
        The folder, links resolved.

    Raises:
        OptionError: there is no such precision, or `folder` holds something else.
        ModelError: a number is too large for float16.
        MissingExtra: the package onnx is not installed.
    """
    check_choice("save_onnx", "precision", precision, PRECISIONS)
    target = Path(os.path.realpath(folder))
    _check_target(target)
    # The card says so where numbers are stored otherwise than they were when the scores were measured.
    kept = classifier if precision == "float32" else converted(classifier, precision)
    content = {
        MODEL: onnx(kept, precision=precision).SerializeToString(),
        FACTS: write_json(_facts(kept, precision)),
        TOKENIZER: kept.tokenizer.to_json().encode(),
        CARD: model_card(kept.config, name=target.name, usage=False).encode(),
    }
    publish(target, content)
    return target


def _facts(classifier: Classifier, precision: str) -> dict[str, Json]:
    config = classifier.config
    return {
        "format": 1,
        "library": config.library,
        "id2label": {str(k): label for k, label in enumerate(config.labels)},
        "precision": precision,
        "inputs": {
            "ids": "[N, T] int64: the ids of each text, from 0 to vocabulary - 1, and any of them past its end",
            "lengths": "[N] int64: the ids of each text, from 0 to T",
        },
        "outputs": {"probabilities": "[N, C] float32: of each label, in the order of id2label"},
        "vocabulary": config.vocabulary,
    }


def _check_target(target: Path) -> None:
    hint = "give another path, or move what is there"
    if target.exists() and not target.is_dir():
        raise OptionError(f"{target}: must be a new path or a folder of an ONNX model; got a file", hint=hint)
    found = sorted(entry.name for entry in target.iterdir()) if target.exists() else []
    if found and not all((target / name).is_file() for name in (MODEL, FACTS, TOKENIZER)):
        listed = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise OptionError(
            f"{target}: must be a new path, an empty folder or a folder of an ONNX model; got a folder of {listed}",
            hint=hint,
        )
