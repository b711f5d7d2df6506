"""``peephole push``: a model to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from peephole.cli import output
from peephole.cli.options import Json, model_argument

CARD = "Said in the card"


def push(
    model: Annotated[str, model_argument()],
    repository: Annotated[
        str,
        typer.Argument(
            metavar="OWNER/NAME", help="Repository to write to; made if it is not there", show_default=False
        ),
    ],
    private: Annotated[
        bool | None,
        typer.Option(
            "--private/--public", help="Who sees a new repository [default: as its owner's settings say]"
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="Branch to write to; made if it is not there [default: main]"),
    ] = None,
    pull_request: Annotated[
        bool, typer.Option("--pr", help="Open a pull request in place of writing to the branch")
    ] = False,
    message: Annotated[str | None, typer.Option("--message", help="Message of the commit")] = None,
    license: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Licence of the model, such as apache-2.0", rich_help_panel=CARD),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE", help="Language of its texts, such as en; may be repeated", rich_help_panel=CARD
        ),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OWNER/NAME",
            help="Data set that it was trained on; may be repeated",
            rich_help_panel=CARD,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="A further tag; may be repeated", rich_help_panel=CARD),
    ] = None,
    keep_card: Annotated[
        bool,
        typer.Option("--keep-card", help="Leave the card of the repository as it is", rich_help_panel=CARD),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a model on the Hugging Face Hub, with a card that gives the scores of its own record.

    The token is that of HF_TOKEN, or of hf auth login. A folder of peephole pretrain can be put there too.

    Examples:
        # Everybody may read it; what is said of it stands in the card
        peephole push my-model ada/film-reviews --license apache-2.0 --language en

        # To a branch of a private repository, as a pull request
        peephole push my-model ada/film-reviews --private --revision v2 --pr
    """
    options: dict[str, Any] = {
        "private": private,
        "revision": revision,
        "create_pr": pull_request,
        "keep_card": keep_card,
        "license": license,
        "language": language,
        "datasets": dataset,
        "tags": tag,
        **({} if message is None else {"commit_message": message}),
    }
    if (Path(model) / "language_model.json").is_file():
        from peephole.training.language.push import push_language

        done = push_language(model, repository, **options)
    else:
        from peephole.classifier import load

        done = load(model).push_to_hub(repository, **options)
    if as_json:
        output.print_json(done._asdict())
    else:
        typer.echo(f"model: {done.url}")
