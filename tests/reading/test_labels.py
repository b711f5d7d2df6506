"""Labels: names and numbers, known ones and the first ones seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peephole.reading import Tally, read
from peephole.reading import labels as labels_module
from peephole.reading.labels import LabelReader, Spellings, canonical_label


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


@pytest.mark.parametrize("number", ["0", "00", "-000", "+0.000", "0."])
def test_zero_is_zero_however_it_is_written(number):
    assert canonical_label(number) == "0"


def test_a_long_run_of_zeros_takes_linear_work(write, refusal):
    run = "0" * 300_000
    assert canonical_label(f"{run}x") == f"{run}x"
    assert canonical_label(f"{run}7.5{run}") == "7.5"
    assert "a label of 300,001 characters; got '00000" in refusal(write("a.csv", f"text,label\na,{run}x\n"))


def test_the_nearest_label_is_sought_once_for_each_label_and_never_for_what_is_not_shown(monkeypatch):
    sought: list[str] = []

    def nearest(name, allowed):
        sought.append(name)
        return " (did you mean 'this'?)"

    monkeypatch.setattr(labels_module, "nearest", nearest)
    reader = LabelReader(["negative", "positive"], required=True)
    faults = [reader.read(label, "a") for label in ["postive", "meh"] * 5 + [f"x{n}" for n in range(100)]]
    assert sought == ["postive", "meh", *(f"x{n}" for n in range(Tally.kept - 10))]
    offered = ["did you mean" in fault.rule for fault in faults]
    assert offered == [True] * Tally.kept + [False] * (110 - Tally.kept)


def test_labels_that_differ_in_case_are_not_made_classes(write, refusal):
    sources = [
        write("a.csv", "text,label\na,Positive\nb,negative\nc,positive\nd,BAD\n"),
        write("b.csv", "text,label\ne, positive \nf,POSITIVE\ng,bad\nh,positive\n"),
    ]
    assert refusal(sources, labels="required") == (
        "a.csv, b.csv: 2 problems (2 ambiguous label)\n"
        "  a.csv, b.csv: labels that differ in case only: 'Positive' (1 record, first a.csv, row 1), "
        "'positive' (3 records, first a.csv, row 3), 'POSITIVE' (1 record, first b.csv, row 2)\n"
        "  a.csv, b.csv: labels that differ in case only: 'BAD' (1 record, first a.csv, row 4), "
        "'bad' (1 record, first b.csv, row 3)\n"
        "hint: write each label in one spelling"
    )
    # It is no single record's fault, so none can be skipped to mend it.
    assert "2 ambiguous label" in refusal(sources, labels="required", skip_bad=True)


def test_case_is_no_matter_where_labels_are_known_or_not_learnt_from(write):
    path = write("a.csv", "text,label\na,Pos\nb,neg\nc,pos\n")
    assert labels(path) == ["Pos", "neg", "pos"]
    assert labels(path, labels="required", known_labels=["neg", "pos"]) == ["pos", "neg", "pos"]


def test_the_spellings_of_a_number_are_one_label(write):
    path = write("a.csv", "text,label\na,1\nb,01\nc,1.0\nd,+0\ne,-0.0\n")
    assert labels(path, labels="required") == ["1", "1", "1", "0", "0"]


def test_a_spelling_on_skipped_records_only_is_none(write, refusal):
    path = write("a.csv", "text,label\na,pos\n ,POS\nb,neg\n")
    assert labels(path, labels="required", skip_bad=True) == ["pos", "neg"]
    assert "1 empty text, 1 ambiguous label" in refusal(path, labels="required")


def test_the_spellings_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(Spellings, "most", 3)
    spellings = Spellings()
    for label in ["a", "b", "A", "B", "a"]:
        spellings.add(label, "here")
    assert spellings.variants() == [
        "labels that differ in case only: 'a' (2 records, first here), 'A' (1 record, first here)"
    ]


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
