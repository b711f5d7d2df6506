"""Refusals: ``application/problem+json`` (RFC 9457), with the text of the program's own errors."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from typing import Any

from peephole.errors import DataError, LengthError, OptionError, PeepholeError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal, as the client sees it.

    Args:
        status: of HTTP, 400 to 599.
        detail: ``<where>: <rule>; got <values>``.
        hint: what to do about it.
        headers: to send with it.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint = status, detail, hint
        self.headers = dict(headers or {})

    def document(self, request_id: str) -> dict[str, Any]:
        """Return what is sent.

        Example:
            >>> Problem(404, "/x: there is no such page").document("7")["title"]
            'Not Found'
        """
        found: dict[str, Any] = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint is not None:
            found["hint"] = self.hint
        found["request_id"] = request_id
        return found

    def body(self, request_id: str) -> bytes:
        """Return the document as JSON."""
        return json.dumps(self.document(request_id)).encode()


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def mistake() -> Problem:
    """Return what a client is told of an error that is the server's own."""
    return Problem(500, "the server made a mistake", hint="its log has the rest, by request_id")


def no_path(method: str, path: str) -> Problem:
    """Return the refusal of a path that nobody answers."""
    return Problem(
        404, f"{asked(method, path)}: there is no such path", hint="the paths are in /openapi.json"
    )


def asked(method: str, path: str) -> str:
    """Return what a request asked for, as messages show it."""
    return f"{method[:20]} {path[:200]}"


def problem_of(error: PeepholeError) -> Problem:
    """Return the refusal that an error of the package means: 422 where what was asked is at fault, else 500.

    Example:
        >>> problem_of(OptionError("body, inputs: must be a text; got 5")).status
        422
    """
    asked = isinstance(error, (OptionError, DataError, LengthError))
    return Problem(422 if asked else 500, error.message, hint=error.hint)
