"""Vectors of tokens from a file of word vectors, in the text format of GloVe and word2vec."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from peephole.errors import DataError, OptionError

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WordVectors:
    """What a file of word vectors gave.

    Args:
        vectors: a vector for every token `[V, E]`, float32; tokens that the file does not have are zero.
        found: whether the file has it, for every token `[V]`.
    """

    vectors: Floats
    found: NDArray[np.bool_]


def read_word_vectors(path: Path, words: Sequence[str | None], width: int, *, lowercase: bool) -> WordVectors:
    r"""Read the vectors of some words; of the file, no more than a line is held at a time.

    A line is a word and its numbers, separated by spaces; the first line may be word2vec's header, the number of
    words and of features. A word that stands in the file more than once has its first vector, since these files
    begin with the commonest words.

    Args:
        path: the file, UTF-8; gzip if its name ends in ``.gz``.
        words: the word that each token stands for `[V]`, None for a token that is not a word of its own.
        width: features E that the vectors must have.
        lowercase: fold the file's words, as the tokenizer folds the texts.

    Raises:
        OptionError: the file cannot be opened.
        DataError: a line has another number of features or something that is not a number; the first places are named.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "vectors.txt")
        ...     _ = path.write_text("Good 1 2\nbad 3 4\n")
        ...     read_word_vectors(path, ["good", None, "fine"], 2, lowercase=True).vectors.tolist()
        [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]
    """
    tokens: dict[str, list[int]] = {}
    for index, word in enumerate(words):
        if word is not None:
            tokens.setdefault(word, []).append(index)
    vectors = np.zeros((len(words), width), dtype=np.float32)
    found = np.zeros(len(words), dtype=np.bool_)
    problems: list[tuple[str, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        fields = line.rstrip().split(" ")
        if number == 1 and len(fields) == 2:
            if not fields[1].isdecimal() or int(fields[1]) != width:
                problems.append(
                    (f"{path}, line 1", f"must have {width} features; the header says {fields[1][:20]!r}")
                )
                break
            continue
        if len(fields) <= width:
            problems.append(
                (f"{path}, line {number}", f"must have a word and {width} numbers; got {len(fields) - 1}")
            )
            if len(problems) == DataError.shown:
                break
            continue
        # GloVe's largest files have words with spaces in them, so the numbers are counted from the end.
        word = " ".join(fields[:-width])
        wanted = tokens.get(word.lower() if lowercase else word, [])
        if not wanted or found[wanted[0]]:
            continue
        try:
            vector = np.array(fields[-width:], dtype=np.float32)
        except ValueError:
            vector = np.full(width, np.nan, dtype=np.float32)
        if not np.isfinite(vector).all():
            problems.append((f"{path}, line {number}", f"must have {width} finite numbers after the word"))
            continue
        vectors[wanted] = vector
        found[wanted] = True
    if problems:
        raise DataError(
            "word vectors: the file cannot be used",
            problems=problems,
            hint=f"the recipe's embedding must be the number of features in the file; it is {width}",
        )
    return WordVectors(vectors, found)


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for line in cast("BinaryIO", file):
                yield line.decode("utf-8", "replace")
    except (OSError, EOFError) as error:
        raise OptionError(f"word vectors: {path} cannot be read; {error}") from error
