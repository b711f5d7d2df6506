"""The names of the ways in which a model's numbers are stored; `storage` says what they are."""

from __future__ import annotations

from typing import Literal, get_args

Storage = Literal["float32", "float16", "int8"]
STORAGES: tuple[Storage, ...] = get_args(Storage)
