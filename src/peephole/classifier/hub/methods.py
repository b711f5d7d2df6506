"""`HubMethods`: what a classifier does as users of the Hugging Face Hub know it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from peephole.errors import OptionError

if TYPE_CHECKING:
    from peephole.classifier.hub.push import Pushed
    from peephole.classifier.model import Classifier
    from peephole.classifier.storage import Storage

Words: TypeAlias = "str | Sequence[str] | None"


class HubMethods:
    """The methods of `Classifier` that end in the Hub's libraries, which are imported when one is called."""

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        backend: str = "auto",
        precision: str = "high",
    ) -> Classifier:
        """Load a model from the Hugging Face Hub, or from a folder; `peephole.load` with the Hub's options.

        Nothing of the repository is trusted or run: four files are fetched, none larger than it can need to be, and checked like
        those of any folder.

        Args:
            name_or_folder: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``; whatever else `peephole.load` takes.
            revision: a branch, a tag, a commit or ``refs/pr/NUMBER``; for a model of the Hub only.
            token: an access token; None: the one of ``HF_TOKEN`` or ``hf auth login``; False: none.
            cache_dir: where to keep what is fetched; None: ``HF_HUB_CACHE``.
            local_files_only: take it from the cache, and ask no network.
            force_download: fetch again what the cache has.
            backend: as `peephole.load` takes it.
            precision: likewise.

        Raises:
            ModelError: there is no such model, or it is damaged or hostile.
            OptionError: an option is out of range, or a revision is given for a folder.
            MissingExtra: huggingface_hub is not installed.
        """
        from peephole.classifier.hub.fetch import fetch_model
        from peephole.classifier.hub.names import hub_model
        from peephole.classifier.hub.repository import Access
        from peephole.classifier.loading import load

        access = Access(token, cache_dir, local_files_only, force_download)
        wanted = hub_model(name_or_folder, revision)
        if wanted is None and revision is not None:
            raise OptionError(
                f"from_pretrained: a revision is for a model of the Hub, OWNER/NAME; got {revision!r} for {name_or_folder}"
            )
        found = name_or_folder if wanted is None else fetch_model(wanted, access)
        return load(found, backend=backend, precision=precision)

    def save_pretrained(
        self,
        folder: str | os.PathLike[str],
        *,
        storage: Storage | None = None,
        license: str | None = None,
        language: Words = None,
        datasets: Words = None,
        tags: Words = None,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        **options: Any,
    ) -> Path:
        """Write the model folder, as `save` does, with a card that says more; and push it, if asked to.

        Args:
            folder: a new path, an empty folder, or a model folder to replace.
            storage: as `save` takes it.
            license: of the model, by the Hub's name for it, such as ``"apache-2.0"``.
            language: codes of the languages of its texts, such as ``"en"``.
            datasets: names on the Hub of the data sets that it was trained on.
            tags: further tags.
            repo_id: where to push to; None: the folder's name.
            push_to_hub: whether to push it too.
            **options: as `push_to_hub` takes them.

        Returns:
            The folder, links resolved.

        Raises:
            ModelError: `folder` holds something else, or the Hub refused.
            OptionError: an option is out of range.
        """
        if options and not push_to_hub:
            raise OptionError(
                f"save_pretrained: {', '.join(options)} is for push_to_hub=True; got push_to_hub=False"
            )
        made = _described(self, license, language, datasets, tags)
        path = made.save(folder, storage=storage)
        if push_to_hub:
            made.push_to_hub(repo_id or path.name, storage=storage, **options)
        return path

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        commit_message: str = "Upload a Peephole classifier",
        revision: str | None = None,
        create_pr: bool = False,
        keep_card: bool = False,
        storage: Storage | None = None,
        license: str | None = None,
        language: Words = None,
        datasets: Words = None,
        tags: Words = None,
    ) -> Pushed:
        """Put the model on the Hugging Face Hub: the four files of its folder, in one commit.

        The card's head holds the scores of the model's own record, and nothing that is not in it.

        Args:
            repo_id: ``OWNER/NAME``, or ``NAME`` for one of your own; made if it is not there.
            private: whether a new repository is private; None: as its owner's settings say.
            token: an access token that may write; None: the one of ``HF_TOKEN`` or ``hf auth login``.
            commit_message: of the commit.
            revision: the branch, made if it is not there; None: ``main``.
            create_pr: open a pull request in place of writing to the branch.
            keep_card: leave the card of the repository as it is, if it has one.
            storage: as `save` takes it.
            license: as `save_pretrained` takes it.
            language: likewise.
            datasets: likewise.
            tags: likewise.

        Returns:
            The repository, the commit and its address.

        Raises:
            OptionError: a name or a revision cannot be one.
            ModelError: the Hub refused, or gave no answer.
            MissingExtra: huggingface_hub is not installed.
        """
        from peephole.classifier.folder import CARD, model_files
        from peephole.classifier.hub.push import Destination, check_push

        check_push(repo_id, revision=revision, message=commit_message)
        made = _described(self, license, language, datasets, tags)
        config = made.config if storage is None else made.config.replace(storage=storage)
        destination = Destination(repo_id, private=private, token=token)
        return destination.push_model(
            model_files(config, made.tokenizer, made.tensors, name=destination.repo),
            CARD,
            commit_message=commit_message,
            revision=revision,
            create_pr=create_pr,
            keep_card=keep_card,
        )

    def predict_dataset(
        self,
        dataset: Any,
        *,
        text_column: str | None = None,
        all_probabilities: bool = False,
        batch_size: int = 1024,
    ) -> Any:
        """Return a data set of the library `datasets` with two more columns: ``prediction`` and ``probability``.

        ``prediction`` is a `ClassLabel` with the classifier's labels, ``probability`` that of this label, in [0, 1]. All other
        columns stay, and so does the order of the rows. Rows run in batches, through ``dataset.map`` and its cache.

        Args:
            dataset: a `Dataset`, an `IterableDataset`, or a dictionary of them such as `DatasetDict`.
            text_column: the column of the texts; None finds text, review, sentence or content, in any case.
            all_probabilities: add a column ``probabilities`` too, with that of each label.
            batch_size: rows of a batch, at least 1.

        Returns:
            What was given, with the columns.

        Raises:
            DataError: the column of the texts is not known.
            TextTypeError: something in it is no `str`; the message says in which row.
            OptionError: the data set has such columns already, or is none.
            MissingExtra: datasets is not installed.
        """
        from peephole.classifier.hub.datasets import predicted

        return predicted(
            cast("Classifier", self),
            dataset,
            text_column=text_column,
            all_probabilities=all_probabilities,
            batch_size=batch_size,
        )


def _described(
    classifier: HubMethods, license: str | None, language: Words, datasets: Words, tags: Words
) -> Classifier:
    """Return the classifier with a config that says more of it; itself, where nothing is said."""
    from peephole.classifier.card_metadata import described

    made = cast("Classifier", classifier)
    data = described(made.config.data, license=license, language=language, datasets=datasets, tags=tags)
    if data == made.config.data:
        return made
    config = made.config.replace(data=data)
    return type(made)(config, made.tokenizer, made.tensors, backend=made.backend, precision=made.precision)
