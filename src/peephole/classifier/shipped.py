"""Finding a model by its name: inside the package, where each is a folder of `peephole/models`, on this disk, or on the Hub."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from peephole.classifier.file_names import CONFIG, FILES
from peephole.errors import ModelError, OptionError, nearest

if TYPE_CHECKING:
    from peephole.classifier.hub.repository import Access

FOLDER = Path(__file__).resolve().parents[1] / "models"
DEFAULT = "reviews"

_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclasses.dataclass(frozen=True)
class ShippedModel:
    """A model of this installation.

    Attributes:
        name: what `load` takes.
        path: its folder.
        size: of its files, in bytes.
    """

    name: str
    path: Path
    size: int


def shipped_models() -> list[ShippedModel]:
    """Return the models of this installation, by name."""
    folders = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
    return [
        ShippedModel(
            path.name, path, sum((path / name).stat().st_size for name in FILES if (path / name).is_file())
        )
        for path in folders
        if (path / CONFIG).is_file()
    ]


def find_model(name_or_folder: str | os.PathLike[str] | None, access: Access | None = None) -> Path:
    """Return the folder of a model.

    Args:
        name_or_folder: None: the model `DEFAULT` of this installation. A bare name, without a separator: the model of that name,
            if there is one. A path that exists, or a `pathlib.Path`: a folder; ``./reviews`` is always one. ``OWNER/NAME`` or
            ``OWNER/NAME@REVISION``, where no such path exists, or ``hf:OWNER/NAME``: a model of the Hugging Face Hub.
        access: how to reach the Hub; None: as its library does by itself.

    Raises:
        ModelError: the model is neither in this installation nor on the Hub.
        OptionError: the name is empty, or both a model of this installation and a model folder in the current one have it.
        MissingExtra: the model is on the Hub, and huggingface_hub is not installed.
    """
    if name_or_folder is None:
        if not (FOLDER / DEFAULT / CONFIG).is_file():
            raise ModelError(
                f"load: this installation must have the model {DEFAULT!r} in {FOLDER}; got none",
                hint="install the package again, or name a model folder; peephole demo makes one in three minutes, "
                "peephole train DATA --output MODEL one of your own texts",
            )
        return FOLDER / DEFAULT
    path = Path(name_or_folder)
    if not os.fspath(name_or_folder):
        raise OptionError(
            "load: the name of a model must not be empty; got ''", hint="leave it out for the default"
        )
    if not isinstance(name_or_folder, str) or not _BARE.fullmatch(name_or_folder):
        return _on_the_hub(name_or_folder, access) or path
    names = [model.name for model in shipped_models()]
    if name_or_folder not in names:
        offer = nearest(name_or_folder, names)
        if offer and not path.exists():
            raise ModelError(f"{path}: no such model folder, and no such model in this installation{offer}")
        return path
    if (path / CONFIG).is_file():
        raise OptionError(
            f"load: {name_or_folder!r} must mean one model; got one of this installation and a folder of that name here",
            hint=f"./{name_or_folder} is the folder; {FOLDER / name_or_folder} is the model of this installation",
        )
    return FOLDER / name_or_folder


def _on_the_hub(name: str | os.PathLike[str], access: Access | None) -> Path | None:
    """Return the folder of a model of the Hub; None where the name means a path."""
    from peephole.classifier.hub.names import hub_model  # the model inside needs none of it

    wanted = hub_model(name)
    if wanted is None:
        return None
    from peephole.classifier.hub.fetch import fetch_model

    return fetch_model(wanted, access)
