"""The process that has the GPU: it runs races that it is sent, and may be ended at any moment.

A kernel that hangs, a compiler that does not come back or an address that is wrong can be survived in no other way.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from peephole.studies.bench.gpu.plan import Settings


def serve(connection: Connection, settings: Settings) -> None:
    """Run in the new process: say what the GPU is, then run what comes until None comes.

    Sends ``("ready", facts)`` or ``("refused", reason)`` first; then for each race what `run_heat` tells, and ``("done",)``, or
    ``("broken", reason)`` where the GPU does not answer any more, and ends.
    """
    os.dup2(2, 1)  # what libraries print is no result
    # Ctrl-C is for the one that started this, which then ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # processes of its own would outlive this one
    import torch

    from peephole.studies.bench.gpu.facts import gpu_facts, set_precision
    from peephole.studies.bench.gpu.heat import reason_of, run_heat
    from peephole.studies.bench.gpu.stopwatch import stopwatch_for

    try:
        set_precision()
        stopwatch = stopwatch_for(settings.device)
        connection.send(("ready", gpu_facts(settings.device) | {"clock": stopwatch.name}))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        connection.send(("refused", reason_of(error)))
        return

    def tell(kind: str, label: str, facts: dict[str, Any]) -> None:
        connection.send((kind, label, facts))

    while (job := connection.recv()) is not None:
        race, limits, skip = job
        try:
            run_heat(race, limits, stopwatch, skip, tell)
            if settings.device != "cpu":
                torch.cuda.synchronize()
        except Exception as error:  # noqa: BLE001 - an error of the GPU stays: this process is of no more use
            connection.send(("broken", reason_of(error)))
            sys.exit(1)
        connection.send(("done",))
