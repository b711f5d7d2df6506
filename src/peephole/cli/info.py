"""``peephole info``: what is installed, which backends can run, and why others cannot."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Annotated

import typer

from peephole import __version__
from peephole.cli import completion, output
from peephole.cli.options import Json
from peephole.cli.schemas import ANSWERS, schema

EXTRAS = {
    "train": ("torch", "accelerate", "matplotlib", "tensorboard"),
    "figures": ("matplotlib",),
    "parquet": ("pyarrow",),
    "hub": ("datasets", "huggingface_hub"),
    "remote": ("pyarrow", "fsspec"),
    "ray": ("ray", "pyarrow", "fsspec"),
    "serve": ("fastapi", "uvicorn", "httptools", "prometheus_client", "threadpoolctl"),
    "onnx": ("onnx",),
    "sklearn": ("torch", "scikit-learn"),
    "tune": ("torch", "optuna"),
    "triton": ("torch", "triton"),
    "bench": ("torch", "onnx", "onnxruntime", "jax"),
}


def info(
    as_json: Json = False,
    schema_of: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="ANSWER",
            help="Print the JSON Schema of what a command prints with --json: predict, explain, evaluate and so on",
            autocompletion=completion.among(ANSWERS),
        ),
    ] = None,
) -> None:
    """Show versions, backends, threads, models and extras of this installation.

    Examples:
        # For a bug report
        peephole info

        # For a program
        peephole info --json

        # What predict --json prints, as a JSON Schema
        peephole info --schema predict
    """
    if schema_of is not None:
        output.print_json(schema(schema_of))
        return
    facts = _facts()
    if as_json:
        output.print_json(facts)
        return
    typer.echo(
        f"peephole {__version__} · Python {platform.python_version()} · {platform.system()} {platform.machine()}"
    )
    typer.echo(f"threads  {facts['threads']}")
    typer.echo("\nbackends, in the order in which they are asked")
    for backend in facts["backends"]:  # pyright: ignore[reportGeneralTypeIssues]
        mark = "yes" if backend["available"] else "no "
        typer.echo(f"  {mark}  {backend['name']:<10} {backend['detail']}")
    typer.echo("\ncells, on the CPU")
    for name, chosen in facts["cells"].items():  # pyright: ignore[reportAttributeAccessIssue]
        typer.echo(f"  {name:<14} {chosen}")
    typer.echo("\nmodels")
    for model in facts["models"]:  # pyright: ignore[reportGeneralTypeIssues]
        default = ", the default" if model["default"] else ""
        typer.echo(f"  {model['name']:<14} {model['bytes'] / 1e6:.1f} MB{default}")
    if not facts["models"]:
        typer.echo("  none: this installation was made without a model")
    typer.echo("\nextras")
    for extra, packages in facts["extras"].items():  # pyright: ignore[reportAttributeAccessIssue]
        missing = [name for name, version in packages.items() if version is None]
        found = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        state = f'missing {", ".join(missing)}: pip install "peephole[{extra}]"' if missing else found
        typer.echo(f"  {extra:<8} {state}")


def _facts() -> dict[str, object]:
    from peephole import cells
    from peephole.classifier import shipped
    from peephole.ops import backends, choose_backend

    listed = backends()
    able = {backend.name for backend in listed if backend.available}
    array = "torch" if "torch" in able else "numpy"
    chosen = {name: choose_backend(cells.make(name), array=array).name for name in cells.SHIPPED}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": _threads(),
        "backends": [{"name": b.name, "available": b.available, "detail": b.detail} for b in listed],
        "cells": chosen,
        "models": [
            {"name": m.name, "bytes": m.size, "path": str(m.path), "default": m.name == shipped.DEFAULT}
            for m in shipped.shipped_models()
        ],
        "extras": {extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()},
        "schemas": {name: answer.version for name, answer in ANSWERS.items()},
    }


def _threads() -> int:
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(wanted) if wanted.isdigit() and int(wanted) else cores


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
