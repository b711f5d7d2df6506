"""Under which names a server answers: pages of other origins must not reach one that is for this machine alone.

A page's own host name may lead to the loopback address (DNS rebinding). The browser then takes the server for the page's own
origin, and only the Host header tells.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from peephole.serve.problems import Problem
from peephole.serve.settings import Settings

ANY = "*"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Hosts:
    """The names that a server answers under.

    Args:
        settings: `allowed_host` names some, besides the loopback ones and the address to listen on. Without any, a server that
            listens on the loopback address answers under those alone, and another under every name.

    Example:
        >>> Hosts(Settings()).problem([(b"host", b"localhost:8000")], "1.1") is None
        True
        >>> Hosts(Settings()).problem([(b"host", b"rebound.example")], "1.1").status
        421
    """

    def __init__(self, settings: Settings) -> None:
        named = settings.allowed_host
        limited = ANY not in named if named else _is_loopback(settings.host)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._allowed = frozenset(one.lower() for one in (*_LOOPBACK, host, *named)) if limited else None

    def problem(self, headers: Iterable[tuple[bytes, bytes]], version: str) -> Problem | None:
        """Return why a request is not answered, from its headers and its version of HTTP; None where it is."""
        given = [value for name, value in headers if name == b"host"]
        if len(given) > 1 or (not given and version == "1.1"):
            return Problem(400, f"Host: must be there once; got {len(given)}")
        if self._allowed is None or not given:  # a browser always says it
            return None
        name = given[0].decode("latin-1").lower()
        bare = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
        if bare in self._allowed:
            return None
        return Problem(
            421,
            f"Host: must be a name of this server; got {name[:60]!r}",
            hint="whoever runs the server can allow it: --allowed-host NAME",
        )


def _is_loopback(host: str) -> bool:
    """Whether an address, or every address of a name, is this machine's alone."""
    try:
        found = {one[4][0] for one in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(one).partition("%")[0]).is_loopback for one in found)
