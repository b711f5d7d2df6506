"""``peephole bench``: how fast the layers are, beside others, on this machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peephole.cli import completion
from peephole.cli.guard import say
from peephole.cli.study import listed, show_table, typed
from peephole.errors import OptionError, check_choice, require

if TYPE_CHECKING:
    from peephole.studies.bench.suite import Suite

_WHAT = "What is measured"
_HOW = "How it is measured"
_SHOWN_BY_DEFAULT = ("single", "review", "packed")


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CASE",
            help="Cases (single, review, review-256, wide, odd, packed, packed-deep, short, or T,N,D,H) and comparisons of "
            "our layers with each other (cells, gates, dtypes, threads, long, lengths, memory) "
            "[default: single review packed]. With --device cuda: peephole, packed, reset, gates, compile, dense, latency, "
            "forward [default: all]",
            autocompletion=completion.among(completion.BENCH_CASES),
            show_default=False,
        ),
    ] = None,
    cells: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL",
            help="lstm, gru, gru-before, rnn, peephole-lstm or own; may be repeated, or with commas "
            "[default: lstm, gru, rnn]",
            autocompletion=completion.among(completion.BENCH_CELLS, several=True),
            rich_help_panel=_WHAT,
        ),
    ] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DTYPE",
            help="float32, bfloat16 or float64 [default: float32]",
            autocompletion=completion.among(completion.DTYPES, several=True),
            rich_help_panel=_WHAT,
        ),
    ] = None,
    rival: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RIVAL",
            help="torch, compile, onnxruntime, jax, reference or none; may be repeated [default: torch]",
            autocompletion=completion.among(completion.RIVALS, several=True),
            rich_help_panel=_WHAT,
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="All cases, rivals and comparisons: about ten minutes", rich_help_panel=_WHAT
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each [default: OMP_NUM_THREADS, or all]", rich_help_panel=_HOW),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE",
            help="cpu, or cuda: Triton's kernels beside cuDNN, torch.compile and CUDA graphs, under ten minutes",
            autocompletion=completion.among(completion.BENCH_DEVICES),
            rich_help_panel=_WHAT,
        ),
    ] = "cpu",
    limit: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="With --device cuda: seconds for everything; what does not fit is named [default: 540]",
            rich_help_panel=_HOW,
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            min=0,
            help="Time for each race; slow ones have seven rounds at least, however long they take",
            rich_help_panel=_HOW,
        ),
    ] = 1.0,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Also write everything here, as JSON", rich_help_panel=_HOW
        ),
    ] = None,
) -> None:
    """Time our recurrent layers beside others, in turn. What is wrong gets no time.

    Examples:
        # Three shapes, against torch.nn: two minutes
        peephole bench

        # One shape, two cells, two rivals
        peephole bench review --cells lstm,gru --rival torch,onnxruntime

        # A shape of your own: time, batch, input, hidden; and the numbers as JSON
        peephole bench 100,16,64,256 --json numbers.json

        # On a GPU: all cases, and which targets are reached
        peephole bench --device cuda --json gpu.json
    """
    if everything and (names or cells or dtype or rival):
        raise OptionError("bench: --all names everything; leave cases, --cells, --dtype and --rival out")
    if json_file is not None and not json_file.resolve().parent.is_dir():
        raise OptionError(f"bench: the folder of --json must exist; got {str(json_file)!r}")
    check_choice("bench", "--device", device, completion.BENCH_DEVICES)
    if device != "cuda" and limit is not None:
        raise OptionError("bench: --limit is for --device cuda; on a CPU, name fewer cases")
    require("torch", extra="train", purpose="peephole bench")
    if device == "cuda":
        if everything or cells or dtype or rival or threads:
            raise OptionError(
                "bench: cases on a GPU have cells, dtypes and rivals of their own; leave --all, --cells, --dtype, --rival and "
                "--threads out"
            )
        _bench_gpu(names or [], seconds, limit, json_file)
        return
    from peephole.studies.bench import suite, tables
    from peephole.studies.bench.bench import bench as run

    chosen: Suite = (
        suite.everything(threads or suite.default_threads())
        if everything
        else suite.chosen(
            names or _SHOWN_BY_DEFAULT,
            listed(cells) or ["lstm", "gru", "rnn"],
            listed(rival) or ["torch"],
            listed(dtype) or ["float32"],
            threads or suite.default_threads(),
        )
    )
    run(chosen, seconds=seconds, command=typed("--json"), listener=_listener(json_file, tables))


def _bench_gpu(names: list[str], seconds: float, limit: float | None, json_file: Path | None) -> None:
    from peephole.studies.bench.gpu import cases, tables
    from peephole.studies.bench.gpu.bench import bench_gpu
    from peephole.studies.bench.gpu.facts import check_gpu
    from peephole.studies.bench.gpu.plan import Settings

    races = cases.chosen(names)
    check_gpu()
    settings = Settings(seconds=seconds) if limit is None else Settings(seconds=seconds, limit=limit)
    listener = _listener(json_file, tables)
    document = bench_gpu(races, settings, command=typed("--json"), listener=listener)
    listener.write(document)
    show_table(tables.targets_table(document))


def _listener(json_file: Path | None, tables: Any) -> Any:
    """Return what prints and writes; `tables` is the module that has `heading` and `last_table` for the document."""
    from peephole.files import replacing
    from peephole.studies.bench.bench import Listener

    class Printer(Listener):
        """Progress to stderr, tables to stdout, and the document to a file after each race."""

        def __init__(self) -> None:
            self._started = time.monotonic()
            self._has_heading = False

        def begin(self, done: int, total: int, what: str) -> None:
            say(f"[{done + 1}/{total}, {time.monotonic() - self._started:.0f} s] {what}")

        def write(self, document: dict[str, Any]) -> None:
            if json_file is not None:
                with replacing("bench", json_file) as file:
                    file.write(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n")

        def finish(self, document: dict[str, Any], *, table_ends: bool) -> None:
            self.write(document)
            if not table_ends:
                return
            if not self._has_heading:
                typer.echo(tables.heading(document) + "\n")
                self._has_heading = True
            show_table(tables.last_table(document), end="\n")

    return Printer()
