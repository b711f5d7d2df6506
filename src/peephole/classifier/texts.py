"""Taking texts from anywhere: what is no text, lone surrogates, texts of a million characters, endless iterables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from peephole.errors import DataError

# A chunk's tokens take a few hundred bytes each while the library holds them; this keeps them within some 30 MB.
CHUNK = 1 << 15

_GROUP_CHARACTERS = 1 << 18
_GROUP_CHUNKS = 4096
_BLOCK_CHARACTERS = 1 << 22

_HALF = re.compile(r"[\ud800-\udfff]")
# White space with no tag around it: a tag is closed by ">" before any other angle bracket, within 48 characters.
_SPACE = re.compile(r"[ \t\r\n](?![^<>]{0,48}>)")


class TextTypeError(DataError, TypeError):
    """Something that is no `str` stands where a text must stand."""


def checked(text: object, place: str) -> str:
    """Return `text`, well formed, or raise `TextTypeError` if it is no `str`."""
    if not isinstance(text, str):
        raise TextTypeError(
            f"{place}: must be a str; got {text!r:.60} ({type(text).__name__})",
            hint="leave missing texts out, or put an empty text in their place",
        )
    return well_formed(text)


def well_formed(text: str) -> str:
    r"""Return `text` with each lone surrogate, which UTF-8 cannot hold, replaced by U+FFFD: the same length.

    >>> well_formed("a\ud800b")
    'a�b'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return _HALF.sub("\ufffd", text)
    return text


def chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield `text` in pieces of at most 32,768 characters, each with its offset, cut at white space.

    The tokens of the pieces, one after the other, are those of the text, since the tokenizers cut there too. Only a text with no
    white space in 8,192 characters is cut elsewhere, and reads as if a space stood there.
    """
    start = 0
    while len(text) - start > CHUNK:
        stop = start + CHUNK
        window = stop - CHUNK // 4
        # Looks a tag's length further than it cuts, so as to see the end of a tag that begins before.
        cuts = [match.start() for match in _SPACE.finditer(text, window, stop + 64) if match.start() < stop]
        stop = cuts[-1] if cuts else stop
        yield start, text[start:stop]
        start = stop
    yield start, text[start:]


def groups(parts: Sequence[str]) -> Iterator[list[str]]:
    """Yield parts of texts in groups whose encodings fit in memory together."""
    group: list[str] = []
    size = 0
    for part in parts:
        if group and (size + len(part) > _GROUP_CHARACTERS or len(group) == _GROUP_CHUNKS):
            yield group
            group, size = [], 0
        group.append(part)
        size += len(part)
    if group:
        yield group


def blocks(texts: Iterable[str], where: str, size: int) -> Iterator[list[str]]:
    """Return an iterator of blocks of at most `size` texts and about four million characters.

    Raises:
        TextTypeError: `texts` is itself a text, whose characters would be taken for texts.
    """
    if isinstance(texts, (str, bytes)):
        raise TextTypeError(
            f"{where}: texts must be an iterable of str; got one {type(texts).__name__}",
            hint="pass a list: [text]",
        )
    return _read_blocks(iter(texts), where, size)


def _read_blocks(texts: Iterator[object], where: str, size: int) -> Iterator[list[str]]:
    first = 0
    while True:
        block: list[str] = []
        characters = 0
        for text in itertools.islice(texts, size):
            block.append(checked(text, f"{where}: texts[{first + len(block)}]"))
            characters += len(block[-1])
            if characters > _BLOCK_CHARACTERS:
                break
        if not block:
            return
        yield block
        first += len(block)
