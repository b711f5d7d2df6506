"""Logs: one JSON object on each line of stderr, for a machine that collects them."""

from __future__ import annotations

import datetime
import logging
import sys
from typing import TYPE_CHECKING, TextIO

from peephole.files import json_line

NAME = "peephole.serve"
_OURS = (NAME, "uvicorn", "uvicorn.error", "asyncio")

if TYPE_CHECKING:
    _Handler = logging.StreamHandler[TextIO]
else:
    _Handler = logging.StreamHandler  # generic for type checkers alone before Python 3.11


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time in UTC, level, event, what else is known, and an exception's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json_line(line)


class _LostLines(_Handler):
    """A line that cannot be written, since a disk is full or nobody reads, is lost; the server goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        """See `logging.Handler.handleError`."""


def start_logs() -> None:
    """Send the records of this package's server, and of what it stands on, to stderr as JSON."""
    handler = _LostLines(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO if name == NAME else logging.WARNING)


def log(
    event: str, level: int = logging.INFO, *, error: BaseException | None = None, **facts: object
) -> None:
    """Write a line: what happened, and what is known of it."""
    logging.getLogger(NAME).log(level, event, extra={"facts": facts}, exc_info=error)
