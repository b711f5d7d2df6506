"""`Supervisor`: several processes on one listening socket; one that dies is replaced, and all are drained at the end."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from peephole.serve.logs import log

_STEADY_SECONDS = 10.0  # a process that lived so long did not fail as it started
_MOST_SECONDS = 30.0  # between two tries to start one that does
_UNSENT_BYTES = 1 << 16  # of an answer that lie in the system, beside those under way


class Supervisor:
    """Starts processes and keeps their number.

    Args:
        count: of processes.
        target: what each runs, with `arguments`; returns when it is sent SIGTERM.
        arguments: pickled for each process; the listening socket among them.
        drain_seconds: how long a process may take to return; then it is killed.
        ended: is told the process id of each that has ended.
    """

    def __init__(
        self,
        count: int,
        target: Callable[..., None],
        arguments: tuple[Any, ...],
        *,
        drain_seconds: float,
        ended: Callable[[int], None] | None = None,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")  # forks would share threads' locks
        self._count, self._target, self._arguments = count, target, arguments
        self._drain_seconds, self._ended = drain_seconds, ended
        self._processes: dict[SpawnProcess, float] = {}  # each with the moment when it was started
        self._failures = 0
        self._stop = False

    def run(self) -> None:
        """Keep the processes until SIGTERM or SIGINT comes, then let them finish what they accepted."""
        with _woken(self._told) as waker:
            for _ in range(self._count):
                self._start()
            start_at = 0.0
            while not self._stop:
                missing = self._count - len(self._processes)
                now = time.monotonic()
                if missing and now >= start_at:
                    self._start()
                    continue
                pause = start_at - now if missing else None
                wait([waker, *(process.sentinel for process in self._processes)], pause)
                waker.recv_bytes() if waker.poll() else None
                if self._gather():
                    start_at = time.monotonic() + self._delay()
            self._drain()

    def _told(self) -> None:
        self._stop = True

    def _start(self) -> None:
        process = self._context.Process(target=self._target, args=self._arguments)
        process.start()
        self._processes[process] = time.monotonic()

    def _delay(self) -> float:
        return 0.0 if self._failures < 2 else min(_MOST_SECONDS, 0.5 * 2.0 ** (self._failures - 2))

    def _gather(self) -> bool:
        """Let go of the processes that have ended, and return whether there were any."""
        gone = [process for process in self._processes if process.exitcode is not None]
        for process in gone:
            lived = time.monotonic() - self._processes.pop(process)
            self._failures = 0 if lived >= _STEADY_SECONDS else self._failures + 1
            if self._ended is not None and process.pid is not None:
                self._ended(process.pid)
            if not self._stop:
                log(
                    "a worker has ended; another takes its place",
                    logging.ERROR,
                    pid=process.pid,
                    exit=process.exitcode,
                )
        return bool(gone)

    def _drain(self) -> None:
        log("stopping; what was accepted is finished", workers=len(self._processes))
        for process in self._processes:
            process.terminate()
        end = time.monotonic() + self._drain_seconds
        while self._processes and (left := end - time.monotonic()) > 0:
            wait([process.sentinel for process in self._processes], left)
            self._gather()
        for process in self._processes:
            log("a worker did not finish in time", logging.ERROR, pid=process.pid)
            process.kill()
            process.join()


@contextlib.contextmanager
def _woken(told: Callable[[], None]) -> Generator[Connection]:
    """Call `told` on SIGTERM and SIGINT, and yield a connection that can be read after each, so that waiting ends."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    os.set_blocking(writer.fileno(), False)

    def handle(number: int, frame: object) -> None:
        told()
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
            writer.send_bytes(b"!")

    before = {one: signal.signal(one, handle) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reader
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        reader.close()
        writer.close()


def listening_socket(address: tuple[Any, ...], family: int, backlog: int) -> socket.socket:
    """Return a socket that listens at an address."""
    # With the protocol named, asyncio sends small packets at once: a head and its body are two, and the second would wait
    # until the client's system, 40 ms later, confirms the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(
            socket, "TCP_NOTSENT_LOWAT"
        ):  # each connection has it from here: what a client takes is seen at once
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        listener.bind(address)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener
