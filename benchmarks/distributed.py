"""Training by several processes of one thread against one process of one thread: tokens a second, taking turns in one run.

    python benchmarks/distributed.py TEXTS [--processes 2] [--precision no --precision bf16] [--output FILE]

Contenders, started once and woken in turn, so that each waits asleep while another works:

- ``one``: one process.
- ``shared``: N processes that share every batch, as ``torchrun -m peephole train`` does.
- ``apart``: the same N processes at the same time, each with whole batches of its own and without a word to another: what the
  machine gives to N processes at best. Two hyperthreads of one core are no two cores.

``ratio`` is the tokens a second of ``shared`` over those of ``one``, ``ceiling`` those of ``apart`` over those of ``one``, and
``efficiency`` the one over the other: what sharing a batch costs, on whatever machine. Adding up the gradients is also timed by
itself. All numbers are medians over the turns; the tokens of a CPU second tell what a busy machine took away.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch.distributed import PrefixStore, TCPStore

from peephole.files import write_json
from peephole.reading import read
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.training import Progress, Recipe, TrainRequest
from peephole.training.learner import Learner
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.objective import add_gradients
from peephole.training.planning import plan_batches
from peephole.training.prepare import Prepared, prepare
from peephole.training.sharing import gather_part
from peephole.training.state import State

LONG = timedelta(hours=6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", help="labelled texts, as peephole train takes them")
    parser.add_argument("--rows", type=int, default=3000, help="texts to train on, spread over the source")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--precision", action="append", choices=("no", "bf16"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recipe"
    )
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, default=8, help="of one turn")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments)
        return
    document = measure(arguments)
    print(json.dumps(document, indent=1))
    if arguments.output:
        write_json("distributed", arguments.output, document)


def recipe_of(arguments: argparse.Namespace, precision: str) -> Recipe:
    given = {name: json.loads(value) for name, _, value in (item.partition("=") for item in arguments.set)}
    return Recipe.from_json({"noise_from": "start", "precision": precision, "embeddings": "random", **given})


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Start the contenders, wake them in turn, and put their times into one document."""
    precisions = arguments.precision or ["no"]
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=LONG)
    groups = [f"{precision} {count}" for precision in precisions for count in (1, arguments.processes)]
    running = [start(arguments, group, store.port) for group in groups]
    try:
        for group in groups:
            wait_for(store, f"{group}/ready", running)
        found: dict[str, Any] = {}
        for precision in precisions:
            times: dict[str, list[dict[str, float]]] = {"one": [], "shared": [], "apart": []}
            for turn in range(arguments.turns + 1):
                for name in times:
                    group = f"{precision} {1 if name == 'one' else arguments.processes}"
                    store.set(f"{group}/turn", json.dumps([turn, name]))
                    store.set(f"{group}/go {turn} {name}", "")
                    wait_for(store, f"{group}/done {turn} {name}", running)
                    taken = json.loads(store.get(f"{group}/done {turn} {name}"))
                    if turn:  # the first warms up
                        times[name].append(taken)
            found[precision] = told(times)
        for group in groups:
            store.set(f"{group}/turn", json.dumps([-1, ""]))
    finally:
        for process in running:
            process.terminate()
            process.wait()
    return {
        "command": command_line("benchmarks/distributed.py"),
        "date": today(),
        "machine": machine()
        | {"load": [round(load, 1) for load in os.getloadavg()], "processor_threads": os.cpu_count()},
        "versions": versions(),
        "processes": arguments.processes,
        "threads_each": 1,
        "turns": arguments.turns,
        "steps": arguments.steps,
        "precisions": found,
    }


def wait_for(store: TCPStore, key: str, running: list[subprocess.Popen[bytes]]) -> None:
    """Wait for what a contender says, as long as all of them live."""
    while not store.check([key]):
        if any(process.poll() is not None for process in running):
            raise SystemExit("distributed: a contender has ended; it said why above")
        time.sleep(0.05)


def told(times: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    def median(name: str, key: str) -> float:
        return statistics.median(taken[key] for taken in times[name])

    rates = {name: median(name, "rate") for name in times}
    return {
        "tokens_per_second": {name: round(rate) for name, rate in rates.items()},
        "tokens_per_cpu_second": {name: round(median(name, "cpu_rate")) for name in times},
        "ratio": round(rates["shared"] / rates["one"], 3),
        "ceiling": round(rates["apart"] / rates["one"], 3),
        "efficiency": round(rates["shared"] / rates["apart"], 3),
        "ratios_of_turns": [
            round(shared["rate"] / one["rate"], 3)
            for one, shared in zip(times["one"], times["shared"], strict=True)
        ],
        "adding_up_ms": round(1e3 * median("shared", "adding_up"), 2),
        "step_ms": {name: round(1e3 * median(name, "step"), 1) for name in times},
        "gradient_megabytes": round(times["shared"][0]["megabytes"], 1),
        "tokens_a_step": round(times["one"][0]["tokens"]),
    }


def start(arguments: argparse.Namespace, group: str, port: int) -> subprocess.Popen[bytes]:
    count = group.split()[1]
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", count] if count != "1" else []
    )
    own = [__file__, arguments.texts, "--worker", f"{port} {group}", "--steps", str(arguments.steps)]
    own += ["--rows", str(arguments.rows)]
    own += [part for item in arguments.set for part in ("--set", item)]
    return subprocess.Popen([sys.executable, *launcher, *own], env=os.environ | {"OMP_NUM_THREADS": "1"})


def work(arguments: argparse.Namespace) -> None:
    """Train when it is this group's turn, and tell how long it took."""
    port, precision, count = arguments.worker.split()
    store = PrefixStore(
        f"{precision} {count}", TCPStore("127.0.0.1", int(port), is_master=False, timeout=LONG)
    )
    recipe = recipe_of(arguments, precision)
    computer = Machine(precision, cpu=True)
    with tempfile.TemporaryDirectory() as folder:
        records = list(read((arguments.texts,), labels="required"))
        records = tuple(records[:: max(1, len(records) // arguments.rows)])
        request = TrainRequest(records=records, output=Path(folder, "model"), recipe=recipe)
        data = prepare(request, Progress(), computer)
    network = make_network(make_config(data.recipe, data.tokenizer.vocabulary_size, data.labels), data.recipe)
    learner = Learner(network, data.recipe, computer, State())
    batches = plan_batches(data.train.lengths, data.recipe)[0][: arguments.steps]
    learner.model.train()
    computer.wait()
    if computer.is_main:
        store.set("ready", "")
    seen = 0
    while True:
        turn, name = wait_for_turn(store, seen)
        if turn < 0:
            os._exit(0)  # the other processes' sockets close at the same time: nobody says goodbye
        seen += 1
        taken = run(name, learner, data, batches, computer)
        if computer.is_main:
            store.set(f"done {turn} {name}", json.dumps(taken))


def wait_for_turn(store: PrefixStore, seen: int) -> tuple[int, str]:
    """Sleep until a turn that has not been taken is called; turns of a group come in a known order."""
    while True:
        turn, name = json.loads(store.get("turn"))
        if turn < 0:
            return turn, name
        key = f"go {turn} {name}"
        if turn * _NAMES[name][1] + _NAMES[name][0] == seen and store.check([key]):
            return turn, name
        time.sleep(0.02)


# For each contender: its place among those of its group, and how many those are.
_NAMES = {"one": (0, 1), "shared": (0, 2), "apart": (1, 2)}


def run(
    name: str, learner: Learner[Any, State], data: Prepared, batches: list[Any], computer: Machine
) -> dict[str, float]:
    adding, share = [0.0], computer.share_gradients

    def timed(parameters: Any) -> None:
        computer.wait()  # so that waiting for the slower one is not taken for adding up
        began = time.perf_counter()
        share(parameters)
        adding[0] += time.perf_counter() - began

    apart = name == "apart"
    alone = _Alone(computer) if apart else computer
    learner._machine = alone  # type: ignore[assignment]
    weights = list(learner.parameters.values())
    computer.wait()
    began, cpu = time.perf_counter(), time.process_time()
    tokens = 0
    for rows in batches:
        alone.seed_step(data.recipe.seed, learner.state.step)
        parts = (0, 1) if apart else (computer.process, computer.processes)
        add_gradients(learner, gather_part(data.train, rows, *parts), None, data.recipe, alone, noisy=True)
        learner.step(1e-4)
        tokens += int(data.train.lengths[rows].sum())
    computer.wait()
    seconds, cpu_here = time.perf_counter() - began, time.process_time() - cpu
    cpu_all = computer.sum(cpu_here)
    total = tokens * (computer.processes if apart else 1)
    if not apart and computer.processes > 1:  # behind the turn: the same gradients, added up by themselves
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        for _ in batches:
            timed(weights)
        learner.optimizer.zero_grad()
    return {
        "rate": total / seconds,
        "cpu_rate": total / cpu_all,
        "step": seconds / len(batches),
        "adding_up": adding[0] / len(batches),
        "megabytes": sum(weight.numel() for weight in weights) * 4 / 1e6,
        "tokens": tokens / len(batches),
    }


class _Alone:
    """The machine of one of several processes, as one that has no others would see it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.processes, self.process = 1, 0

    def share_gradients(self, parameters: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)


if __name__ == "__main__":
    main()
