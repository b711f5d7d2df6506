"""The cases of `serving.py`: who answers how fast, what a server does with too much, and its memory."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peephole.classifier import Classifier
from peephole.studies.bench.timing import order_of_round
from serving_contenders import Contender, contenders, options_of, rivals
from serving_load import Plan
from serving_processes import HOST, Server, press, running
from serving_report import quantiles

CLIENTS = 64
_BURST = 3  # times the capacity
_POOL = 256  # connections that are open before a burst begins; it opens more when it needs them
_KEPT = ("a_second", "p50_milliseconds", "p99_milliseconds")


@dataclasses.dataclass(frozen=True)
class Bench:
    """What all cases share.

    Attributes:
        folder: for plans and logs.
        model: a model folder.
        classifier: loaded from it.
        texts: to ask about.
        expected: the library's answer to each.
        seconds: that one turn is measured.
    """

    folder: Path
    model: str
    classifier: Classifier
    texts: list[str]
    expected: list[dict[str, float]]
    seconds: float

    def start(self, contender: Contender, stack: contextlib.ExitStack, name: str) -> Server:
        """Start a server, to be stopped with the stack."""
        log = self.folder / f"{name.replace(' ', '-')}.log"
        return stack.enter_context(running(log, lambda port: (*contender.words, port)))

    def press(self, server: Server, bound: float | None = 1e-4, **plan: Any) -> dict[str, Any]:
        """Ask a server in the way that `plan` says, 64 clients without a pause if it says nothing."""
        told: Callable[[], object] = plan.pop("every_thousand", lambda: None)
        looked_at = {} if bound is None else {"bound": bound}
        expected = [] if bound is None else self.expected
        plan = {"clients": CLIENTS, "seconds": self.seconds, **looked_at, **plan}
        return press(self.folder, Plan(HOST, server.port, self.texts, expected, **plan), told)

    def alone(self, work: str) -> float:
        """Return the milliseconds that the tokenizer, or the kernel, takes for one text, 64 at a time."""
        parts = [self.texts[n : n + CLIENTS] for n in range(0, len(self.texts), CLIENTS)]
        ids = [self.classifier.tokenizer.encode_batch(part) for part in parts]
        calls: Sequence[Callable[[], object]] = (
            [lambda part=part: self.classifier.tokenizer.encode_batch(part) for part in parts]
            if work == "tokenizer"
            else [lambda part=part: self.classifier.logits(part) for part in ids]
        )
        begun = time.perf_counter()
        for call in calls:
            call()
        return 1e3 * (time.perf_counter() - begun) / len(self.texts)


def fastest(bench: Bench, tried: Sequence[Contender], seconds: float) -> Contender:
    """Return the one that answers most requests a second, each in the better of two turns."""
    found = [0.0] * len(tried)
    with contextlib.ExitStack() as stack:
        servers = [bench.start(one, stack, f"tried-{n}") for n, one in enumerate(tried)]
        for _ in range(2):
            for n, server in enumerate(servers):
                turn = bench.press(server, tried[n].bound, seconds=seconds)
                found[n] = max(found[n], turn["a_second"])
    return tried[found.index(max(found))]


def throughput(bench: Bench, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Let all answer 64 clients in turn; return the rounds of each, and the parts of the floor.

    Each round yields requests a second, median and 99th percentile in milliseconds. A contender with a wrong answer or an
    error is left out of the medians.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    floor: list[dict[str, float]] = []
    everybody = contenders(bench.model)
    for dtype in ("float32", "bfloat16"):
        chosen = fastest(bench, rivals(bench.model, dtype), bench.seconds / 2)
        name = "torch, padded" if dtype == "float32" else f"torch, padded, {dtype}"
        everybody[name] = chosen
        say(f"{name}: {options_of(chosen)}")
    with contextlib.ExitStack() as stack:
        servers = {name: bench.start(one, stack, name) for name, one in everybody.items()}
        for done in range(rounds):
            for name in order_of_round(list(everybody), done):
                turn = bench.press(servers[name], everybody[name].bound)
                found.setdefault(name, []).append(turn)
                say(f"{name}: {turn['a_second']:,.0f} a second")
            floor.append(
                {
                    "echo": 1e3 / found["echo"][-1]["a_second"],
                    "tokenizer": bench.alone("tokenizer"),
                    "kernel": bench.alone("kernel"),
                }
            )
    return {
        "floor": {
            "milliseconds": {part: statistics.median(one[part] for one in floor) for part in floor[0]},
            "a_second": statistics.median(1e3 / sum(one.values()) for one in floor),
            "rounds": floor,
        },
        "contenders": [_contender(name, everybody[name], found[name]) for name in everybody],
    }


def _contender(name: str, contender: Contender, turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    void = any(turn["wrong"] or turn["errors"] or turn["hung"] or not turn["answered"] for turn in turns)
    medians = {} if void else {kept: statistics.median(turn[kept] for turn in turns) for kept in _KEPT}
    return {"name": name, "options": options_of(contender), "void": void, **medians, "rounds": list(turns)}


def overload(bench: Bench, capacity: float, rounds: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Ask three times as much as a server can answer; before and after, 64 clients as ever.

    Args:
        bench: what all cases share.
        capacity: requests a second.
        rounds: how often.
        say: is told how far it is.
    """
    turns: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        server = bench.start(contenders(bench.model)["peephole"], stack, "overload")
        for _ in range(rounds):
            before = bench.press(server)
            seen = len(server.lines())
            burst = bench.press(server, clients=_POOL, rate=_BURST * capacity)
            lines = [line for line in server.lines()[seen:] if line.get("status") == 503]
            refused = [
                line["milliseconds"] for line in lines if "milliseconds" in line
            ]  # but for connections
            after = bench.press(server)
            turns.append(
                {"before": before, "burst": burst, "after": after, **quantiles("server_refused_", refused)}
            )
            say(f"burst: {burst['answered']} answered, {burst['refused']} refused")
    return {
        "asked_a_second": _BURST * capacity,
        "p99_ratio": statistics.median(
            one["burst"]["p99_milliseconds"] / one["before"]["p99_milliseconds"] for one in turns
        ),
        "accepted_ratio": statistics.median(
            one["burst"]["a_second"] / one["before"]["a_second"] for one in turns
        ),
        "after_ratio": statistics.median(
            one["after"]["a_second"] / one["before"]["a_second"] for one in turns
        ),
        "longest_refusal_milliseconds": max(one["server_refused_longest_milliseconds"] for one in turns),
        "hung": sum(turn["hung"] for one in turns for turn in (one["before"], one["burst"], one["after"])),
        "errors": sum(
            turn["errors"] for one in turns for turn in (one["before"], one["burst"], one["after"])
        ),
        "wrong": sum(turn["wrong"] for one in turns for turn in (one["before"], one["burst"], one["after"])),
        "rounds": turns,
    }


def memory(bench: Bench, requests: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Ask so many times, and note the server's resident memory for every 1,000 answers: the median of many looks meanwhile.

    What a batch needs comes and goes within one look and the next.

    `growth` is the median of the last fifth over that of the second: in the first, the server meets its largest batches.
    """
    megabytes: list[float] = []
    with contextlib.ExitStack() as stack:
        server = bench.start(contenders(bench.model)["peephole"], stack, "memory")

        looks: list[float] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                looks.append(server.memory() / 1e6)

        def look() -> None:
            megabytes.append(statistics.median(looks or [server.memory() / 1e6]))
            looks.clear()
            if len(megabytes) % 10 == 0:
                say(f"{len(megabytes):,},000 requests: {megabytes[-1]:.1f} MB")

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            load = bench.press(server, requests=requests, warm_seconds=0.0, every_thousand=look)
        finally:
            over.set()
            watcher.join()
    fifth = len(megabytes) // 5
    second, last = statistics.median(megabytes[fifth : 2 * fifth]), statistics.median(megabytes[-fifth:])
    return {
        "requests": requests,
        "megabytes": [round(one, 2) for one in megabytes],
        "growth": last / second,
        "bytes_a_request": 1e6 * (last - second) / (3 * fifth * 1000),
        **{name: load[name] for name in ("answered", "refused", "errors", "hung", "wrong")},
    }
