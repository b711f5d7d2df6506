"""Columns: found by their usual names, or given; and rows chosen by a column."""

from __future__ import annotations

import pytest

from peephole.errors import OptionError
from peephole.reading import read

TEXT_NAMES = ["text", "review", "sentence", "content", "TEXT", "Review", " Sentence "]
LABEL_NAMES = ["label", "sentiment", "class", "target", "LABEL", "Class"]


@pytest.mark.parametrize("text", TEXT_NAMES)
@pytest.mark.parametrize("label", LABEL_NAMES)
def test_the_usual_names_are_found_in_any_case(write, text, label):
    path = write("a.csv", f"id,{label},{text}\n1,pos,a\n2,neg,b\n")
    assert [(record.text, record.label) for record in read(path)] == [("a", "pos"), ("b", "neg")]


def test_given_names_win_and_are_not_taken_for_the_other_column(write):
    path = write("a.csv", "text,content,class\nkept,read,x\n")
    (record,) = read(path, text_column="content", label_column="text")
    assert (record.text, record.label) == ("read", "kept")
    (record,) = read(path, text_column="class", labels="optional")
    assert (record.text, record.label) == ("x", None)


def test_a_missing_text_column_lists_the_columns_there_are(write, refusal):
    assert refusal(write("reviews.csv", "id,comment,label\n1,a,pos\n")) == (
        "reviews.csv: 1 problem (1 missing column)\n"
        "  reviews.csv: no text column (one of text, review, sentence, content); "
        "the columns are 'id', 'comment', 'label'\n"
        "hint: name the text column with --text-column"
    )


def test_every_missing_column_is_told_with_the_nearest(write, refusal):
    path = write("reviews.csv", "id,Review_Text,label\n1,a,pos\n")
    message = refusal(
        path, text_column="reveiw_text", group_column="movie", where={"ID": "1"}, columns=["lable"]
    )
    there = "; the columns are 'id', 'Review_Text', 'label'"
    assert message == (
        "reviews.csv: 4 problems (4 missing column)\n"
        f"  reviews.csv: no column 'reveiw_text' (text_column) (did you mean 'Review_Text'?){there}\n"
        f"  reviews.csv: no column 'movie' (group_column){there}\n"
        f"  reviews.csv: no column 'lable' (columns) (did you mean 'label'?){there}\n"
        f"  reviews.csv: no column 'ID' (where) (did you mean 'id'?){there}"
    )


def test_two_candidates_are_listed_and_not_chosen_from(write, refusal):
    path = write("a.csv", "Text,review,label,Target\na,b,pos,1\n")
    assert refusal(path) == (
        "a.csv: 2 problems (2 ambiguous column)\n"
        "  a.csv: more than one column may hold the texts: 'Text', 'review'\n"
        "  a.csv: more than one column may hold the labels: 'label', 'Target'\n"
        "hint: name the one that is meant with --text-column; or name the one that is meant with --label-column"
    )
    (record,) = read(path, text_column="review", label_column="Target")
    assert (record.text, record.label) == ("b", "1")
    (record,) = read(path, text_column="Text", labels="absent")
    assert (record.text, record.label) == ("a", None)


def test_a_column_that_stands_twice(write, refusal):
    path = write("a.csv", "text,text,x,x\na,b,c,d\n")
    assert "  a.csv: more than one column may hold the texts: 'text', 'text'" in refusal(path)
    message = refusal(path, text_column="text")
    assert "  a.csv: column 'text' (text_column) stands twice in the header" in message


def test_a_label_column_is_needed_only_where_labels_are(write, refusal):
    path = write("a.csv", "text,rating\na,5\n")
    assert "no label column (one of label, sentiment, class, target)" in refusal(path, labels="required")
    assert [record.label for record in read(path)] == [None]
    assert "no column 'lable' (label_column)" in refusal(path, label_column="lable")


@pytest.mark.parametrize(
    ("name", "separator", "hint"),
    [
        ("a.tsv", ";", "the fields look separated by semicolons: read it with --format csv"),
        ("a.csv", "\t", "the fields look separated by tabs: read it with --format tsv"),
        ("a.tsv", ",", "the fields look separated by commas: read it with --format csv"),
        ("a.csv", "|", "the fields look separated by bars: save it separated by commas"),
    ],
)
def test_another_separator_is_recognised(write, refusal, name, separator, hint):
    message = refusal(write(name, f"text{separator}label\na{separator}pos\n"))
    assert f"hint: {hint}" in message


def test_rows_are_chosen_by_a_column(write):
    path = write("a.csv", "text,label,split\na,pos,train\nb,neg,dev\n,,train\nd,pos,dev\n")
    chosen = list(read(path, where={"split": "dev"}, columns=["split"], labels="required"))
    assert [(record.text, record.place) for record in chosen] == [
        ("b", "a.csv, row 2"),
        ("d", "a.csv, row 4"),
    ]
    assert [record.text for record in read(path, where={"split": "dev", "label": "pos"})] == ["d"]


def test_a_value_that_no_row_has(write, refusal):
    path = write("a.csv", "text,label,split\na,pos,train\nb,neg,dev\n")
    assert refusal(path, where={"split": "test"}) == (
        "a.csv: 1 problem (1 no records)\n  a.csv: no row has split='test'; the values found are split: 'train', 'dev'"
    )


def test_values_of_json_are_compared_as_they_are_written(write):
    path = write("a.jsonl", '{"text": "a", "fold": 1, "ok": true}\n{"text": "b", "fold": 2, "ok": true}\n')
    assert [record.text for record in read(path, where={"fold": "2", "ok": "true"})] == ["b"]


def test_a_missing_group(write, refusal):
    path = write("a.csv", "text,movie\na,m\nb, \n")
    assert "  a.csv, row 2: no group in column 'movie'" in refusal(path, group_column="movie")


def test_options_that_cannot_be_meant():
    with pytest.raises(OptionError, match="text_column and label_column must differ; got 'x' for both"):
        read("a.csv", text_column="x", label_column="x")
    with pytest.raises(OptionError, match="label_column must be None where labels='absent'; got 'x'"):
        read("a.csv", label_column="x", labels="absent")
    with pytest.raises(
        OptionError, match="columns must be a sequence of names; got the single string 'split'"
    ):
        read("a.csv", columns="split")
