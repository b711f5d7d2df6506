"""Clients of stores: which one an address gets, and what is said when it fails.

They are fsspec's, but ``s3`` is pyarrow's own, and so are ``gs`` and ``hdfs`` where fsspec's is not installed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Generator
from typing import Any, cast

from peephole.errors import BackendUnavailable, MissingExtra, OptionError, PeepholeError, require

_ARROW = ("s3", "gs", "gcs", "hdfs", "viewfs")
_BUCKETS = ("s3", "gs", "gcs")
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub"}
_PATIENCE = 20  # seconds that Google's client tries again; its own 15 minutes look like a program that hangs

# What stores say, and what it means; the words of S3's clients, which others share.
_NO_BUCKET = ("NO_SUCH_BUCKET", "NoSuchBucket", "bucket does not exist", "Bucket '")
_REFUSED = (
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "InvalidAccessKeyId",
    "Forbidden",
)
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of ~/.aws, or of the machine's role",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, of gcloud, or of the machine's account",
    "hf": "HF_TOKEN, or of `hf auth login`",
}
_SAID = 300  # characters of a client's words


@contextlib.contextmanager
def answering(path: str) -> Generator[None, None, None]:
    """Say in plain words why a store does not do what is asked of it; that something is not there is no failure.

    Args:
        path: what it is asked for.

    Raises:
        BackendUnavailable: it cannot be reached, or refuses.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, PeepholeError):
        raise
    # Clients raise OSError, or whatever their libraries of HTTP and of credentials raise: there is no common base.
    except Exception as error:
        scheme, _, rest = path.partition("://")
        said = str(error).strip().partition("\n")[0]
        said = said if len(said) <= _SAID else f"{said[:_SAID].rpartition(' ')[0]} …"
        own = "; AWS_ENDPOINT_URL names another store than Amazon's" if scheme == "s3" else ""
        if any(words in said for words in _NO_BUCKET):
            raise BackendUnavailable(
                f"{path}: there is no bucket {rest.partition('/')[0]!r} in this store",
                hint=f"make it first, or mend its name{own}",
            ) from error
        if isinstance(error, PermissionError) or any(words in said for words in _REFUSED):
            raise BackendUnavailable(
                f"{path}: the store refuses access: {said}",
                hint=f"its client takes the credentials of {_CREDENTIALS.get(scheme, 'the environment')}",
            ) from error
        raise BackendUnavailable(
            f"{path}: the store does not do what is asked: {said}",
            hint=f"check the network and the credentials{own}",
        ) from error


def client_of(scheme: str, place: str) -> Any:
    """Return the client of a store, as fsspec has them; the same one each time.

    Args:
        scheme: what stands before ``://`` in an address.
        place: what stands between it and the next ``/``: a bucket, or a host.

    Raises:
        MissingExtra: the package of that store is not installed; the message names it.
        OptionError: there is no such kind of store, or nothing can have that name.
    """
    return _client(scheme, place if scheme in _ARROW else "")


@functools.cache
def _client(scheme: str, place: str) -> Any:
    fsspec = require("fsspec", extra="remote", purpose=f"reading and writing {scheme}://")
    if scheme == "s3" and importlib.util.find_spec("pyarrow") is not None:
        return _by_arrow(scheme, place)
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        if scheme in _ARROW:
            return _by_arrow(scheme, place)
        package = _PACKAGES.get(scheme)
        raise MissingExtra(
            f"{scheme}:// needs a package that is not installed: {package or error}",
            hint=f"pip install {package}" if package else None,
        ) from error
    except ValueError as error:
        raise OptionError(
            f"{scheme}://: no store is known by that name", hint="for example s3://, gs://, hf:// or file://"
        ) from error


def _by_arrow(scheme: str, place: str) -> Any:
    """Return pyarrow's own client, which finds endpoint, region and credentials by itself."""
    purpose = f"reading and writing {scheme}://"
    arrow = cast("Any", require("fsspec.implementations.arrow", extra="remote", purpose=purpose))
    files = cast("Any", require("pyarrow.fs", extra="remote", purpose=purpose))
    address = f"{scheme}://{place or 'default'}/"
    if scheme in ("gs", "gcs"):
        address = f"gs://{place}/?retry_limit_seconds={_PATIENCE}"
    try:
        made, _ = files.FileSystem.from_uri(address)
    except NotImplementedError as error:
        raise MissingExtra(
            f"{scheme}:// needs a package that is not installed: this pyarrow has no client for it",
            hint=f"pip install {_PACKAGES.get(scheme, 'pyarrow')}",
        ) from error
    except ValueError as error:
        raise OptionError(
            f"{scheme}://{place}: no name of a bucket or host: {str(error).partition(chr(10))[0]}"
        ) from error
    return (_with_whole_names(arrow.ArrowFSWrapper) if scheme in _BUCKETS else arrow.ArrowFSWrapper)(made)


@functools.cache
def _with_whole_names(wrapper: type[Any]) -> type[Any]:
    """Return a wrapper that takes names as they are: fsspec's ends them where an address of the web has its query."""

    class WholeNames(wrapper):
        @classmethod
        def _strip_protocol(cls, path: Any) -> Any:
            if isinstance(path, list):
                return [cls._strip_protocol(one) for one in cast("list[str]", path)]
            return str(path).rpartition("://")[2].rstrip("/")

    return WholeNames
