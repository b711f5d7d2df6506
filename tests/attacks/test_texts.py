"""Texts that are no reviews: each has its own answer or its own error, in its place, and memory stays bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peephole.classifier import Classifier, TextTypeError
from peephole.errors import DataError
from peephole.reading import read
from support.attacks import needs_proc
from support.small_models import small_classifier

BAD = {
    "empty": "",
    "a space": " ",
    "white space of all kinds": " \t\n\r\x0b\x0c\x1c\x85\u00a0\u2003\u2028\u3000",
    "one emoji": "\U0001f642",
    "an emoji of several": "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f3fd",
    "Japanese": "とても良い映画でした。",
    "Arabic, from right to left": "فيلم رائع جدا",
    "Devanagari, with marks": "बहुत अच्छी फ़िल्म",
    "marks of direction": "\u202egood\u202c \u200ffilm\u200e \u2066not\u2069",
    "marks on marks": "e" + "\u0301" * 5000,
    "a NUL": "\0",
    "NULs in words": "go\0od\0 film\0",
    "half a surrogate pair": "\ud800",
    "the halves the wrong way round": "good \udc00\ud800 film",
    "no character": "\uffff\ufffe\U0010ffff",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "spellings of special tokens": "[PAD] [UNK] [BOS]",
    "tags that never end": "<br " * 3000,
    "one long word": "m" * 40_000,
    "only quotation marks": '"' * 10_000,
}
GOOD = ["a good film", "a bad film, not good at all"]


@pytest.fixture(scope="module", params=["bpe", "word"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return small_classifier(request.param, embedding=3, hidden_size=3)


def test_each_text_has_its_own_answer_in_its_place(classifier: Classifier):
    """Between two sound texts each, whose answers are what they are alone."""
    sound = [next(classifier.predict([text])) for text in GOOD]
    assert abs(sound[0].probability - sound[1].probability) > 1e-4
    texts = [text for bad in BAD.values() for text in (GOOD[0], bad, GOOD[1])]
    found = list(classifier.predict(texts))
    assert len(found) == 3 * len(BAD)
    for before, answer, after, bad in zip(found[::3], found[1::3], found[2::3], BAD.values(), strict=True):
        for one, expected in ((before, sound[0]), (after, sound[1])):
            assert (one.text, one.label) == (expected.text, expected.label)
            assert one.probability == pytest.approx(expected.probability, abs=1e-6)
        assert len(answer.text) == len(bad)
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        answer.text.encode()


@pytest.mark.parametrize("name", BAD)
def test_a_text_alone_has_the_answer_that_it_has_in_company(classifier: Classifier, name: str):
    (alone,) = classifier.predict_proba([BAD[name]])
    (_, together, _) = classifier.predict_proba([GOOD[0], BAD[name], GOOD[1]])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_each_text_has_its_own_gradient(classifier: Classifier):
    for (name, text), found in zip(BAD.items(), classifier.gradients(BAD.values()), strict=True):
        assert (
            found.gradient.shape == found.embeddings.shape == (len(classifier.tokenizer.encode(text)), 3)
        ), name
        assert np.isfinite(found.gradient).all(), name


def test_blank_texts_are_the_empty_text(classifier: Classifier):
    blank = ["", " ", "\t\r\n", "\u3000\u00a0"]
    assert len({row.tobytes() for row in classifier.predict_proba(blank)}) == 1
    assert all(len(classifier.tokenizer.encode(text)) == 0 for text in blank)


@pytest.mark.parametrize("bad", [None, float("nan"), 5, b"bytes", ["a", "b"], np.str_])
def test_what_is_no_text_is_named_and_what_came_before_is_answered(classifier: Classifier, bad: Any):
    answers = classifier.predict(["good", "bad", bad], block=1)
    assert [next(answers).text, next(answers).text] == ["good", "bad"]
    with pytest.raises(TextTypeError, match=r"predict: texts\[2\]: must be a str; got"):
        next(answers)


def test_records_keep_their_places_when_texts_come_from_a_table(classifier: Classifier, tmp_path: Path):
    """JSON can hold any of these but a NUL and a half character, which are refused with their line."""
    path = tmp_path / "texts.jsonl"
    readable = {
        name: text
        for name, text in BAD.items()
        if "\0" not in text and not any("\ud800" <= c < "\ue000" for c in text)
    }
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in readable.values()))
    records = read(path, labels="absent", keep_empty=True)
    found = list(classifier.predict(record.text for record in records))
    assert [answer.text for answer in found] == list(readable.values())
    for name in ("a NUL", "half a surrogate pair"):
        path.write_text('{"text": "good"}\n' + json.dumps({"text": BAD[name]}) + "\n")
        with pytest.raises(DataError, match="line 2"):
            list(read(path, labels="absent", keep_empty=True))


LONG = """
import sys
from peephole.classifier import load

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))

classifier = load(sys.argv[1])
short, before = next(classifier.predict(["a good film"])), status("VmHWM")
texts = {"words": "not a bad film at all, " * 20_000, "letters": "a" * 1_000_000, "spaces": " " * 1_000_000}
text = texts[sys.argv[2]]
long, after = list(classifier.predict(["a good film", text, "a good film"])), status("VmHWM")
assert [answer.text for answer in long] == ["a good film", text, "a good film"]
assert all(abs(answer.probability - short.probability) < 1e-6 for answer in (long[0], long[2]))
print(after - before, len(classifier.tokenizer.encode(text)))
"""


@needs_proc
@pytest.mark.parametrize(("text", "tokens"), [("words", 100_000), ("letters", 1_000), ("spaces", 0)])
def test_very_long_texts_are_read_whole_in_little_memory(tmp_path: Path, text: str, tokens: int):
    model = small_classifier(embedding=16, hidden_size=16).save(tmp_path / "model", storage="int8")
    done = subprocess.run(
        [sys.executable, "-c", LONG, str(model), text],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown, count = map(float, done.stdout.split())
    assert count >= tokens
    # Blocks of gates and rows (2 · 32 MiB), the library's encodings of a chunk (30 MB), and a few bytes for each character.
    assert grown < 130
