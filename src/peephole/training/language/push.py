"""`push_language`: a language model to the Hugging Face Hub."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from peephole.classifier.card_metadata import described
from peephole.classifier.hub.push import Destination, Pushed, check_push
from peephole.training.language.folder import CARD, language_files, load_language


def push_language(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    commit_message: str = "Upload a language model of Peephole",
    revision: str | None = None,
    create_pr: bool = False,
    keep_card: bool = False,
    license: str | None = None,
    language: str | Sequence[str] | None = None,
    datasets: str | Sequence[str] | None = None,
    tags: str | Sequence[str] | None = None,
) -> Pushed:
    """Put a language model's four files on the Hub, in one commit; ``peephole train --from OWNER/NAME`` starts from it.

    Args:
        folder: of `pretrain`; it is checked before anything is sent.
        repo_id: as `Classifier.push_to_hub` takes it, and so all others.
        private: likewise.
        token: likewise.
        commit_message: likewise.
        revision: likewise.
        create_pr: likewise.
        keep_card: likewise.
        license: likewise.
        language: likewise.
        datasets: likewise.
        tags: likewise.

    Raises:
        ModelError: the folder is damaged, the Hub refused, or it gave no answer.
        OptionError: a name or a revision cannot be one.
        MissingExtra: huggingface_hub is not installed.
    """
    check_push(repo_id, revision=revision, message=commit_message)
    model = load_language(folder)
    data = described(model.data, license=license, language=language, datasets=datasets, tags=tags)
    destination = Destination(repo_id, private=private, token=token)
    return destination.push_model(
        language_files(dataclasses.replace(model, data=data), destination.repo),
        CARD,
        commit_message=commit_message,
        revision=revision,
        create_pr=create_pr,
        keep_card=keep_card,
    )
