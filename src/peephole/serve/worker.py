"""One process that answers."""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import os
import signal
import socket
from collections.abc import Generator, Mapping

import uvicorn

from peephole.classifier import Classifier
from peephole.serve.application import application
from peephole.serve.logs import log
from peephole.serve.processors import share_processors
from peephole.serve.protocol import limited
from peephole.serve.service import Service
from peephole.serve.settings import Settings

BACKLOG = 2048  # that wait to be accepted; as many are accepted at once, before any can be refused
_OTHER_FILES = 256  # that a process has open beside its connections


def drain_seconds(settings: Settings) -> int:
    """Return how long accepted requests have once the server is told to stop: as long as any may take."""
    return math.ceil(settings.read_seconds + settings.deadline_seconds + settings.write_seconds) + 1


def answer(
    settings: Settings,
    classifiers: Mapping[str, Classifier],
    listener: socket.socket,
    signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT),
) -> None:
    """Answer on a listening socket until a signal comes; then finish what was accepted, and return."""
    _allow_files(settings.connections + BACKLOG + _OTHER_FILES)
    share_processors()
    service = Service(settings, classifiers)
    config = uvicorn.Config(
        application(service),
        http=limited(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.keep_alive_seconds,  # pyright: ignore[reportArgumentType] (a number of seconds)
        timeout_graceful_shutdown=drain_seconds(settings),
    )
    _Server(config, service, signals).run(sockets=[listener])


def _allow_files(count: int) -> None:
    """Let this process have so many files open, as far as it may: one that may not accept a connection tries without a pause."""
    if os.name != "posix":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # a system may have a limit of its own beside
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Server(uvicorn.Server):
    """uvicorn's server, which ends in good order instead of by the signal that it was sent."""

    def __init__(self, config: uvicorn.Config, service: Service, signals: tuple[signal.Signals, ...]) -> None:
        super().__init__(config)
        self._service, self._signals = service, signals

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on each of the signals, the second time at once."""
        loop = asyncio.get_running_loop()
        before = [signal.signal(one, self.handle_exit) for one in self._signals]
        parent = multiprocessing.parent_process()
        if parent is not None:
            loop.add_reader(parent.sentinel, self._orphaned, loop, parent.sentinel)
        try:
            yield
        finally:
            for one, handler in zip(self._signals, before, strict=True):
                signal.signal(one, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        log("answering", pid=os.getpid())

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin to stop."""
        self._service.stopping = True
        super().handle_exit(sig, frame)  # pyright: ignore[reportArgumentType]

    def _orphaned(self, loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
        loop.remove_reader(sentinel)
        log("the first process is gone; stopping")
        self.handle_exit(signal.SIGTERM, None)
