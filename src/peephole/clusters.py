"""A connection to a Ray cluster, or a cluster of this machine for one piece of work."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import traceback
from collections.abc import Generator
from typing import Any

from peephole.errors import BackendUnavailable, require

_PATIENCE = 10.0  # seconds until a cluster's address must answer
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or a warning
    "RAY_worker_niceness": "0",  # of a cluster of our own, where Ray's 15 would let any other program go first
}


@contextlib.contextmanager
def cluster(
    address: str | None, *, processors: int | None, store: int, where: str
) -> Generator[Any, None, None]:
    """Connect to a Ray cluster, or make one on this machine; yield the module `ray`.

    A connection that the caller has is used as it is, and left as it is. Settings of Ray's in the environment win over ours: no
    usage reports, no warnings, workers that are as important as other programs.

    Args:
        address: as `ray.init` takes it; None: a cluster of this machine alone.
        processors: of a cluster of this machine; None: all.
        store: bytes of memory that such a cluster shares.
        where: who asks, for messages.

    Raises:
        MissingExtra: Ray is not installed.
        BackendUnavailable: there is no cluster at the address.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    ray = require("ray", extra="ray", purpose=f"{where} on a Ray cluster")
    ours = not ray.is_initialized()
    if ours:
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            if address is not None:
                _knock(address)
                ray.init(address, **quiet)
            else:
                ray.init(
                    "local", num_cpus=processors, include_dashboard=False, object_store_memory=store, **quiet
                )
        except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            first = str(error).partition("\n")[0]
            if "InvalidAuthToken" in "".join(traceback.format_exception(error)):
                raise BackendUnavailable(
                    f"{where}: the Ray cluster at {address} asks for a token, and this process has none, or another",
                    hint="set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH as the cluster has it",
                ) from error
            raise BackendUnavailable(
                f"{where}: no Ray cluster answers at {address or 'this machine'}: {first}",
                hint="ray start --head starts one; leave --address out for a cluster of this machine alone",
            ) from error
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raise `OSError` where nobody listens at an address; Ray would go on trying for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
