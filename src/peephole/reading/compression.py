"""Bytes of a file or of standard input, unpacked if they are gzip, with damage told in plain words."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Generator
from typing import BinaryIO, cast

from peephole.reading.records import Unreadable

_GZIP = b"\x1f\x8b"

# Files that are not text at all: the first bytes, what they are, and what to do.
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "save it as CSV in UTF-8"),
    (b"PAR1", "a Parquet file", "read it with --format parquet"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it with xz -d"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with zstd -d"),
    (b"%PDF-", "a PDF", "save its texts as CSV or plain text"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8 (for example: iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8 (for example: iconv -f UTF-16 -t UTF-8)"),
)


@contextlib.contextmanager
def open_bytes(
    path: str, name: str, opener: Callable[[str], io.BufferedReader] | None = None
) -> Generator[BinaryIO, None, None]:
    """Open a file, unpacking gzip as it is read.

    Whether it is gzip is told by its first bytes; a name that ends in ``.gz`` promises that it is.

    Args:
        path: the file; a pipe will do, it is opened once and read forwards.
        name: what messages call it.
        opener: opens a path; None: as a file of this machine.

    Raises:
        Unreadable: it cannot be opened, or is named .gz and is not gzip.
    """
    with reading_errors(name):
        file = open(path, "rb") if opener is None else opener(path)  # noqa: SIM115, PTH123  closed by the `with` below
    with file:
        with reading_errors(name):
            packed = _is_gzip(file)
            empty = not file.peek(1)
        if packed:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield cast("BinaryIO", unpacked)
        elif unpacked_name(path) != path and not empty:
            raise Unreadable(
                name, "named .gz, but its bytes are not gzip", "damaged gzip", "rename or pack it"
            )
        else:
            yield file


def unpacked_name(path: str) -> str:
    """Return a path without its ending ``.gz``, in upper or lower case, if it has one.

    Example:
        >>> [unpacked_name(path) for path in ("a.csv.gz", "A.CSV.GZ", "a.csv")]
        ['a.csv', 'A.CSV', 'a.csv']
    """
    return path[:-3] if path[-3:].lower() == ".gz" else path


@contextlib.contextmanager
def open_stdin(name: str) -> Generator[BinaryIO, None, None]:
    """Open the bytes of standard input, unpacking gzip as it is read; leaves standard input open.

    Raises:
        Unreadable: the process has no standard input.
    """
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise Unreadable(name, "this process has no standard input in bytes", "cannot be opened")
    # Standing-in streams (of test runners, of notebooks) need not have `peek`.
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)
    try:
        with reading_errors(name):
            packed = _is_gzip(buffered)
        if packed:
            yield cast("BinaryIO", gzip.GzipFile(fileobj=buffered, mode="rb"))
        else:
            yield buffered
    finally:
        if buffered is not stream:
            buffered.detach()


@contextlib.contextmanager
def reading_errors(name: str) -> Generator[None, None, None]:
    """Translate what opening and reading a file may raise into `Unreadable`."""
    try:
        yield
    except EOFError as error:
        raise Unreadable(
            name,
            "the gzip data end before their end mark: the file is cut off",
            "truncated gzip",
            "fetch or pack the file again",
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable(
            name, f"damaged gzip data: {error}", "damaged gzip", "fetch or pack the file again"
        ) from error
    except OSError as error:
        raise Unreadable(
            name,
            f"cannot be read: {error.strerror or error}",
            "cannot be opened",
            "check its name and rights",
        ) from error


def refuse_foreign(start: bytes, name: str) -> None:
    """Raise `Unreadable` if a file's first bytes (8 are enough) say that it is not UTF-8 text."""
    for magic, what, hint in _FOREIGN:
        if start.startswith(magic):
            raise Unreadable(name, f"the file is {what}, not UTF-8 text", "not a text file", hint)


def _is_gzip(stream: io.BufferedReader) -> bool:
    start = stream.peek(2)[:2]
    # A pipe may give its first byte alone; no text begins with the control character 0x1F.
    return start == _GZIP or start == _GZIP[:1]
