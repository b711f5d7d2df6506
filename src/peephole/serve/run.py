"""The whole server: models tried, a socket bound, one process or several."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import socket

from peephole.errors import OptionError, require
from peephole.serve.settings import Settings


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted, and return.

    With several processes, each has its share of the processors, unless ``OMP_NUM_THREADS`` says otherwise.

    Raises:
        MissingExtra: FastAPI, uvicorn, httptools or the Prometheus client is not installed.
        OptionError: a model has no name that clients can use, or the address cannot be had.
        ModelError: a model folder is missing, damaged or hostile.
    """
    for module in ("fastapi", "uvicorn", "httptools", "prometheus_client", "threadpoolctl"):
        require(module, extra="serve", purpose="peephole serve")
    from peephole.serve.logs import start_logs
    from peephole.serve.models import load_models, pinned

    if settings.workers > 1 and os.name != "posix":
        raise OptionError(
            f"serve: --workers must be 1 on this system, where processes cannot share a port; got {settings.workers}",
            hint="start several servers behind a proxy",
        )
    start_logs()
    settings = dataclasses.replace(settings, models=pinned(settings.models))
    classifiers = load_models(settings.models)
    listener = _listener(settings)
    try:
        _say_where(settings, listener, list(classifiers))
        if settings.workers > 1:
            classifiers.clear()  # each process loads its own; what is mapped is shared
            _supervise(settings, listener)
        else:
            from peephole.serve.worker import answer

            answer(settings, classifiers, listener)
    finally:
        listener.close()


def _supervise(settings: Settings, listener: socket.socket) -> None:
    from peephole.serve.replica import work
    from peephole.serve.shared_numbers import let_go, make_folder
    from peephole.serve.supervisor import Supervisor

    folder = make_folder()
    share = max(
        1, len(os.sched_getaffinity(0)) // settings.workers if hasattr(os, "sched_getaffinity") else 1
    )
    for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ.setdefault(name, str(share))

    from peephole.serve.worker import drain_seconds  # after the folder, whose name Prometheus's client reads

    try:
        Supervisor(
            settings.workers,
            work,
            (settings, listener),
            drain_seconds=drain_seconds(settings) + 5,
            ended=let_go,
        ).run()
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _listener(settings: Settings) -> socket.socket:
    from peephole.serve.supervisor import listening_socket
    from peephole.serve.worker import BACKLOG

    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = found[0]
        return listening_socket(address, family, BACKLOG)
    except OSError as error:
        raise OptionError(
            f"serve: --host and --port must be an address to listen on; got {settings.host} and {settings.port}: "
            f"{error.strerror or error}",
            hint="--port 0 takes any free port" if error.errno == errno.EADDRINUSE else None,
        ) from None


def _say_where(settings: Settings, listener: socket.socket, models: list[str]) -> None:
    from peephole.serve.logs import log

    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log("listening", url=f"http://{shown}:{port}", models=models, workers=settings.workers)
