"""The tokenizer: every text has tokens, the same texts give the same file, and offsets lead back into the text."""

from __future__ import annotations

import csv
import functools
import gzip
import itertools
import json
import os
import pickle
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import tokenizers
from hypothesis import strategies as st

from peephole.classifier import TextTypeError, Tokenizer
from peephole.classifier.pipeline import byte_alphabet
from peephole.errors import DataError, OptionError
from support.small_models import TEXTS, small_tokenizer

KINDS: list[Any] = ["bpe", "word"]
HOSTILE = {
    "empty": "",
    "blank": " \t\n\u3000 ",
    "nul": "a\0b",
    "one emoji": "👍🏽",
    "right to left": "\u202eabc \u200fשלום עולם",
    "lone surrogates": "good \ud800 film \udfff",
    "devanagari": "यह फिल्म अच्छी है",
    "all controls": "".join(map(chr, range(0xA0))),
    "private": "\ue000\U0010ffff\ufffe",
    "a": "a" * 1_000_000,
    "spaces": " " * 1_000_000,
    "open tags": "<" * 200_000,
    "open tags and spaces": ("<" + " " * 1000) * 200,
    "half breaks": "< br " * 40_000,
    "marks": "e" + "\u0301" * 200_000,
    "contractions": "n't'" * 50_000,
    "emoji": "😀" * 100_000,
}

tokenizer_once = functools.cache(small_tokenizer)


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return tokenizer_once(request.param)


def spelt(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.token_texts[i] for i in tokenizer.encode(text)]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_has_an_answer(tokenizer: Tokenizer, name: str):
    ids = tokenizer.encode(HOSTILE[name])
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert not len(ids) or 0 < ids.min() <= ids.max() < tokenizer.vocabulary_size
    assert 2 not in ids
    if tokenizer.kind == "bpe":
        assert 1 not in ids  # every byte has a token
    assert (len(ids) == 0) == (name in ("empty", "blank", "spaces"))


def normalised(text: str) -> str:
    """The rules of the pipeline, written again with Python's own means."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    for code in range(0x80, 0xA0):
        text = text.replace(chr(code), bytes([code]).decode("cp1252", "replace").replace("\ufffd", " "))
    text = re.sub("[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+", " ", text)
    text = re.sub("(?i) ?(< ?/? ?br ?/? ?> ?)+", " ", text)
    text = unicodedata.normalize("NFC", re.sub("[‘’ʼ＇]", "'", text))
    text = "".join(letter.lower() for letter in text).strip(" ")
    return text and " " + text


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(
    st.lists(
        st.sampled_from(
            [
                "<br />",
                "<BR>",
                "< / br>",
                "\x85",
                "\x92",
                "don’t",
                "\ud800",
                "e\u0301",
                "İ",
                " ",
                "[PAD]",
                "\x81",
            ]
        )
        | st.characters(max_codepoint=0x2FF)
        | st.characters(min_codepoint=0x370, max_codepoint=0x1FFF, categories=["L", "N", "P"]),
        max_size=20,
    ).map("".join)
)
def test_the_tokens_spell_the_normalised_text(text: str):
    tokenizer = tokenizer_once("bpe")
    letters = byte_alphabet()
    got = bytes(letters[letter] for i in tokenizer.encode(text) for letter in tokenizer.tokens[i]).decode()
    assert got == normalised(text)


def test_real_texts_spell_their_normalised_text(data_folder: Path):
    csv.field_size_limit(1 << 30)
    texts: list[str] = []
    for name in ("imdb_train.csv.gz", "semeval_tweets.csv.gz"):
        with gzip.open(data_folder / name, "rt", newline="", encoding="utf-8") as file:
            texts += [row["text"] for row in itertools.islice(csv.DictReader(file), 1500)]
    assert sum("\x85" in text for text in texts) > 10
    assert sum("<br" in text for text in texts) > 500
    tokenizer = Tokenizer.train(texts[:500], vocabulary=4000)
    letters = byte_alphabet()
    for text, ids in zip(texts, tokenizer.encode_batch(texts), strict=True):
        assert bytes(letters[letter] for i in ids for letter in tokenizer.tokens[i]).decode() == normalised(
            text
        )
        assert 1.5 < len(text) / len(ids) < 12  # characters per token


def test_normalisation_by_example():
    word = Tokenizer.train(["a great film … wait 'tis €"] * 2, kind="word")
    for given, tokens in {
        "great<br /><br />film": ["great", "film"],
        "great<BR>film": ["great", "film"],
        "great< br/ >film": ["great", "film"],
        "great</br>film": ["great", "film"],
        'great<br clear="all" />film': ["great", "film"],
        "wait\x85 wait": ["wait", "…", "wait"],  # U+0085 is white space to Python and to regular expressions
        "\x80": ["€"],
        "great\x81film": ["great", "film"],
        "‘tis ’tis ʼtis ＇tis": ["'", "tis"] * 4,
        "<brian>": ["[UNK]", "[UNK]", "[UNK]"],
    }.items():
        assert spelt(word, given) == tokens, given


def test_words_keep_contractions_and_punctuation():
    text = "It's GOOD, isn't it? I can't; they’ll... 3.5/10 café"
    tokenizer = Tokenizer.train([text] * 2, kind="word")
    assert " ".join(spelt(tokenizer, text)) == (
        "it 's good , is n't it ? i ca n't ; they 'll . . . 3 . 5 / 10 café"
    )


def test_case_is_kept_by_option():
    text = "A Film"
    kept = Tokenizer.train([text] * 2, kind="word", lowercase=False)
    assert spelt(kept, text) == ["A", "Film"]
    assert not kept.lowercase
    assert spelt(kept, "a film") == ["[UNK]", "[UNK]"]


def test_special_tokens_are_never_read_from_a_text(tokenizer: Tokenizer):
    assert tokenizer.tokens[:3] == ("[PAD]", "[UNK]", "[BOS]")
    corpus = ["[PAD] [UNK] [BOS] [PAD][PAD]"] * 50
    for trained in (tokenizer, Tokenizer.train(corpus, kind=tokenizer.kind)):
        assert not {0, 2} & set(trained.encode("[PAD] [UNK] [BOS] [PAD][PAD]").tolist())
    assert 1 not in Tokenizer.train(corpus).encode(corpus[0])


def test_only_what_was_given_is_learnt():
    tokenizer = Tokenizer.train(["good good film film", "film"], kind="word")
    assert tokenizer.tokens == ("[PAD]", "[UNK]", "[BOS]", "film", "good")
    assert Tokenizer.train(["good film film"], kind="word").tokens[3:] == ("film",)  # once is too rare
    assert Tokenizer.train(["good film film"], kind="word", min_frequency=1).vocabulary_size == 5
    assert Tokenizer.train(["good film film film good"], kind="word", vocabulary=4).tokens[3:] == ("film",)
    assert Tokenizer.train(["zq zq zq"], vocabulary=259).vocabulary_size == 259


def test_words_too_long_to_be_words_are_left_out():
    tokenizer = Tokenizer.train(["good " + "x" * 65 + " film"] * 3, kind="word")
    assert sorted(tokenizer.tokens[3:]) == ["film", "good"]
    assert Tokenizer.from_json(tokenizer.to_json()) == tokenizer
    assert max(map(len, Tokenizer.train(["x" * 500 + " y"] * 9).tokens)) <= 64


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_file_in_any_process(kind: Any):
    code = (
        "import sys, hashlib; from support.small_models import small_tokenizer;"
        f"print(hashlib.sha256(small_tokenizer({kind!r}).to_json().encode()).hexdigest())"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ
            | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths, "TOKENIZERS_PARALLELISM": parallel},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, parallel in (("1", "true"), ("2", "false"))
    }
    assert len(hashes) == 1


def test_training_takes_an_iterator_once_and_in_pieces():
    def texts() -> Iterator[str]:
        yield from TEXTS * 2

    assert Tokenizer.train(texts(), vocabulary=320) == small_tokenizer()


def test_an_error_of_the_iterator_comes_through():
    def texts() -> Iterator[str]:
        yield "good"
        raise DataError("reviews.csv, row 2: bad byte")

    with pytest.raises(DataError, match="row 2: bad byte"):
        Tokenizer.train(texts())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kind": "bpr"}, r"kind must be one of 'bpe', 'word'; got 'bpr' \(did you mean 'bpe'\?\)"),
        ({"vocabulary": 258}, "vocabulary must be from 259 to 100,000 tokens for kind='bpe'; got 258"),
        ({"vocabulary": 3, "kind": "word"}, "vocabulary must be from 4 to 100,000"),
        ({"vocabulary": 200_001}, "got 200,001"),
        ({"min_frequency": 0}, "min_frequency must be from 1 to 1,000,000; got 0"),
    ],
)
def test_options_out_of_range(options: Any, problem: str):
    with pytest.raises(OptionError, match=problem):
        Tokenizer.train(["good"], **options)


def test_texts_that_are_no_texts():
    with pytest.raises(DataError, match="needs at least one text"):
        Tokenizer.train([])
    bad: Any = ["good", None]
    with pytest.raises(TypeError, match=r"Tokenizer.train: texts\[1\]: must be a str; got None \(NoneType\)"):
        Tokenizer.train(bad)
    with pytest.raises(TextTypeError, match=r"texts\[1\]: must be a str"):
        small_tokenizer().encode_batch(bad)


def test_the_file_is_read_back_and_is_the_librarys_own_format(tokenizer: Tokenizer):
    again = Tokenizer.from_json(tokenizer.to_json(), vocabulary=tokenizer.vocabulary_size)
    library = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    for text in [*TEXTS, *(text for text in HOSTILE.values() if len(text) < 1000 and "\ud800" not in text)]:
        ids = tokenizer.encode(text).tolist()
        assert again.encode(text).tolist() == ids
        assert library.encode(text).ids == ids
    assert again.to_json() == tokenizer.to_json()
    assert pickle.loads(pickle.dumps(tokenizer)) == tokenizer
    assert (again.kind, again.lowercase) == (tokenizer.kind, tokenizer.lowercase)
    assert json.loads(tokenizer.to_json())["added_tokens"] == []


def test_a_batch_is_the_texts_one_by_one(tokenizer: Tokenizer):
    texts = [*TEXTS, "a" * 100_000, "good " * 50_000, ""]
    batch = tokenizer.encode_batch(texts)
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(text).tolist() for text in texts]
    assert tokenizer.encode_batch([]) == []


def test_a_long_text_is_cut_where_its_tokens_do_not_change(tokenizer: Tokenizer):
    text = "It's good,<br />\x85 not  bad. Don’t <br clear='a b'> go\n" * 5000
    whole = tokenizers.Tokenizer.from_str(tokenizer.to_json()).encode(text).ids
    assert tokenizer.encode(text).tolist() == whole
    assert [piece.id for piece in tokenizer.pieces(text)] == whole


def test_words_one_by_one_are_the_tokens_of_the_text(tokenizer: Tokenizer):
    text = TEXTS[1] + "  " + TEXTS[2] + "\n" + TEXTS[4]
    one_by_one = np.concatenate([tokenizer.encode(word) for word in text.split()])
    assert one_by_one.tolist() == tokenizer.encode(text).tolist()


def test_pieces_lie_where_they_say():
    tokenizer = small_tokenizer("word")
    text = "  It's<br />GOOD;\x85 cafe\u0301 isn’t \ud800 it?"
    pieces = tokenizer.pieces(text)
    assert [piece.text for piece in pieces] == [
        "It",
        "'s",
        "GOOD",
        ";",
        "\x85",
        "cafe\u0301",
        "is",
        "n’t",
        "\ud800",
        "it",
        "?",
    ]
    assert all(text[piece.start : piece.stop] == piece.text for piece in pieces)
    assert [piece.id for piece in pieces] == tokenizer.encode(text).tolist()


def test_byte_pieces_cover_every_character_but_space():
    tokenizer = small_tokenizer()
    text = "Good 👍🏽 movie,\n it was <br>यह nice!"
    pieces = tokenizer.pieces(text)
    assert [piece.id for piece in pieces] == tokenizer.encode(text).tolist()
    covered = {n for piece in pieces for n in range(piece.start, piece.stop)}
    left = {text[n] for n in range(len(text)) if n not in covered}
    assert left <= set(" \n<br>")
    assert [piece.start for piece in pieces] == sorted(piece.start for piece in pieces)


def test_words_group_all_tokens(tokenizer: Tokenizer):
    text = "A wonderful film, isn't it? 👍" + " good" * 20_000
    words = tokenizer.words(text)
    assert words[1].text == "wonderful"
    assert [word.first for word in words] == [0, *(word.end for word in words[:-1])]
    assert words[-1].end == len(tokenizer.encode(text))
    assert all(text[word.start : word.stop] == word.text for word in words)
    assert words[-1].text == "good"
    assert tokenizer.words("") == []


def test_token_texts_say_what_tokens_stand_for():
    tokenizer = Tokenizer.train(["naïve film"] * 5, vocabulary=300)
    assert " film" in tokenizer.token_texts
    assert " naïve" in tokenizer.token_texts
    assert len(tokenizer.token_texts) == tokenizer.vocabulary_size
    assert tokenizer.token_texts[:3] == ("[PAD]", "[UNK]", "[BOS]")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_encodes_too_and_the_parent_keeps_its_environment():
    code = (
        "import os; from support.small_models import small_tokenizer, TEXTS\n"
        "tokenizer = small_tokenizer(); many = TEXTS * 200; here = tokenizer.encode_batch(many)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    there = tokenizer.encode_batch(many)\n"
        "    os._exit(0 if all((a == b).all() for a, b in zip(here, there)) else 3)\n"
        "print(os.waitpid(child, 0)[1], os.environ.get('TOKENIZERS_PARALLELISM'))\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "0 None\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "text", ["good" + "\u0301" * 300 + " film", "go\u0301\u0302od", "नमस्ते", "e\u0301\u0301"]
)
def test_marks_belong_to_one_letter_alone(text: str) -> None:
    """Places of characters follow one another, so that a run of marks is not kept again for each of its tokens."""
    places = list(dict.fromkeys((piece.start, piece.stop) for piece in small_tokenizer().pieces(text)))
    assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(places))
    assert sum(stop - start for start, stop in places) == len(text.replace(" ", ""))
