"""A language model on disk: written whole, and read without trusting any of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import peephole
from peephole import cells
from peephole.classifier.folder import MAX_WEIGHT_BYTES
from peephole.classifier.hub.names import hub_model
from peephole.classifier.preprocessing import Preprocessing
from peephole.classifier.rules import shown
from peephole.classifier.stages import MAX_VOCABULARY
from peephole.classifier.storage import dense
from peephole.classifier.strict_json import read_json
from peephole.classifier.tokenizer import Tokenizer
from peephole.classifier.tokenizer_file import byte_limit
from peephole.classifier.weights import check_finite, read_weights, weight_bytes
from peephole.errors import ModelError, OptionError
from peephole.files import nearest_path, publish
from peephole.training.language.card import language_card
from peephole.training.language.network import EMBEDDING, RECURRENT
from peephole.training.language.recipe import LanguageRecipe

CONFIG, WEIGHTS, TOKENIZER, CARD = "language_model.json", "model.safetensors", "tokenizer.json", "README.md"
FORMAT = 1
_MAX_CONFIG_BYTES = 1 << 20
_HINT = "it must be a folder that `peephole pretrain` wrote"


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """What a language model's folder holds.

    Args:
        recipe: every setting of its training.
        tokenizer: its tokens.
        weights: its tensors by name, read-only float32: ``embedding.weight`` `[V, E]`, ``bias`` `[V]`, ``recurrent.*`` with
            torch.nn's names, ``projection.weight`` `[E, H]` and ``projection.bias`` `[E]`, and the same with ``_reverse``.
        metrics: the headline on the held-out texts and the learning curve.
        data: facts about the texts and the run.
        path: the folder.
    """

    recipe: LanguageRecipe
    tokenizer: Tokenizer
    weights: Mapping[str, NDArray[np.float32]]
    metrics: Mapping[str, Any]
    data: Mapping[str, Any]
    path: Path


def shapes_of(recipe: LanguageRecipe, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Return the tensors of a language model, by name.

    Example:
        >>> shapes_of(LanguageRecipe(embedding=4, hidden_size=3), 300)["recurrent.weight_hh_l0"]
        (12, 3)
    """
    cell, hidden, width = cells.make(recipe.cell, **recipe.cell_options), recipe.hidden_size, recipe.embedding
    gates = len(cell.gates) * hidden
    shapes: dict[str, tuple[int, ...]] = {f"{EMBEDDING}.weight": (vocabulary, width), "bias": (vocabulary,)}
    for last in ("", "_reverse") if recipe.directions == "both" else ("",):
        inputs = width
        for layer in range(recipe.layers):
            suffix = f"_l{layer}{last}"
            shapes[f"{RECURRENT}.weight_ih{suffix}"] = (gates, inputs)
            shapes[f"{RECURRENT}.weight_hh{suffix}"] = (gates, hidden)
            shapes[f"{RECURRENT}.bias_ih{suffix}"] = (gates,)
            shapes[f"{RECURRENT}.bias_hh{suffix}"] = (gates,)
            for own, shape in cell.parameter_shapes(hidden).items():
                shapes[f"{RECURRENT}.{own}{suffix}"] = shape
            inputs = hidden
        shapes[f"projection{last}.weight"] = (width, hidden)
        shapes[f"projection{last}.bias"] = (width,)
    return shapes


def save_language(language: Language) -> None:
    """Write the folder in one piece, in place of an older language model.

    Raises:
        ModelError: a number is NaN or infinite.
    """
    publish(Path(os.path.realpath(language.path)), language_files(language, language.path.name))


def language_files(language: Language, name: str) -> dict[str, bytes]:
    """Return the bytes of a language model's files, by their names.

    Args:
        language: the model.
        name: what its card calls it.

    Raises:
        ModelError: a number is NaN or infinite.
    """
    check_finite(language.weights, "save_language")
    config = {
        "format": FORMAT,
        "kind": "language model",
        "library": f"peephole {peephole.__version__}",
        "recipe": language.recipe.to_json(),
        "metrics": dict(language.metrics),
        "data": dict(language.data),
    }
    return {
        CONFIG: json.dumps(config, indent=2, allow_nan=False, ensure_ascii=False).encode(),
        WEIGHTS: weight_bytes(language.weights),
        TOKENIZER: language.tokenizer.to_json().encode(),
        CARD: language_card(config, name, sum(w.size for w in language.weights.values())).encode(),
    }


def find_language(name_or_folder: str | os.PathLike[str]) -> Path:
    """Return the folder of a language model: one of the Hugging Face Hub (``OWNER/NAME[@REVISION]``) is fetched into the cache.

    Raises:
        ModelError: there is no such model, or a file is missing or too large.
        MissingExtra: it is on the Hub, and huggingface_hub is not installed.
    """
    wanted = hub_model(name_or_folder)
    if wanted is None:
        return Path(name_or_folder)
    from peephole.classifier.hub.fetch import MAX_CARD_BYTES, fetch
    from peephole.classifier.hub.repository import Access

    limits = {
        CONFIG: _MAX_CONFIG_BYTES,
        TOKENIZER: byte_limit(MAX_VOCABULARY),
        WEIGHTS: MAX_WEIGHT_BYTES,
        CARD: MAX_CARD_BYTES,
    }
    return fetch(wanted, Access(), limits, (CONFIG, WEIGHTS, TOKENIZER))


def load_language(folder: str | os.PathLike[str]) -> Language:
    """Read a language model's folder.

    Args:
        folder: a folder, or the name of one on the Hugging Face Hub, as `find_language` takes it.

    Raises:
        ModelError: the folder or one of its files is missing, of another format, damaged, or disagrees with the others; the
            message names the file and the field.
    """
    path = find_language(folder)
    if not path.exists():
        raise ModelError(f"{path}: no such folder{nearest_path(path, folders=True)}", hint=_HINT)
    for name in (CONFIG, WEIGHTS, TOKENIZER):
        if not (path / name).is_file():
            raise ModelError(
                f"{path}: must hold {CONFIG}, {WEIGHTS} and {TOKENIZER}; got no {name}", hint=_HINT
            )
    config = _read_config(path / CONFIG)
    where = f"{path / CONFIG}, recipe"
    try:
        recipe = LanguageRecipe.from_json(config["recipe"], where=where)
        cells.make(recipe.cell, **recipe.cell_options)
    except (OptionError, TypeError) as error:
        raise ModelError(f"{where}: cannot be used; {error}", hint=_HINT) from None
    content = _bounded(path / TOKENIZER, byte_limit(recipe.vocabulary or 1))
    tokenizer = Tokenizer.from_json(content, where=str(path / TOKENIZER))
    said = Preprocessing("word" if recipe.tokenizer == "word" else "bpe", recipe.lowercase)
    if (said.tokenizer, said.lowercase) != (tokenizer.kind, tokenizer.lowercase):
        raise ModelError(f"{path}: the recipe and {TOKENIZER} must agree in kind and lowercase", hint=_HINT)
    with (path / WEIGHTS).open("rb") as file:
        weights = read_weights(
            file.fileno(), shapes_of(recipe, tokenizer.vocabulary_size), "float32", str(path / WEIGHTS)
        )
    arrays = {name: dense(tensor) for name, tensor in weights.items()}
    return Language(recipe, tokenizer, arrays, config["metrics"], config["data"], path)


def _read_config(path: Path) -> dict[str, Any]:
    found = read_json(_bounded(path, _MAX_CONFIG_BYTES), str(path))
    if not isinstance(found, dict):
        raise ModelError(f"{path}: must be a JSON object; got {shown(found)}", hint=_HINT)
    config = cast("dict[str, Any]", found)
    if config.get("format") != FORMAT or config.get("kind") != "language model":
        raise ModelError(
            f"{path}: format must be {FORMAT} and kind 'language model'; got {shown(config.get('format'))} and "
            f"{shown(config.get('kind'))}",
            hint=_HINT,
        )
    for name in ("recipe", "metrics", "data"):
        if not isinstance(config.get(name), dict):
            raise ModelError(
                f"{path}, {name}: must be a JSON object; got {shown(config.get(name))}", hint=_HINT
            )
    return config


def _bounded(path: Path, limit: int) -> bytes:
    size = path.stat().st_size
    if size > limit:
        raise ModelError(f"{path}: must be at most {limit:,} bytes; got {size:,}", hint=_HINT)
    return path.read_bytes()
