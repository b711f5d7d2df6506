"""The texts of the behaviour suite: their form, their balance, and that nobody has trained on them."""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean

import pytest

from peephole.evaluation.behaviour import Case, behaviour_suite
from peephole.reading import normalise_for_matching, read
from peephole.reading.sample import sample_reviews

SUITE = Path(sys.modules[Case.__module__].__file__ or "").with_name("suite.csv")

# What must be there: capabilities, and how many texts each has at least.
WANTED = {
    "vocabulary": 40,
    "negation": 40,
    "distant negation": 40,
    "double negation": 40,
    "but": 40,
    "although": 40,
    "comparison": 40,
    "hedge": 40,
    "change over time": 40,
    "emphasis": 40,
    "irrelevant facts": 40,
    "neutral": 40,
}


def test_every_capability_has_its_texts():
    counts = Counter(case.capability for case in behaviour_suite())
    assert set(counts) == set(WANTED)
    assert all(counts[name] >= least for name, least in WANTED.items()), counts
    assert 450 <= len(behaviour_suite()) <= 650


def test_every_field_is_filled_and_every_label_known():
    for case in behaviour_suite():
        assert case.label in ("positive", "negative", "neutral"), case
        assert (case.label == "neutral") == (case.capability == "neutral"), case
        for value in (case.text, case.kind):
            assert value, case
            assert value == value.strip(), case


def test_every_kind_has_as_many_positive_as_negative_texts():
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case in behaviour_suite():
        counts[case.capability, case.kind][case.label] += 1
    for kind, labels in counts.items():
        assert labels["positive"] == labels["negative"], kind


def test_no_text_stands_twice():
    texts = Counter("".join(filter(str.isalnum, case.text.casefold())) for case in behaviour_suite())
    assert [text for text, count in texts.items() if count > 1] == []


def test_texts_are_short_and_printable():
    for case in behaviour_suite():
        assert 1 <= len(case.text.split()) < 40, case
        assert case.text.isprintable(), case


def test_length_does_not_tell_the_label():
    words = {
        label: mean(len(case.text.split()) for case in behaviour_suite() if case.label == label)
        for label in ("positive", "negative")
    }
    assert abs(words["positive"] - words["negative"]) < 0.5, words


def test_the_file_is_a_table_that_the_package_reads():
    records = list(read([SUITE], labels="required"))
    assert [(record.text, record.label) for record in records] == [
        (case.text, case.label) for case in behaviour_suite()
    ]


def test_the_built_in_sample_holds_none_of_them():
    sample = {
        normalise_for_matching(record.text)
        for part in ("train", "test")
        for record in sample_reviews(part, 2000, 0)
    }
    assert [case.text for case in behaviour_suite() if normalise_for_matching(case.text) in sample] == []


@pytest.mark.slow
def test_no_corpus_holds_one_of_them(data_folder: Path):
    wanted = {normalise_for_matching(case.text) for case in behaviour_suite()}
    longest = 2 * max(map(len, wanted))
    found: list[tuple[str, str]] = []
    corpora = sorted(data_folder.glob("*.csv.gz"))
    if not corpora:
        pytest.skip(f"no corpora in {data_folder}")
    csv.field_size_limit(2**31 - 1)
    for corpus in corpora:
        with gzip.open(corpus, "rt", encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    if len(cell) < longest and normalise_for_matching(cell) in wanted:
                        found.append((corpus.name, cell))
    assert found == []
