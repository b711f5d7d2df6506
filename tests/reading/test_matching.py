"""Repeats: what makes two texts the same, and dropping them from training."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from peephole.classifier.pipeline import unfinished
from peephole.reading import Record, drop_repeats, normalise_for_matching


def record(text, label="pos"):
    return Record(text, label, None, "here")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Great film.", "GREAT   film.\n"),
        ("Great<br /><br />film.", "Great film."),
        ("<p>Great <b class='x'>film</b>.</p>", " great film ."),
        ("It\x92s great", "It's great"),
        ("\x91Tis great", "‘tis great"),
        ("don’t, donʼt, don＇t", "don't, don't, don't"),
        ("one\x85two", "one…two"),
        ("\x93one\x94", "“one”"),
        ("one\x81two", "one two"),
        ("a\u2028b", "a b"),
        ("STRASSE", "straße"),
    ],
)
def test_texts_that_repeat_each_other(one, other):
    assert normalise_for_matching(one) == normalise_for_matching(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Great film.", "Great film!"),
        ("not good", "good"),
        ("I <3 this", "I this"),
        ("a < b and c > d", "a d"),
        ("nowhere", "now here"),
        ("It\x92s great", "Its great"),
        ("“one”", '"one"'),
    ],
)
def test_texts_that_do_not(one, other):
    assert normalise_for_matching(one) != normalise_for_matching(other)


@pytest.mark.parametrize("code", range(0x80, 0xA0))
def test_texts_that_a_tokenizer_cannot_tell_apart_are_repeats(code):
    tokenizer = Tokenizer.from_str(json.dumps(unfinished("word", lowercase=True)))
    text = f"one{chr(code)}two ‘ ’ ʼ ＇"
    assert normalise_for_matching(text) == tokenizer.normalizer.normalize_str(text)


@given(st.text())
def test_normalising_leaves_no_white_space_to_differ_in(text):
    assert " ".join(normalise_for_matching(text).split()) == normalise_for_matching(text)


def test_many_opening_brackets_take_linear_work():
    assert normalise_for_matching("<a" * 200_000) == "<a" * 200_000


def test_repeats_are_dropped_from_training_and_counted():
    train = [record("Great."), record("Dull."), record("GREAT. "), record("Dull."), record("New.")]
    kept, dropped = drop_repeats(train, [record("great.", "neg")])
    assert [one.text for one in kept] == ["Dull.", "Dull.", "New."]
    assert dropped == 2
    assert drop_repeats(iter(train), iter([])) == (train, 0)
