"""``peephole export``: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peephole.cli import completion, output
from peephole.cli.options import Json, model_argument
from peephole.errors import check_choice

FORMATS = ("onnx",)


def export(
    model: Annotated[str, model_argument()],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="What to write: onnx",
            autocompletion=completion.among(completion.EXPORTS),
            show_default=False,
        ),
    ],
    precision: Annotated[
        str,
        typer.Option(
            metavar="PRECISION",
            help="How to hold the matrices: float32, float16 or int8; all are multiplied in float32",
            autocompletion=completion.among(completion.STORAGES),
        ),
    ] = "float32",
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder to write [default: the model's name and -onnx]"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a model as ONNX: a graph of standard operators, its tokenizer, its labels and its card.

    Examples:
        # The model inside the package, to the folder reviews-onnx
        peephole export reviews --to onnx

        # Your own, a quarter of the size
        peephole export my-model --to onnx --precision int8 --output my-model-onnx
    """
    check_choice("export", "to", to, FORMATS)
    from peephole.classifier import load
    from peephole.classifier.hub.names import short_name
    from peephole.export import save_onnx

    classifier = load(model)
    done = save_onnx(classifier, out or Path(f"{short_name(model)}-{to}"), precision=precision)
    size = (done / "model.onnx").stat().st_size
    if as_json:
        output.print_json({"output": str(done), "to": to, "precision": precision, "bytes": size})
    else:
        typer.echo(f"model: {done}, ONNX in {precision}, {size / 1e6:.2f} MB")
