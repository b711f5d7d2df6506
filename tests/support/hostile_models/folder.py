"""Files that are none, links and sizes: ways to damage the folder, and what is said of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from support.attacks import Attack
from support.hostile_models.tokenizer import TOKENIZER
from support.hostile_models.weights import WEIGHTS


def link_to_itself(name: str) -> Attack:
    def attack(model: Path) -> None:
        (model / name).rename(model.parent / "elsewhere")
        (model / name).symlink_to(model.parent / "elsewhere")

    return attack


def replaced_by(name: str, make: Callable[[Path], object]) -> Attack:
    def attack(model: Path) -> None:
        (model / name).unlink()
        make(model / name)

    return attack


def huge_file(model: Path) -> None:
    os.truncate(model / WEIGHTS, 10**12)  # sparse: takes no space


FOLDER_ATTACKS: dict[str, tuple[Attack, list[str]]] = {
    "linked config": (
        link_to_itself("config.json"),
        ["config.json: must be a file of the folder itself; got a link"],
    ),
    "linked weights": (
        link_to_itself(WEIGHTS),
        [f"{WEIGHTS}: must be a file of the folder itself; got a link", "hint: copy"],
    ),
    "linked tokenizer": (
        link_to_itself(TOKENIZER),
        [f"{TOKENIZER}: must be a file of the folder itself; got a link"],
    ),
    "a link to nowhere": (
        replaced_by(WEIGHTS, lambda path: path.symlink_to("/nowhere/at/all")),
        [f"{WEIGHTS}: must be a file of the folder itself; got a link"],
    ),
    "an endless device": (
        replaced_by(TOKENIZER, lambda path: path.symlink_to("/dev/zero")),
        [f"{TOKENIZER}: must be a file of the folder itself; got a link"],
    ),
    "a pipe": (
        replaced_by(WEIGHTS, os.mkfifo),
        [f"{WEIGHTS}: must be a file of the folder itself; got a device or a pipe"],
    ),
    "a folder": (
        replaced_by("config.json", Path.mkdir),
        ["config.json: must be a file of the folder itself; got a folder"],
    ),
    "missing files": (
        lambda model: ((model / WEIGHTS).unlink(), (model / TOKENIZER).unlink()),
        [f"must hold config.json, {WEIGHTS}, {TOKENIZER}; got no {WEIGHTS}, no {TOKENIZER}"],
    ),
    "a terabyte": (huge_file, [f"{WEIGHTS}: must be at most 1,075,838,976 bytes; got 1,000,000,000,000"]),
}
