"""A repository at one commit: which files it has, how large they are, and fetching them within limits."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from peephole.classifier.hub.library import TIMEOUT, Unreachable, asking, library_for, make_api
from peephole.classifier.hub.names import HubModel
from peephole.errors import ModelError
from peephole.files import nearest_path

_REFS = "refs"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the Hub and its cache.

    Attributes:
        token: an access token; None: the one of ``HF_TOKEN`` or ``hf auth login``; False: none.
        cache: the folder of the cache; None: the library's own, ``HF_HUB_CACHE``.
        offline: only what the cache has; so it is under ``HF_HUB_OFFLINE=1`` too.
        force: fetch again what the cache has.
    """

    token: str | bool | None = field(default=None, repr=False)
    cache: str | os.PathLike[str] | None = None
    offline: bool = False
    force: bool = False


class Repository:
    """A repository of the Hub at one commit.

    Args:
        wanted: its name.
        access: how to reach it.

    Attributes:
        commit: the commit's hash.
        sizes: of its files, in bytes, as the Hub says.

    Raises:
        ModelError: there is no such repository or revision, or it may not be read.
        Unreachable: the Hub gave no answer.
        MissingExtra: huggingface_hub is not installed.
    """

    def __init__(self, wanted: HubModel, access: Access) -> None:
        self.wanted, self.access = wanted, access
        self._library = library_for(str(wanted))
        if access.offline:
            raise Unreachable("only the cache was to be asked", wanted=True)
        if self._library.constants.HF_HUB_OFFLINE:
            raise Unreachable("HF_HUB_OFFLINE is set", wanted=True)
        api = make_api(self._library, access.token)
        beside = nearest_path(wanted.repo, folders=True)
        missing = f"no such model folder here{beside}, and no such model on the Hugging Face Hub"
        with asking(self._library, wanted, str(wanted), missing):
            info = api.model_info(wanted.repo, revision=wanted.revision, files_metadata=True, timeout=TIMEOUT)
            self.commit = _hash(info.sha)
            self.sizes: Mapping[str, int] = {
                file.rfilename: int(file.size) for file in info.siblings or [] if file.size is not None
            }

    def check(self, limits: Mapping[str, int], needed: Sequence[str]) -> None:
        """Refuse the repository where a file is missing or too large, before anything is fetched.

        Args:
            limits: the most bytes of a file, by its name.
            needed: the files that must be there.

        Raises:
            ModelError: so it is; each such file is named.
        """
        missing = [name for name in needed if name not in self.sizes]
        if missing:
            raise ModelError(
                f"{self.wanted}: must hold {', '.join(needed)}; got no {', no '.join(missing)}",
                hint=f"{self._library.constants.ENDPOINT}/{self.wanted.repo} is no model that Peephole wrote",
            )
        for name, limit in limits.items():
            if self.sizes.get(name, 0) > limit:
                raise ModelError(
                    f"{self.wanted}, {name}: must be at most {limit:,} bytes; got {self.sizes[name]:,}; nothing of it was fetched"
                )

    def get(self, name: str) -> Path:
        """Fetch a file into the cache, unless it is there, and return its path.

        Raises:
            ModelError: it has more bytes than `sizes` says: the rest was not fetched.
            Unreachable: the Hub gave no answer.
        """
        with asking(self._library, self.wanted, f"{self.wanted}, {name}", "no such file"):
            path = self._library.hf_hub_download(
                self.wanted.repo,
                name,
                revision=self.commit,
                cache_dir=self.access.cache,
                token=self.access.token,
                endpoint=self._library.constants.ENDPOINT,
                force_download=self.access.force,
                etag_timeout=TIMEOUT,
                **_bounded(self._library, f"{self.wanted}, {name}", self.sizes[name]),
            )
        return Path(path)

    def remember(self, snapshot: Path) -> None:
        """Let the cache know which commit the revision is, once all files of it are there: offline, it is asked for that.

        A cache that must not be written to stays as it is: its files are there all the same.
        """
        if self.wanted.is_commit:
            return
        reference = snapshot.parent.parent / _REFS / self.wanted.revision
        with contextlib.suppress(OSError):
            if reference.is_file() and reference.read_bytes() == self.commit.encode():
                return
            reference.parent.mkdir(parents=True, exist_ok=True)
            reference.write_text(self.commit, "utf-8")


def cached(wanted: HubModel, access: Access, needed: Sequence[str]) -> Path | None:
    """Return the folder in the cache that has all needed files of a revision, or None. The network is not asked.

    Raises:
        MissingExtra: huggingface_hub is not installed.
    """
    library = library_for(str(wanted))
    found = [
        library.try_to_load_from_cache(wanted.repo, name, cache_dir=access.cache, revision=wanted.revision)
        for name in needed
    ]
    folders = {Path(path).parent for path in found if isinstance(path, str)}
    whole = len(folders) == 1 and all(isinstance(path, str) for path in found)
    return folders.pop() if whole else None


def _hash(commit: object) -> str:
    if not isinstance(commit, str) or not HubModel("", commit).is_commit:
        raise ValueError(f"a commit's hash must be 40 hexadecimal digits; got {commit!r:.80}")
    return commit


def _bounded(library: ModuleType, where: str, limit: int) -> dict[str, Any]:
    """Return the option that ends a download after so many bytes; none for a library before 1.0, which trusts what it listed."""
    known = inspect.signature(library.hf_hub_download).parameters
    return {"tqdm_class": _bounded_bar(library, where, limit)} if "tqdm_class" in known else {}


def _bounded_bar(library: ModuleType, where: str, limit: int) -> Any:
    """Return a progress bar that ends a download after so many bytes, whatever the server sends; it shows on terminals only."""

    class Bounded(library.utils.tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.taken = 0
            super().__init__(*arguments, **{**options, "disable": not sys.stderr.isatty()})

        def update(self, n: float | None = 1) -> Any:
            self.taken += n or 0
            if self.taken > limit:
                raise ModelError(
                    f"{where}: must be the {limit:,} bytes that the Hub lists; got more; the rest was not fetched"
                )
            return super().update(n)

    return Bounded
