"""``peephole convert``: the same model, its numbers stored otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.options import Json, model_argument, output_option


def convert(
    model: Annotated[str, model_argument()],
    storage: Annotated[
        str,
        typer.Option(
            metavar="STORAGE",
            help="How to hold the matrices: float32, float16 or int8",
            autocompletion=completion.among(completion.STORAGES),
            show_default=False,
        ),
    ],
    out: Annotated[Path, output_option("MODEL", "the model")],
    as_json: Json = False,
) -> None:
    """Store a model in float16 or int8, a half or a quarter of the size; the scores in its card stay those of the original.

    Examples:
        # A quarter of the size
        peephole convert my-model --storage int8 --output my-small-model
    """
    from peephole.classifier import converted, load

    before = load(model)
    done = converted(before, storage).save(out)
    size = (done / "model.safetensors").stat().st_size
    if as_json:
        output.print_json(
            {"output": str(done), "storage": storage, "from": before.config.storage, "bytes": size}
        )
    else:
        typer.echo(f"model: {out}, weights in {storage}, {size / 1e6:.2f} MB")
