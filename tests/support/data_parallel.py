"""A program for one or several processes: it trains by each of some recipes, and writes down every step."""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from peephole.training import (
    LanguageRecipe,
    Lines,
    PretrainRequest,
    Recipe,
    TrainRequest,
    loop,
    pretrain,
    train,
)
from peephole.training.machine import Machine


# Handlers run in reverse: this one is the last. A thread of the processes' group that is still there then needs an interpreter
# that is going down, and aborts the process ("terminate called without an active exception") whenever it comes too late.
@atexit.register
def no_thread_of_the_group_is_left() -> None:
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    if any("gloo" in name for name in threads):
        print("threads at the end:", threads, file=sys.stderr, flush=True)
        os._exit(3)


class Steps(Lines):
    """Remembers the loss of every step; the first process speaks, to standard error."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.recent: list[float] = []

    def step(self, report: Any) -> None:
        self.recent.append(report.loss)


def watch(log: dict[str, list[Any]]) -> None:
    """Write down the gradients that the optimiser sees, the texts of every step of this process, and what it writes."""
    share, gather, open_path = Machine.share_gradients, loop.gather_part, Path.open

    def share_gradients(self: Machine, parameters: Any) -> None:
        share(self, parameters)
        each = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        log["gradients"].append(torch.cat([gradient.flatten() for gradient in each]).double().numpy())

    def gather_part(*arguments: Any) -> Any:
        batch = gather(*arguments)
        log["texts"].append(batch.rows.tolist())
        return batch

    def watched(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if any(letter in mode for letter in "wax"):
            log["writes"].append(str(self))
        return open_path(self, mode, *arguments, **options)

    Machine.share_gradients = share_gradients
    loop.gather_part = gather_part
    Path.open = watched


def request_of(job: dict[str, Any], folder: Path) -> Any:
    output = folder / job.get("output", job["name"])
    where = {"sources": (job["source"],), "output": output, "cpu": True, "resume": job.get("resume", False)}
    where["time_budget"] = job.get("budget")
    if job.get("pretrain"):
        return PretrainRequest(recipe=LanguageRecipe.from_json(job["recipe"]), **where)
    return TrainRequest(
        recipe=Recipe.from_json(job["recipe"]),
        weight_column=job.get("weight_column"),
        language_model=Path(job["language_model"]) if "language_model" in job else None,
        teachers=tuple(job.get("teachers", ())),
        unlabelled=tuple(job.get("unlabelled", ())),
        checkpoint_steps=5,
        **where,
    )


def main() -> None:
    jobs, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    log: dict[str, list[Any]] = {}
    watch(log)
    for job in jobs:
        log |= {"gradients": [], "texts": [], "writes": []}
        steps, request = Steps(), request_of(job, folder)
        done: Any = (pretrain if job.get("pretrain") else train)(request, progress=steps)
        found = {
            "ending": done.ending,
            "losses": steps.recent,
            "history": [dataclasses.asdict(line) for line in done.history],
            "texts": log["texts"],
            "writes": list(log["writes"]),
            "metrics": dict(done.metrics),
        }
        np.save(folder / f"{job['name']}.{done.process}.npy", np.array(log["gradients"]))
        (folder / f"{job['name']}.{done.process}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
