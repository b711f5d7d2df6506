"""Taking texts from anywhere: what is no text, lone surrogates, texts of a million characters, endless iterables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from peephole.errors import TextTypeError as TextTypeError

# A chunk's tokens take a few hundred bytes each while the library holds them; this keeps them within some 30 MB.
CHUNK = 1 << 15

_GROUP_CHARACTERS = 1 << 18
_GROUP_CHUNKS = 4096
_BLOCK_CHARACTERS = 1 << 22

Item = TypeVar("Item")

_HALF = re.compile(r"[\ud800-\udfff]")
# White space with no tag around it: a tag is closed by ">" before any other angle bracket, within 48 characters.
_SPACE = re.compile(r"[ \t\r\n](?![^<>]{0,48}>)")


# White space as the tokenizers take it: not U+001C to U+001F and U+0085, but the five C1 controls that stand for nothing.
_BLANK = re.compile(r"(?:[^\S\x1c-\x1f\x85]|[\x81\x8d\x8f\x90\x9d])+")
# What a line break's tag may look like up to a place where it goes on after white space.
_OPEN_BREAK = re.compile(r"< ?/? ?(?:br(?: [^<>]{0,40})?/? ?)?", re.IGNORECASE)


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


def open_break(text: str) -> int:
    """Return where the last word begins that holds the start of a ``<br>`` tag with white space in it, unclosed so far.

    What stands before can be cut into tokens now, whatever follows; what stands from there on cannot.

    Returns:
        An offset in `text`; its length when no tag is open at its end.

    Example:
        >>> [open_break(text) for text in ("good<br />film", "a good<br", "a good<br class='x'", "a < b")]
        [14, 2, 2, 5]
    """
    mark = text.rfind("<")
    if mark < 0 or not _OPEN_BREAK.fullmatch(_BLANK.sub(" ", text[mark:])):
        return len(text)
    return max((match.end() for match in _BLANK.finditer(text, 0, mark)), default=0)


def blocks(texts: Iterable[str], where: str, size: int) -> Iterator[list[str]]:
    """Return an iterator of blocks of at most `size` texts and about four million characters.

    Raises:
        TextTypeError: `texts` is itself a text, whose characters would be taken for texts.
        DataError: `texts` is a data set, and which of its columns holds the texts is not known.
    """
    if isinstance(texts, (str, bytes)):
        raise TextTypeError(
            f"{where}: texts must be an iterable of str; got one {type(texts).__name__}",
            hint="pass a list: [text]",
        )
    if type(texts).__module__.startswith("datasets."):
        texts = _of_dataset(texts, where)
    return bounded((checked(text, f"{where}: texts[{n}]") for n, text in enumerate(texts)), size, len)


def _of_dataset(data: Any, where: str) -> Iterable[str]:
    """Return the texts of a `datasets.Dataset`; anything else of that library, such as a column, as it is."""
    from peephole.reading.dataset_rows import is_dataset, text_column_of

    if not is_dataset(data):
        return data
    column = text_column_of(data, where)
    return (row[column] for row in data.select_columns([column]))


def bounded(
    items: Iterable[Item], size: int, characters: Callable[[Item], int]
) -> Generator[list[Item], None, None]:
    """Yield items in blocks of at most `size`, each ending also once it holds more than about four million characters.

    Args:
        items: taken a block at a time, in order.
        size: the most items of a block, at least 1.
        characters: how many an item holds.
    """
    stream = iter(items)
    while True:
        block: list[Item] = []
        total = 0
        for item in itertools.islice(stream, size):
            block.append(item)
            total += characters(item)
            if total > _BLOCK_CHARACTERS:
                break
        if not block:
            return
        yield block
