"""`Tokenizer`: texts → ids, and back to places in the text."""

from __future__ import annotations

import bisect
import functools
import itertools
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import models, trainers

from peephole.classifier.forks import stay_quiet_in_forks
from peephole.classifier.pieces import Piece, Word
from peephole.classifier.pipeline import SPECIAL, Kind, byte_alphabet, unfinished
from peephole.classifier.stages import MAX_VOCABULARY
from peephole.classifier.texts import checked, chunks, groups
from peephole.classifier.tokenizer_file import MAX_TOKEN_CHARACTERS, TokenizerFile, read_tokenizer_file
from peephole.errors import DataError, OptionError, check_choice

Ids = npt.NDArray[np.int32]


class Tokenizer:
    """Cuts texts into tokens of a fixed vocabulary. Immutable; may be used by several threads at once.

    Ids 0, 1 and 2 are ``[PAD]``, ``[UNK]`` and ``[BOS]``. The first and the last are never produced from a text, however it is
    spelt; ``[UNK]`` only by word tokenizers.

    Args:
        content: the vocabulary and how texts are cut; usually from `train` or `from_json`.
        data: the bytes that it was read from, if any.

    Example:
        >>> tokenizer = Tokenizer.train(["a good film", "a bad film"], vocabulary=270)
        >>> tokenizer.encode("A good<br />FILM").tolist() == tokenizer.encode("a good film").tolist()
        True
        >>> [piece.text for piece in Tokenizer.train(["it's good"] * 2, kind="word").pieces("It's GOOD")]
        ['It', "'s", 'GOOD']
    """

    def __init__(self, content: TokenizerFile, data: bytes | None = None) -> None:
        self.kind: Kind = content.kind
        self.lowercase = content.lowercase
        self.vocabulary_size = len(content.vocabulary)
        self._json = data or content.dumps()
        self._encoder = tokenizers.Tokenizer.from_str(json.dumps(unfinished(content.kind, content.lowercase)))
        if content.kind == "bpe":
            self._encoder.model = models.BPE(vocab=content.vocabulary, merges=content.merges)
        else:
            self._encoder.model = models.WordLevel(vocab=content.vocabulary, unk_token=SPECIAL[1])

    @staticmethod
    def train(
        texts: Iterable[str],
        *,
        kind: Literal["bpe", "word"] = "bpe",
        vocabulary: int = 16_000,
        lowercase: bool = True,
        min_frequency: int = 2,
    ) -> Tokenizer:
        """Learn a vocabulary from texts, read once and in order; the same texts give the same tokenizer, byte for byte.

        Args:
            texts: any iterable; only these are learnt from.
            kind: ``"bpe"``: byte-level byte-pair encoding, which has tokens for every text; ``"word"``: the most frequent
                words, contractions and punctuation marks, all others being unknown.
            vocabulary: the most tokens to learn, special ones and the 256 bytes included; in [259, 100,000] for bytes and
                in [4, 100,000] for words. Short corpora give fewer.
            lowercase: whether to lower case.
            min_frequency: how often a pair or a word must occur, in [1, 1,000,000].

        Raises:
            OptionError: an option is out of range.
            TextTypeError: one of the texts is no `str`.
            DataError: there is no text.
        """
        where = "Tokenizer.train"
        check_choice(where, "kind", kind, ("bpe", "word"))
        least = len(SPECIAL) + (len(byte_alphabet()) if kind == "bpe" else 1)
        if not least <= vocabulary <= MAX_VOCABULARY:
            raise OptionError(
                f"{where}: vocabulary must be from {least} to {MAX_VOCABULARY:,} tokens for kind={kind!r}; got {vocabulary:,}"
            )
        if not 1 <= min_frequency <= 1_000_000:
            raise OptionError(f"{where}: min_frequency must be from 1 to 1,000,000; got {min_frequency}")
        learner = tokenizers.Tokenizer.from_str(json.dumps(unfinished(kind, lowercase)))
        count = 0

        def parts() -> Iterator[str]:
            nonlocal count
            for count, text in enumerate(texts, 1):
                yield from (chunk for _, chunk in chunks(checked(text, f"{where}: texts[{count - 1}]")))

        stay_quiet_in_forks()
        learner.train_from_iterator(parts(), _trainer(kind, vocabulary, min_frequency))
        if count == 0:
            raise DataError(f"{where}: needs at least one text; got none")
        model = json.loads(learner.to_str())["model"]
        # Words longer than a real word's length are left out, so that a file's size is bounded by its vocabulary.
        tokens = [
            token
            for token in sorted(model["vocab"], key=model["vocab"].get)
            if len(token) <= MAX_TOKEN_CHARACTERS
        ]
        merges = [(left, right) for left, right in model.get("merges", [])]
        return Tokenizer(TokenizerFile(kind, lowercase, {token: n for n, token in enumerate(tokens)}, merges))

    @staticmethod
    def from_json(
        data: bytes | str, *, where: str = "tokenizer.json", vocabulary: int | None = None
    ) -> Tokenizer:
        """Return the tokenizer that the content of a `tokenizer.json` describes; the content is not trusted.

        Args:
            data: the content.
            where: the file, for messages.
            vocabulary: the number of tokens that it must have; None for any.

        Raises:
            ModelError: it is not a file that Peephole wrote, or of another size; every problem is listed.
        """
        content = data.encode(errors="surrogatepass") if isinstance(data, str) else data
        return Tokenizer(read_tokenizer_file(content, where, vocabulary), content)

    def to_json(self) -> str:
        """Return the content of `tokenizer.json`, which the tokenizers library reads too."""
        return self._json.decode()

    def encode(self, text: str) -> Ids:
        """Return the ids `[T]` of one text; an empty or blank text has none."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str], *, where: str = "texts") -> list[Ids]:
        """Return the ids of each text, `[T_n]` int32, in order.

        Args:
            texts: any texts: of any script, empty, a million characters long, with lone surrogates (read as U+FFFD).
            where: what the texts are, for messages.

        Raises:
            TextTypeError: one of them is no `str`; the message says which.
        """
        stay_quiet_in_forks()
        parts: list[str] = []
        ends: list[int] = []
        for index, text in enumerate(texts):
            parts += [chunk for _, chunk in chunks(checked(text, f"{where}[{index}]"))]
            ends.append(len(parts))
        encoded = [ids for group in groups(parts) for ids in self._encode_group(group)]
        return [
            encoded[start] if stop == start + 1 else np.concatenate(encoded[start:stop])
            for start, stop in itertools.pairwise([0, *ends])
        ]

    def pieces(self, text: str) -> list[Piece]:
        """Return the tokens of `text` with their places in it, in the order of `encode`."""
        return self.cut(text)[0]

    def words(self, text: str) -> list[Word]:
        """Return the words of `text`, each with the range of its tokens; together they cover every token once."""
        return self.cut(text)[1]

    def cut(self, text: str) -> tuple[list[Piece], list[Word]]:
        """Return the tokens and the words of `text`."""
        pieces: list[Piece] = []
        words: list[Word] = []
        previous: object = None
        for position, (token, start, stop, word) in enumerate(self._located(text)):
            pieces.append(Piece(int(token), text[start:stop], start, stop))
            if word == previous:
                last = words[-1]
                stop = max(last.stop, stop)
                words[-1] = Word(text[last.start : stop], last.start, stop, last.first, position + 1)
            else:
                words.append(Word(text[start:stop], start, stop, position, position + 1))
            previous = word
        return pieces, words

    @functools.cached_property
    def tokens(self) -> tuple[str, ...]:
        """`[V]` the spelling of each token in `tokenizer.json`."""
        vocabulary = self._encoder.get_vocab()
        return tuple(sorted(vocabulary, key=vocabulary.__getitem__))

    @functools.cached_property
    def token_texts(self) -> tuple[str, ...]:
        """`[V]` what each token stands for: bytes as text (with the space in front), words and special ones as they are."""
        if self.kind == "word":
            return self.tokens
        byte = byte_alphabet()
        spelt = [bytes(byte[letter] for letter in token) for token in self.tokens[len(SPECIAL) :]]
        return SPECIAL + tuple(token.decode("utf-8", "replace") for token in spelt)

    def _located(self, text: str) -> list[tuple[int, int, int, tuple[int, int]]]:
        """`(id, start, stop, word)` of each token: offsets in `text`, and what is equal for tokens of one word."""
        stay_quiet_in_forks()
        found: list[tuple[int, int, int, tuple[int, int]]] = []
        for offset, chunk in chunks(checked(text, "text")):
            encoding = self._encoder.encode_batch([chunk])[0]
            starts = [start for start, _ in encoding.offsets]
            for token, (start, stop), word in zip(
                encoding.ids, encoding.offsets, encoding.word_ids, strict=True
            ):
                while start < stop - 1 and chunk[start].isspace():
                    start += 1
                # Composing leaves the marks of a decomposed letter outside its token, and in no other.
                later = bisect.bisect_left(starts, stop)
                limit = starts[later] if later < len(starts) else len(chunk)
                while 0 < stop < limit and unicodedata.combining(chunk[stop]):
                    stop += 1
                found.append((token, offset + start, offset + stop, (offset, word or 0)))
        return found

    def _encode_group(self, group: list[str]) -> list[Ids]:
        return [np.array(encoding.ids, np.int32) for encoding in self._encoder.encode_batch_fast(group)]

    def __reduce__(self) -> tuple[Any, ...]:
        return Tokenizer.from_json, (self._json,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self._json == other._json

    def __hash__(self) -> int:
        return hash(self._json)

    def __repr__(self) -> str:
        return f"Tokenizer(kind={self.kind!r}, lowercase={self.lowercase}, vocabulary_size={self.vocabulary_size})"


def _trainer(kind: Kind, vocabulary: int, min_frequency: int) -> Any:
    shared: dict[str, Any] = {
        "vocab_size": vocabulary,
        "min_frequency": min_frequency,
        "show_progress": False,
        "special_tokens": list(SPECIAL),
    }
    if kind == "word":
        return trainers.WordLevelTrainer(**shared)
    return trainers.BpeTrainer(
        **shared, initial_alphabet=sorted(byte_alphabet()), max_token_length=MAX_TOKEN_CHARACTERS
    )
