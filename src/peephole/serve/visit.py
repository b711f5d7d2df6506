"""`Visit`: what is known of a request while it is answered, for logs, metrics and the deadline."""

from __future__ import annotations

import dataclasses
import re
import time
import uuid
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from peephole.serve.places import Claim

_KEY = "peephole.visit"
_GIVEN_ID = re.compile(rb"[\x21-\x7e]{1,128}")


@dataclasses.dataclass(eq=False)
class Visit:
    """A request under way.

    Attributes:
        id: its name in logs and in the answer's ``X-Request-ID``.
        started: when its head had arrived, in seconds of the monotonic clock.
        deadline: when it must be answered, on the same clock.
        claim: the places that it has taken; None for requests that need none.
        route: the path of the endpoint that answers; ``"other"`` where there is none.
        facts: what the log tells of it beside.
    """

    id: str
    started: float
    deadline: float
    claim: Claim | None = None
    route: str = "other"
    facts: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.started


def begin(scope: MutableMapping[str, Any], deadline_seconds: float) -> Visit:
    """Return the visit of a request that has just arrived, and put it into its scope."""
    now = time.monotonic()
    visit = Visit(request_id(scope["headers"]), now, now + deadline_seconds)
    scope[_KEY] = visit
    return visit


def visit_of(scope: Mapping[str, Any]) -> Visit:
    """Return the visit that `begin` put into a scope."""
    return scope[_KEY]


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id that a client gave, if it is short and printable, else a new one.

    Example:
        >>> request_id([(b"x-request-id", b"abc-1")]), len(request_id([(b"x-request-id", b"a b")]))
        ('abc-1', 32)
    """
    given = header(headers, b"x-request-id")
    if given is not None and _GIVEN_ID.fullmatch(given):
        return given.decode("ascii")
    return uuid.uuid4().hex


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Return the first header of that name, in lower case; None where there is none."""
    return next((value for own, value in headers if own == name), None)
