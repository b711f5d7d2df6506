"""Labels: names and numbers, known ones and the first ones seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peephole.reading import read
from peephole.reading.labels import LabelReader, canonical_label


def labels(source, **options):
    return [record.label for record in read(source, **options)]


@given(st.integers(-(10**9), 10**9))
def test_an_integer_has_one_spelling(number):
    spellings = {
        f"{number}",
        f" {number} ",
        f"{number}.0",
        f"{number}.",
        f"{number}.000",
        f"{number:+d}",
        f"{number:012d}",
    }
    assert {canonical_label(spelling) for spelling in spellings} == {str(number)}


@given(st.text())
def test_canonical_twice_is_canonical_once(text):
    assert canonical_label(canonical_label(text)) == canonical_label(text)


def test_numbers_and_names_are_taken_as_they_come(write):
    assert labels(write("a.csv", "text,label\na,1\nb,0\nc,1.0\nd,-1\n")) == ["1", "0", "1", "-1"]
    assert labels(write("b.csv", "text,label\na, Very good \nb,BAD\n")) == ["Very good", "BAD"]


def test_names_among_numbers_are_mixed_types(write, refusal):
    path = write("a.csv", "text,label\na,1\nb,0\nc,pos\nd,n/a\n")
    assert refusal(path) == (
        "a.csv: 2 problems (2 mixed types)\n"
        "  a.csv, row 3: label 'pos' is a name, but '1' (a.csv, row 1) is a number\n"
        "  a.csv, row 4: label 'n/a' is a name, but '1' (a.csv, row 1) is a number\n"
        "hint: leave bad records out with --skip-bad (skip_bad=True in Python)"
    )


def test_sources_have_to_agree_on_names_or_numbers(write, refusal):
    sources = [write("a.csv", "text,label\na,pos\n"), write("b.jsonl", '{"text": "b", "label": 1}\n')]
    assert "  b.jsonl, line 1: label '1' is a number, but 'pos' (a.csv, row 1) is a name" in refusal(sources)


def test_unknown_labels_list_the_known_ones_and_the_nearest(write, refusal):
    path = write("a.csv", "text,label\na,positive\nb,postive\nc,meh\n")
    assert refusal(path, known_labels=["negative", "positive"]) == (
        "a.csv: 2 problems (2 unknown label)\n"
        "  a.csv, row 2: unknown label 'postive' (did you mean 'positive'?); "
        "the labels are 'negative', 'positive'\n"
        "  a.csv, row 3: unknown label 'meh'; the labels are 'negative', 'positive'\n"
        "hint: leave bad records out with --skip-bad (skip_bad=True in Python)"
    )


@pytest.mark.parametrize(
    ("known", "written", "meant"),
    [
        (["negative", "positive"], "Positive", "positive"),
        (["negative", "positive"], "pos", "positive"),
        (["negative", "positive"], "NEG", "negative"),
        (["neg", "pos"], "positive", "pos"),
        (["negative", "positive"], "1", "positive"),
        (["negative", "positive"], "0.0", "negative"),
        (["negative", "positive"], "2", None),
        (["negative", "positive"], "-1", None),
        (["-1", "1"], "+1", "1"),
        (["-1", "1"], "0", None),  # an index only where the known labels are names
        (["1", "2"], "1", "1"),
        (["a", "A"], "A", "A"),
        (["IT", "it", "x"], "It", None),  # could be either
        (["pos", "positive"], "pos", "pos"),
    ],
)
def test_what_a_value_means_among_known_labels(known, written, meant):
    read_label = LabelReader(known, required=True).read(written, "a")
    assert (read_label if isinstance(read_label, str) else None) == meant


def test_a_missing_label(write, refusal):
    path = write("a.csv", "text,label\na,pos\nb,\nc,neg\n")
    assert labels(path) == ["pos", None, "neg"]
    assert "  a.csv, row 2: no label" in refusal(path, labels="required")
    assert labels(path, labels="required", skip_bad=True) == ["pos", "neg"]


def test_a_single_class(write, refusal):
    path = write("a.csv", "text,label\na,pos\nb,pos\n")
    expected = (
        "a.csv: 1 problem (1 single class)\n"
        "  a.csv: a classifier needs two classes or more; got the single label 'pos'"
    )
    assert refusal(path, labels="required") == expected
    assert refusal(path, labels="required", skip_bad=True) == expected
    # Without the need to learn from them, or against known labels, they are good records.
    assert labels(path) == ["pos", "pos"]
    assert labels(path, labels="required", known_labels=["neg", "pos"]) == ["pos", "pos"]


def test_a_single_class_is_told_beside_other_problems_when_it_is_certain(write, refusal):
    message = refusal(write("a.csv", "text,label\na,pos\n,pos\n"), labels="required")
    assert "1 empty text, 1 single class" in message
    # The label of a record with a bad byte is not known: it may be the other class.
    message = refusal(write("b.csv", b"text,label\na,pos\n\xff,neg\n"), labels="required")
    assert "single class" not in message


def test_two_classes_may_stand_in_two_sources(write):
    sources = [write("a.csv", "text,label\na,pos\n"), write("b.csv", "text,label\nb,neg\n")]
    assert labels(sources, labels="required") == ["pos", "neg"]


def test_a_text_column_taken_for_labels_is_told_so(write, refusal):
    message = refusal(write("a.csv", f"text,label\na,{'x' * 2_000}\n"))
    assert "a label of 2,000 characters; got 'xxxxxxxxxxxxxxxxxxxx…'" in message
    assert "--label-column" in message
