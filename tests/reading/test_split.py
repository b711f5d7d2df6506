"""The development part: by group, or stratified by label."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter

import numpy as np
import pytest

from peephole.errors import DataError, OptionError
from peephole.reading import Record, SplitRule, drop_repeats, read, split_development


def records(count, labels=("pos", "neg"), groups=None):
    return [
        Record(
            f"Text {n}.", labels[n % len(labels)], None if groups is None else f"m{n % groups}", f"row {n}"
        )
        for n in range(count)
    ]


def test_imdb_has_its_published_development_part(data_folder):
    reviews = list(read(data_folder / "imdb_train.csv.gz", group_column="movie", labels="required"))
    chosen = split_development(reviews, SplitRule("group", "movie"))
    development = [review for review, inside in zip(reviews, chosen, strict=True) if inside]
    training = [review for review, inside in zip(reviews, chosen, strict=True) if not inside]
    assert len(reviews) == 25_000
    assert len(development) == 2_523
    assert len({review.group for review in development}) == 341
    kept, dropped = drop_repeats(training, development)
    assert dropped == 9
    assert len(kept) == 25_000 - 2_523 - 9
    # The reviews that str.splitlines would cut (counted in the bytes of the file) are whole.
    assert sum("\x85" in review.text for review in reviews) == 350


def test_groups_are_whole_and_chosen_by_their_hash():
    rows = records(2_000, groups=200)
    chosen = split_development(rows, SplitRule("group", "movie"))
    for row, inside in zip(rows, chosen, strict=True):
        assert inside == (int(hashlib.sha1(row.group.encode()).hexdigest(), 16) % 10 == 0)
    assert chosen.dtype == np.bool_


@pytest.mark.parametrize(("fraction", "divisor"), [(0.5, 2), (0.25, 4), (0.1, 10), (0.05, 20)])
def test_the_fraction_sets_the_divisor(fraction, divisor):
    rows = records(400, groups=400)
    chosen = split_development(rows, SplitRule("group", "movie", fraction))
    for row, inside in zip(rows, chosen, strict=True):
        assert inside == (int(hashlib.sha1(row.group.encode()).hexdigest(), 16) % divisor == 0)


def test_stratified_takes_the_fraction_of_every_label():
    rows = records(300, labels=("a", "a", "b"))
    chosen = split_development(rows, SplitRule("stratified", fraction=0.1))
    assert Counter(row.label for row, inside in zip(rows, chosen, strict=True) if inside) == {
        "a": 20,
        "b": 10,
    }


def test_stratified_does_not_depend_on_the_order_of_the_file():
    rows = [
        *records(200),
        *records(50),
        Record("TEXT 1.", "neg", None, "x"),
        Record("Text  1.", "neg", None, "y"),
    ]
    reference = None
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        chosen = split_development(rows, SplitRule("stratified", fraction=0.2))
        texts = Counter((row.text, row.label) for row, inside in zip(rows, chosen, strict=True) if inside)
        reference = reference or texts
        assert texts == reference


def test_equal_texts_tie_and_their_spelling_decides():
    rows = [Record(text, "a", None, "here") for text in ("Same", "same", "SAME", "same ")]
    for turn in range(4):
        turned = rows[turn:] + rows[:turn]
        chosen = split_development(turned, SplitRule("stratified", fraction=0.5))
        assert {row.text for row, inside in zip(turned, chosen, strict=True) if inside} == {"SAME", "Same"}


def test_a_small_label_gives_one_and_a_single_record_stays_in_training():
    rows = [*records(30, labels=("a",)), *records(2, labels=("b",)), *records(1, labels=("c",))]
    chosen = split_development(rows, SplitRule("stratified", fraction=0.1))
    assert Counter(row.label for row, inside in zip(rows, chosen, strict=True) if inside) == {"a": 3, "b": 1}


def test_a_part_without_records_is_an_error():
    with pytest.raises(DataError) as caught:
        split_development(records(10, groups=1), SplitRule("group", "movie"))
    assert str(caught.value) == (
        "split: both parts need records, and the development part has none; "
        "got 10 records, 1 groups in column 'movie'\n"
        "hint: use more records, another fraction or a column with more groups, or give a development file"
    )
    with pytest.raises(DataError, match="the development part has none; got 1 records"):
        split_development(records(1), SplitRule("stratified"))
    with pytest.raises(DataError, match="both parts need records"):
        split_development([], SplitRule("stratified"))


def test_a_record_without_a_group_is_an_error():
    rows = [*records(3, groups=3), *records(4)]
    with pytest.raises(
        DataError, match="every record needs a group; got 4 without one: 'row 0', 'row 1', 'row 2' and 1"
    ):
        split_development(rows, SplitRule("group", "movie"))


@pytest.mark.parametrize("rule", [SplitRule("group", "movie", 0.2), SplitRule("stratified")])
def test_a_rule_survives_json(rule):
    assert SplitRule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kind": "grup", "column": "m"},
            r"kind must be one of 'group', 'stratified'; got 'grup' \(did you mean",
        ),
        ({"kind": "group"}, "column must name the group column; got None"),
        ({"kind": "stratified", "column": "m"}, "column must be None for a stratified split; got 'm'"),
        ({"kind": "stratified", "fraction": 0.0}, r"fraction must be in \(0, 0.5\]; got 0.0"),
        ({"kind": "stratified", "fraction": 0.9}, r"fraction must be in \(0, 0.5\]; got 0.9"),
        ({"kind": "stratified", "fraction": float("nan")}, "fraction must be in"),
    ],
)
def test_a_rule_out_of_range(arguments, message):
    with pytest.raises(OptionError, match=message):
        SplitRule(**arguments)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "group", "column": "m"}, r"fields must be \['column', 'fraction', 'kind'\]"),
        ({"kind": "stratified", "column": None, "fraction": "0.1"}, "fraction must be a number; got '0.1'"),
        ({"kind": "stratified", "column": None, "fraction": True}, "fraction must be a number; got True"),
        ({"kind": "group", "column": 3, "fraction": 0.1}, "column must be a string or null; got 3"),
        ({"kind": ["group"], "column": "m", "fraction": 0.1}, "kind must be one of"),
    ],
)
def test_json_that_is_no_rule(value, message):
    with pytest.raises(OptionError, match=message):
        SplitRule.from_json(value)
