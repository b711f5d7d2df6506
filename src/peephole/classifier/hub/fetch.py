"""`fetch_model`: from a name on the Hub to a model folder in the cache."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from peephole.classifier.config import MAX_CONFIG_BYTES, ModelConfig
from peephole.classifier.folder import CARD, CONFIG, MAX_WEIGHT_BYTES, NEEDED, TOKENIZER, WEIGHTS
from peephole.classifier.hub.library import Unreachable
from peephole.classifier.hub.names import HubModel
from peephole.classifier.hub.repository import Access, Repository, cached
from peephole.classifier.stages import MAX_VOCABULARY
from peephole.classifier.tokenizer_file import byte_limit
from peephole.errors import ModelError
from peephole.files import nearest_path

MAX_CARD_BYTES = 1 << 20
_MAX_TOKENIZER_BYTES = byte_limit(MAX_VOCABULARY)
_HEADER_BYTES = 1 << 21

Limits = Mapping[str, int]


def fetch_model(wanted: HubModel, access: Access | None = None) -> Path:
    """Return the folder in the cache that holds a model of the Hub, fetched if it is not there; it is not checked yet.

    The four files of a model folder are fetched and nothing else: no pickle, no code. Sizes are looked at before anything is
    fetched: first that none is larger than any model's can be, then, by config.json, that none is larger than this one's. A
    download ends when there are more bytes than the Hub listed.

    Args:
        wanted: the model. A revision that is a whole commit hash, and in the cache, takes no network.
        access: how to reach the Hub; None: as its library does by itself.

    Raises:
        ModelError: there is no such model, a file is missing or too large, or the Hub was not reached and the cache has no copy.
        MissingExtra: huggingface_hub is not installed.
    """
    limits = {
        CONFIG: MAX_CONFIG_BYTES,
        TOKENIZER: _MAX_TOKENIZER_BYTES,
        WEIGHTS: MAX_WEIGHT_BYTES,
        CARD: MAX_CARD_BYTES,
    }
    return fetch(wanted, access or Access(), limits, NEEDED, _limits_of)


def fetch(
    wanted: HubModel,
    access: Access,
    limits: Limits,
    needed: Sequence[str],
    tighter: Callable[[Path], Limits] | None = None,
) -> Path:
    """Return the folder in the cache that holds some files of a repository.

    Args:
        wanted: the repository.
        access: how to reach it.
        limits: the files to fetch, and the most bytes of each; the first comes before the others.
        needed: those that must be there; the others are fetched if they are.
        tighter: given the first file, returns what it says of the sizes of the others.

    Raises:
        ModelError, MissingExtra: as `fetch_model`.
    """
    if wanted.is_commit and not access.force and (folder := cached(wanted, access, needed)):
        return folder
    try:
        repository = Repository(wanted, access)
        repository.check(limits, needed)
        first, *others = limits
        path = repository.get(first)
        if tighter is not None:
            repository.check(tighter(path), needed)
        for name in others:
            if name in repository.sizes:
                repository.get(name)
        repository.remember(path.parent)
    except Unreachable as why:
        return _from_cache(wanted, access, needed, why)
    return path.parent


def _from_cache(wanted: HubModel, access: Access, needed: Sequence[str], why: Unreachable) -> Path:
    folder = cached(wanted, access, needed)
    if folder is None:
        beside = nearest_path(wanted.repo, folders=True)
        raise ModelError(
            f"{wanted}: no such model folder here{beside}, no copy in the cache, and the Hugging Face Hub was not reached: {why}",
            hint="check the path, or fetch the model once where there is a network",
        ) from why
    if not why.wanted:
        warnings.warn(
            f"{wanted}: the Hugging Face Hub was not reached ({why}); commit {folder.name[:12]} of the cache is used",
            stacklevel=2,
        )
    return folder


def _limits_of(config_file: Path) -> Limits:
    """Return how large the other files of a model with this config can be."""
    config = ModelConfig.loads(config_file.read_bytes(), str(config_file))
    return {
        WEIGHTS: 5 * config.parameters() + _HEADER_BYTES,  # a number and, in rows of one, its scale
        TOKENIZER: byte_limit(config.vocabulary),
    }
