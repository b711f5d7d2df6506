"""`Destination`: a repository of the Hub that a model's files go to, in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from peephole.classifier.hub.library import Unreachable, asking, hub_library, make_api
from peephole.classifier.hub.names import MAIN, HubModel, check_repository, check_revision
from peephole.errors import ModelError, OptionError

_WHERE = "push_to_hub"


class Pushed(NamedTuple):
    """What became of a push.

    Attributes:
        repo: ``OWNER/NAME`` of the repository.
        url: the commit's address, or the pull request's.
        commit: the commit's hash.
        revision: where it stands: a branch, or ``refs/pr/NUMBER`` of a pull request.
    """

    repo: str
    url: str
    commit: str
    revision: str


def check_push(repo: str, *, revision: str | None, message: str) -> None:
    """Raise `OptionError` where a push cannot be meant so, before anything is sent.

    Args:
        repo: where to push to.
        revision: the branch; None: ``main``.
        message: of the commit.
    """
    check_repository(_WHERE, repo)
    if revision is not None:
        check_revision(_WHERE, revision)
    if not message.strip():
        raise OptionError(f"{_WHERE}: a commit's message must not be empty; got {message!r}")


class Destination:
    """A repository of the Hub to write to; made if it is not there.

    Args:
        repo: ``OWNER/NAME``, or ``NAME`` for one of one's own.
        private: whether a new repository is private; None: as its owner's settings say. One that exists stays as it is.
        token: an access token that may write; None: the one of ``HF_TOKEN`` or ``hf auth login``.

    Attributes:
        repo: ``OWNER/NAME``.

    Raises:
        ModelError: the Hub refused, or gave no answer.
        MissingExtra: huggingface_hub is not installed.
    """

    def __init__(self, repo: str, *, private: bool | None = None, token: str | bool | None = None) -> None:
        self._library = hub_library("pushing a model to the Hugging Face Hub")
        self._api = make_api(self._library, token)
        self.repo = repo
        self.repo = str(self._ask(repo, "create_repo", repo, private=private, exist_ok=True).repo_id)

    def push(
        self,
        files: Mapping[str, bytes],
        *,
        message: str,
        revision: str | None = None,
        create_pr: bool = False,
    ) -> Pushed:
        """Write files in one commit; other files of the repository stay.

        Args:
            files: their bytes, by their names.
            message: of the commit.
            revision: a branch that is there; None: ``main``.
            create_pr: open a pull request in place of writing to the branch.

        Raises:
            ModelError: the Hub refused, or gave no answer.
        """
        adds = [
            self._library.CommitOperationAdd(path_in_repo=name, path_or_fileobj=data)
            for name, data in files.items()
        ]
        done = self._ask(
            self.repo,
            "create_commit",
            self.repo,
            adds,
            commit_message=message,
            revision=revision,
            create_pr=create_pr,
        )
        where = done.pr_revision if create_pr else revision or MAIN
        return Pushed(
            self.repo, str(done.pr_url if create_pr else done.commit_url), str(done.oid), str(where)
        )

    def push_model(
        self,
        files: Mapping[str, bytes],
        card: str,
        *,
        commit_message: str,
        revision: str | None,
        create_pr: bool,
        keep_card: bool,
    ) -> Pushed:
        """Do as `push`; make the branch if it is not there, and leave the file `card` as it is if it is to be kept."""
        if revision is not None and revision != MAIN and not revision.startswith("refs/"):
            self._ask(self.repo, "create_branch", self.repo, branch=revision, exist_ok=True)
        kept = keep_card and self.has(card, revision)
        written = {name: data for name, data in files.items() if not (kept and name == card)}
        return self.push(written, message=commit_message, revision=revision, create_pr=create_pr)

    def has(self, name: str, revision: str | None) -> bool:
        """Return whether the repository has a file, at a revision; a revision that is not there has none."""
        return bool(self._ask(self.repo, "file_exists", self.repo, name, revision=revision))

    def _ask(self, repo: str, call: str, *arguments: Any, **options: Any) -> Any:
        where = f"{_WHERE}: {repo}"
        try:
            with asking(
                self._library, HubModel(repo), where, "no such repository, or no right to write to it"
            ):
                return getattr(self._api, call)(*arguments, **options)
        except Unreachable as why:
            hint = "a push needs the network" if why.wanted else "try again"
            raise ModelError(f"{where}: the Hugging Face Hub was not reached: {why}", hint=hint) from why
