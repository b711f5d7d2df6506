"""``OWNER/NAME`` and ``OWNER/NAME@REVISION``: what a model on the Hub is called."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from peephole.errors import OptionError

PREFIX = "hf:"
MAIN = "main"

_PART = r"(?=[A-Za-z0-9])(?:[A-Za-z0-9_]|[.-](?![.-]|$|[/@])){1,96}"
_NAME = re.compile(rf"(?:{PREFIX})?(?P<repo>{_PART}/{_PART}(?<!\.git))(?:@(?P<revision>[^@]*))?")
_REPOSITORY = re.compile(rf"(?:{_PART}/)?{_PART}(?<!\.git)")
_REVISION = re.compile(r"(?!.*(?:\.\.|//|/\.))[A-Za-z0-9_][A-Za-z0-9_./+-]{0,254}(?<![/.])")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubModel(NamedTuple):
    """A model's name taken apart.

    Attributes:
        repo: ``OWNER/NAME``.
        revision: a branch, a tag, a commit or a pull request (``refs/pr/1``).
    """

    repo: str
    revision: str = MAIN

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a whole commit hash, whose files never change."""
        return bool(_COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        return self.repo if self.revision == MAIN else f"{self.repo}@{self.revision}"


def parse_hub_model(name: str, revision: str | None = None) -> HubModel | None:
    """Take ``[hf:]OWNER/NAME[@REVISION]`` apart; None where it is not written like that.

    Args:
        name: any text.
        revision: the revision, if it was given apart.

    Raises:
        OptionError: it is a name of the Hub, and its revision cannot be one, or two are given.

    Example:
        >>> parse_hub_model("ada/film-reviews@v2")
        HubModel(repo='ada/film-reviews', revision='v2')
        >>> parse_hub_model("./film-reviews") is None
        True
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    if match["revision"] is not None and revision is not None:
        raise OptionError(
            f"load: a revision must be given once; got {match['revision']!r} in {name!r}, and {revision!r}"
        )
    wanted = match["revision"] if match["revision"] is not None else revision
    if wanted is not None:
        check_revision("load", wanted)
    return HubModel(match["repo"], MAIN if wanted is None else wanted)


def check_repository(where: str, repo: str) -> None:
    """Raise `OptionError` unless a text can name a repository: ``OWNER/NAME``, or ``NAME`` of one's own."""
    if not _REPOSITORY.fullmatch(repo):
        raise OptionError(
            f"{where}: a repository must be OWNER/NAME, or NAME for one of your own; got {repo[:80]!r}",
            hint="a revision is given apart: revision=, or --revision" if "@" in repo else None,
        )


def check_revision(where: str, revision: str) -> None:
    """Raise `OptionError` unless a text can be a branch, a tag, a commit or a pull request.

    It becomes part of an address and of a path in the cache: nothing in it leads upwards.
    """
    if not _REVISION.fullmatch(revision):
        raise OptionError(
            f"{where}: a revision must be a branch, a tag, a commit or refs/pr/NUMBER; got {revision[:80]!r}"
        )


def hub_model(name: str | os.PathLike[str], revision: str | None = None) -> HubModel | None:
    """Return the model on the Hub that a name means; None where it means a path, as one that exists always does.

    Args:
        name: what stands where a model folder can; a `pathlib.Path` is always a path.
        revision: the revision, if it was given apart.
    """
    if not isinstance(name, str):
        return None
    wanted = parse_hub_model(name, revision)
    if wanted is not None and not name.startswith(PREFIX) and os.path.lexists(name):
        return None
    return wanted


def short_name(name: str) -> str:
    """Return what to call a model that was named like this: the last part of its path or of its name on the Hub.

    >>> short_name("ada/film-reviews@v2"), short_name("runs/7/")
    ('film-reviews', '7')
    """
    wanted = hub_model(name)
    return Path(name).resolve().name if wanted is None else wanted.repo.partition("/")[2]
