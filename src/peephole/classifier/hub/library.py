"""`huggingface_hub`, imported when it is needed, and what it raises in this package's own words."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import peephole
from peephole.classifier.hub.names import HubModel
from peephole.errors import MissingExtra, ModelError, PeepholeError, require
from peephole.files import nearest_path

TIMEOUT = 10.0  # seconds to wait for an answer about a repository


class Unreachable(Exception):
    """The Hub gave no answer.

    Args:
        why: the reason, for messages.
        wanted: whether that is what was asked for.
    """

    def __init__(self, why: str, *, wanted: bool = False) -> None:
        super().__init__(why)
        self.wanted = wanted


def hub_library(purpose: str) -> ModuleType:
    """Import `huggingface_hub`.

    Args:
        purpose: what for, for the message.

    Raises:
        MissingExtra: it is not installed.
    """
    for part in (
        "constants",
        "errors",
        "utils",
    ):  # its names are loaded when they are used, its modules are not
        require(f"huggingface_hub.{part}", extra="hub", purpose=purpose)
    return require("huggingface_hub", extra="hub", purpose=purpose)


def library_for(name: str) -> ModuleType:
    """Import `huggingface_hub` to fetch a model, which may also have been meant as a folder that is not there.

    Raises:
        MissingExtra: it is not installed; the message says both.
    """
    try:
        beside = nearest_path(name.partition("@")[0], folders=True)
        return hub_library(
            f"{name}: no such model folder{beside}, and fetching a model of that name from the Hugging Face Hub"
        )
    except MissingExtra as error:
        raise MissingExtra(error.message, hint=f"check the path, or {error.hint}") from error


def make_api(library: ModuleType, token: str | bool | None) -> Any:
    """Return a client of the Hub, or of the server that ``HF_ENDPOINT`` names.

    Args:
        library: `huggingface_hub`.
        token: an access token; None: the one of ``HF_TOKEN`` or ``hf auth login``; False: none.
    """
    return library.HfApi(
        endpoint=library.constants.ENDPOINT,
        token=token,
        library_name="peephole",
        library_version=peephole.__version__,
    )


@contextmanager
def asking(library: ModuleType, wanted: HubModel, where: str, missing: str) -> Generator[None, None, None]:
    """Say in a `ModelError` what goes wrong while the Hub is asked.

    Args:
        library: `huggingface_hub`.
        wanted: the model.
        where: how its message begins.
        missing: what there is none of, where the repository is missing.

    Raises:
        ModelError: the repository, its revision or the permission is missing, or the answer makes no sense.
        Unreachable: there was no answer.
    """
    errors, endpoint = library.errors, library.constants.ENDPOINT
    try:
        yield
    except PeepholeError:
        raise
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{where}: its owner lets in only those who asked, and who say who they are",
            hint=f"ask at {endpoint}/{wanted.repo}, then hf auth login",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"{where}: {missing} ({endpoint})", hint="check the name; for a private one, hf auth login first"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"{where}: {endpoint}/{wanted.repo} has no revision {wanted.revision!r}",
            hint=f"its branches and tags are listed at {endpoint}/{wanted.repo}/tree/main",
        ) from error
    except errors.LocalTokenNotFoundError as error:
        raise ModelError(f"{where}: a token is asked for, and there is none", hint="hf auth login") from error
    except errors.OfflineModeIsEnabled as error:
        raise Unreachable("HF_HUB_OFFLINE is set", wanted=True) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise ModelError(
                f"{where}: {endpoint} knows of no right to do this: status {status}",
                hint="hf auth login, with a token that may; HF_TOKEN wins over it",
            ) from error
        if status is not None and status < 500 and status not in (408, 429):
            raise ModelError(
                f"{where}: {endpoint} refused, with status {status}: {_first_line(error)}"
            ) from error
        raise Unreachable(_first_line(error)) from error
    except (OSError, *_transport_errors()) as error:
        raise Unreachable(_first_line(error)) from error
    except RuntimeError as error:  # a file that could not be sent; its cause says why
        raise Unreachable(f"{_first_line(error)} {_first_line(error.__cause__ or error)}") from error
    except (ValueError, TypeError, KeyError) as error:  # an answer that is no JSON, or lacks a field
        raise ModelError(f"{where}: the answer of {endpoint} makes no sense: {_first_line(error)}") from error


def _transport_errors() -> tuple[type[Exception], ...]:
    """Return the base errors of the HTTP library that `huggingface_hub` brought: which one depends on its version."""
    loaded = [importlib.import_module(name) for name in ("httpx", "httpx2") if name in sys.modules]
    return tuple(module.HTTPError for module in loaded)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    shown = "".join(char if char.isprintable() else " " for char in (lines or [type(error).__name__])[0])
    return shown[:300]
