r"""Physical lines with their numbers and byte offsets, and the plain-lines format.

A line ends at ``\n`` and nowhere else: real reviews contain U+0085 and U+2028, which `str.splitlines` takes for
line ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from peephole.reading.columns import Request, refuse_columns
from peephole.reading.compression import reading_errors, refuse_foreign
from peephole.reading.records import Fault, Item, Layout, Problem, Row, Unreadable, problem_at

MAX_RECORD_BYTES = 100_000_000  # no record is longer; what a stream may hold at a time hangs on it
_DISCARD = 1 << 20  # bytes read at a time from a line that is too long
_BOM = b"\xef\xbb\xbf"
_UTF8_HINT = "save the file as UTF-8 (for example: iconv -f WINDOWS-1252 -t UTF-8)"


class Line(NamedTuple):
    """One physical line.

    Args:
        number: counted from 1.
        offset: of its first byte from the start of the (uncompressed) file.
        raw: its bytes with the line end, or None if there are more than `MAX_RECORD_BYTES`.
    """

    number: int
    offset: int
    raw: bytes | None


def read_lines(stream: BinaryIO, name: str) -> Iterator[Line]:
    r"""Yield the lines of `stream`, split at ``\n`` only; a UTF-8 byte-order mark is left out.

    Raises:
        Unreadable: the stream breaks (a truncated gzip), or holds no UTF-8 text to begin with.
    """
    number = offset = 0
    with reading_errors(name):
        while raw := stream.readline(MAX_RECORD_BYTES + 1):
            number += 1
            start = offset
            offset += len(raw)
            if number == 1:
                refuse_foreign(raw[:8], name)
                if raw.startswith(_BOM):
                    raw, start = raw[len(_BOM) :], len(_BOM)
                    if not raw:
                        return
            if len(raw) > MAX_RECORD_BYTES:
                while not raw.endswith(b"\n") and (raw := stream.readline(_DISCARD)):
                    offset += len(raw)
                yield Line(number, start, None)
            else:
                yield Line(number, start, raw)


def decode(line: Line) -> tuple[str, Fault | None]:
    """Decode a line from UTF-8, and say what its first bad byte is.

    A bad byte stands in the text as a surrogate and a NUL as U+FFFD, so that the text can still be parsed; a
    text with a fault must not be used.
    """
    assert line.raw is not None
    fault = None
    text = ""
    try:
        text = line.raw.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = line.raw[error.start]
        fault = Fault(
            f"bad byte 0x{byte:02X}: not UTF-8 ({error.reason})",
            "bad byte",
            line.offset + error.start,
            _UTF8_HINT,
        )
        text = line.raw.decode("utf-8", errors="surrogateescape")
    nul = line.raw.find(b"\0")
    if nul >= 0:
        text = text.replace("\0", "\ufffd")
        if fault is None or fault.byte is None or line.offset + nul < fault.byte:
            fault = Fault(
                "bad byte 0x00: a NUL is not text", "bad byte", line.offset + nul, "remove the NUL bytes"
            )
    return text, fault


def too_long(line: Line) -> Fault:
    """The fault of a line, or of a record that begins on it, that exceeds the bound."""
    return Fault(
        f"longer than {MAX_RECORD_BYTES:,} bytes (line {line.number})",
        "record too long",
        hint="look for a quote that is never closed, or for other line ends than \\n",
    )


def read_plain(stream: BinaryIO, name: str, request: Request) -> Iterator[Item]:
    r"""Yield one row for each line of a plain text; the line end (``\n`` or ``\r\n``) is no part of the text."""
    refused = refuse_columns(name, "plain lines", request)
    if request.labels == "required":
        refused.append(
            Problem(
                name,
                "plain lines have no labels, which are needed here",
                "missing label",
                "give a table, or read it as one with --format csv, tsv, jsonl or parquet",
                skippable=False,
            )
        )
    if refused:
        yield from refused
        return
    layout = Layout("text")
    line = None
    for line in read_lines(stream, name):
        place = f"{name}, line {line.number}"
        if line.raw is None:
            yield problem_at(place, too_long(line))
            continue
        text, fault = decode(line)
        if fault is not None:
            yield problem_at(place, fault)
        else:
            yield Row(place, layout, {"text": text.removesuffix("\n").removesuffix("\r")})
    if line is None:
        raise Unreadable(name, "empty: it holds no text at all", "empty file")


def read_whole(stream: BinaryIO, name: str) -> Line:
    """Read a whole file as if it were one line, a UTF-8 byte-order mark left out.

    Raises:
        Unreadable: as `read_lines`.
    """
    with reading_errors(name):
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        return Line(1, 0, None)
    refuse_foreign(raw[:8], name)
    start = len(_BOM) if raw.startswith(_BOM) else 0
    return Line(1, start, raw[start:])
