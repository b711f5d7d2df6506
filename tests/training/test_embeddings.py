from __future__ import annotations

import gzip
import hashlib
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from peephole.classifier import Tokenizer
from peephole.errors import DataError, OptionError
from peephole.training import embeddings
from peephole.training.corpus import Corpus
from peephole.training.embeddings import corpus_embeddings, neighbour_counts, ppmi_blocks
from peephole.training.network import words_of
from peephole.training.word_vectors import read_word_vectors

VOCABULARY, WINDOW = 30, 3


def corpus(texts: int = 40, seed: int = 0) -> Corpus:
    """Texts of tokens 0 to 27, the special ones among them; 28 and 29 occur nowhere."""
    random = np.random.default_rng(seed)
    ids = [(random.random(random.integers(0, 15)) ** 2 * 28).astype(np.int32) for _ in range(texts)]
    return Corpus.from_texts(ids, [0] * texts)


def brute_force(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Weighted counts `[V]` and the PPMI matrix `[V, V]`, pair by pair."""
    met: Counter = Counter()
    for n in range(len(corpus)):
        text = corpus.text(n).tolist()
        for i, centre in enumerate(text):
            for j, neighbour in enumerate(text):
                if i != j and abs(i - j) <= WINDOW and centre >= 3 and neighbour >= 3:
                    met[centre, neighbour] += 1 / math.sqrt(abs(i - j))
    counts = np.zeros(VOCABULARY)
    for (centre, _), weight in met.items():
        counts[centre] += weight
    share = counts**0.75 / (counts**0.75).sum()
    matrix = np.zeros((VOCABULARY, VOCABULARY))
    for (i, j), weight in met.items():
        matrix[i, j] = max(0.0, math.log(weight / (counts[i] * share[j])))
    return counts, matrix


@pytest.mark.parametrize("height", [1, 7, 1000])
def test_ppmi_equals_the_one_counted_pair_by_pair(monkeypatch, height) -> None:
    monkeypatch.setattr(embeddings, "_BLOCK_ENTRIES", height * VOCABULARY)
    texts = corpus()
    counts, expected = brute_force(texts)
    assert 50 < (expected > 0).sum() < 28 * 28
    np.testing.assert_allclose(neighbour_counts(texts, VOCABULARY, WINDOW), counts, rtol=1e-12)
    blocks = list(ppmi_blocks(texts, counts, WINDOW))
    assert len(blocks) == math.ceil(VOCABULARY / min(height, VOCABULARY))
    found = np.concatenate([block.dense(VOCABULARY) for block in blocks])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_vectors_are_those_of_the_exact_svd(monkeypatch) -> None:
    monkeypatch.setattr(embeddings, "_BLOCK_ENTRIES", 7 * VOCABULARY)
    texts, width = corpus(200), 6
    counts, matrix = brute_force(texts)
    left, values, _ = np.linalg.svd(matrix)
    exact = left[:, :width] * np.sqrt(values[:width])
    seen = counts > 0
    exact[seen] -= exact[seen].mean(axis=0)
    exact[seen] *= 0.2 * math.sqrt(width) / np.linalg.norm(exact[seen], axis=1, keepdims=True)
    found = corpus_embeddings(texts, VOCABULARY, width, window=WINDOW)
    # Singular vectors have no sign of their own, so what is compared are the angles between tokens.
    np.testing.assert_allclose((found @ found.T)[seen][:, seen], (exact @ exact.T)[seen][:, seen], atol=2e-4)


def test_lengths_and_what_has_no_vector() -> None:
    vectors = corpus_embeddings(corpus(), VOCABULARY, 8, window=WINDOW)
    lengths = np.linalg.norm(vectors, axis=1)
    assert (lengths[[0, 1, 2, 28, 29]] == 0).all()
    np.testing.assert_allclose(lengths[3:20], 0.2 * math.sqrt(8), rtol=1e-5)
    assert vectors.dtype == np.float32


def test_tokens_with_the_same_neighbours_have_like_vectors() -> None:
    random = np.random.default_rng(0)
    ids = []
    for _ in range(300):  # 3 and 4 stand among 10 to 14, 5 and 6 among 15 to 19
        kind = random.integers(0, 2)
        around = random.integers(10 + 5 * kind, 15 + 5 * kind, 4)
        ids.append(
            np.array([*around[:2], random.integers(3 + 2 * kind, 5 + 2 * kind), *around[2:]], dtype=np.int32)
        )
    vectors = corpus_embeddings(Corpus.from_texts(ids, [0] * 300), VOCABULARY, 6)
    cosine = vectors @ vectors.T / (0.04 * 6)
    assert cosine[3, 4] > 0.8
    assert cosine[5, 6] > 0.8
    assert cosine[3, 5] < 0.2


@pytest.mark.parametrize("texts", [[], [[]], [[5]], [[0, 1, 2]], [[5], [6], [7, 8]]], ids=str)
def test_corpora_with_hardly_a_pair(texts) -> None:
    ids = [np.array(text, dtype=np.int32) for text in texts]
    vectors = corpus_embeddings(Corpus.from_texts(ids, [0] * len(ids)), 12, 20)
    assert vectors.shape == (12, 20)
    assert np.isfinite(vectors).all()


def test_the_same_bits_in_another_process() -> None:
    program = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]);"
        "import numpy as np; from peephole.training.corpus import Corpus;"
        "from peephole.training.embeddings import corpus_embeddings;"
        "ids = [np.random.default_rng(n).integers(3, 300, 60).astype(np.int32) for n in range(200)];"
        "print(hashlib.sha256(corpus_embeddings(Corpus.from_texts(ids, [0] * 200), 300, 16)).hexdigest())"
    )
    ids = [np.random.default_rng(n).integers(3, 300, 60).astype(np.int32) for n in range(200)]
    here = hashlib.sha256(corpus_embeddings(Corpus.from_texts(ids, [0] * 200), 300, 16)).hexdigest()
    source = str(Path(embeddings.__file__).parents[2])
    there = subprocess.run(
        [sys.executable, "-c", program, source], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


def test_word_vectors_of_glove_and_of_word2vec(tmp_path: Path) -> None:
    lines = "the 1 2\nGood 3 4\ngood 5 6\n. . . 7 8\nbad 9 10\n"
    words = ["good", None, "bad", "absent", "good", ". . ."]
    for name, content in (("glove.txt", lines), ("word2vec.txt", "5 2\n" + lines), ("glove.txt.gz", lines)):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
        read = read_word_vectors(path, words, 2, lowercase=True)
        assert read.vectors.tolist() == [[3, 4], [0, 0], [9, 10], [0, 0], [3, 4], [7, 8]]
        assert read.found.tolist() == [True, False, True, False, True, True]
    assert read_word_vectors(tmp_path / "glove.txt", words, 2, lowercase=False).vectors[0].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("400000 50\nthe 1 2\n", "line 1: must have 3 features; the header says '50'"),
        ("the 1 2 3\ngood 1 2\n", "line 2: must have a word and 3 numbers; got 2"),
        ("good 1 x 3\n", "line 1: must have 3 finite numbers after the word"),
        ("good 1 nan 3\n", "line 1: must have 3 finite numbers after the word"),
    ],
)
def test_word_vectors_that_cannot_be_used(tmp_path: Path, content, problem) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(DataError, match="embedding must be the number of features") as caught:
        read_word_vectors(path, ["good"], 3, lowercase=True)
    assert f"{path}, {problem}" in str(caught.value)


def test_word_vectors_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        read_word_vectors(tmp_path / "absent.txt", ["good"], 3, lowercase=True)
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(b"good 1 2 3\n" * 1000)[:50])
    with pytest.raises(OptionError, match="cannot be read"):
        read_word_vectors(tmp_path / "cut.txt.gz", ["good"], 3, lowercase=True)


@pytest.mark.parametrize("kind", ["bpe", "word"])
def test_which_tokens_are_words(kind) -> None:
    tokenizer = Tokenizer.train(["a good film.", "a good book!", "good"] * 3, kind=kind, vocabulary=290)
    words = words_of(tokenizer)
    assert len(words) == tokenizer.vocabulary_size
    assert words[:3] == [None] * 3
    for text in ("good", "film", "."):
        ids = tokenizer.encode(text if text == "." else f"a {text}")
        assert words[ids[-1]] == text or kind == "bpe"
    assert "good" in words
    assert "ood" not in words  # an end of a word is no word
