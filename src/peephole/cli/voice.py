"""Who speaks where a launcher has started the command several times: whoever has something to say first, and nobody after it.

Processes that train together mostly fail together, each with the same message; and where one fails by itself, the others only
find that it has gone.
"""

from __future__ import annotations

import importlib
import os
from datetime import timedelta
from typing import Any

from peephole.errors import OptionError

_PATIENCE = timedelta(seconds=5)


def is_one_of_several() -> bool:
    """Whether a launcher (``torchrun``, ``accelerate launch``) has started this process with others."""
    try:
        return int(os.environ.get("WORLD_SIZE", "1")) > 1
    except ValueError:
        return False


def may_speak() -> bool:
    """Whether this process is the one that tells how the command ended: the first that asks.

    Asked is the launcher's own store, which outlives the processes. Where there is none any more, better all speak than nobody.
    """
    if not is_one_of_several():
        return True
    try:
        distributed: Any = importlib.import_module("torch.distributed")
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(address, port, is_master=False, timeout=_PATIENCE)
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return store.add(f"peephole/said/{attempt}", 1) == 1
    except (ImportError, KeyError, ValueError, RuntimeError):
        return True


def check_alone(command: str, hint: str) -> None:
    """Refuse a command that several processes cannot share, before each does all of it.

    Raises:
        OptionError: a launcher has started this process with others.
    """
    if is_one_of_several():
        raise OptionError(
            f"{command}: runs in one process; got {os.environ['WORLD_SIZE']} that a launcher has started together",
            hint=hint,
        )
