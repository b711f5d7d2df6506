"""One of several processes that answer on one port."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import socket

from peephole.errors import PeepholeError
from peephole.serve.logs import log, start_logs
from peephole.serve.models import load_models
from peephole.serve.settings import Settings
from peephole.serve.shared_numbers import FOLDER, take_room


def work(settings: Settings, listener: socket.socket) -> None:
    """Load the models, answer until told to stop or the first process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process passes it on
    start_logs()
    folder = os.environ.get(FOLDER)
    try:
        classifiers = load_models(settings.models)
    except PeepholeError as error:  # the folder has changed since the first process tried it
        log("a worker cannot start", logging.ERROR, pid=os.getpid(), detail=str(error))
        raise SystemExit(1) from None
    take_room(len(classifiers))
    from peephole.serve.worker import answer  # with it Prometheus's client, which must find the room taken

    answer(settings, classifiers, listener, (signal.SIGTERM,))
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive() and folder is not None:
        shutil.rmtree(folder, ignore_errors=True)  # nobody else is left to do it
