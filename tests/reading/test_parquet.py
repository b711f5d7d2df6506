"""Parquet: the values as tables of text would have them, and files that are damaged."""

from __future__ import annotations

import gzip
import io
import sys

import pytest

from peephole.errors import DataError, MissingExtra
from peephole.reading import read

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")


def packed(columns, **options) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("ending", [".parquet", ".pq"])
def test_rows_come_in_order_over_groups_and_batches(write, ending, gzipped):
    count = 3_000
    columns = {
        "Review": [f"text {n}" for n in range(count)],
        "label": [n % 2 for n in range(count)],
        "fold": [n % 5 for n in range(count)],
        "unused": [[n] for n in range(count)],
    }
    path = write(f"a{ending}{'.gz' * gzipped}", packed(columns, row_group_size=700), packed=gzipped)
    records = list(read(path, labels="required", columns=["fold"]))
    assert [record.text for record in records] == columns["Review"]
    assert [record.label for record in records] == [str(n % 2) for n in range(count)]
    assert records[-1].fields == {"fold": "4"}
    assert records[-1].place == f"{path}, row 3000"


@pytest.mark.parametrize(
    "labels",
    [
        pyarrow.array(["b", "a", None]),
        pyarrow.array(["b", "a", None], pyarrow.large_string()),
        pyarrow.array(["b", "a", None]).dictionary_encode(),
        pyarrow.array([1, 0, None], pyarrow.int8()),
        pyarrow.array([1.0, 0.0, float("nan")]),
        pyarrow.array([1.0, 0.0, None]),
        pyarrow.array([True, False, None]),
    ],
    ids=["string", "large string", "dictionary", "int8", "double, nan", "double, null", "bool"],
)
def test_labels_of_every_column_type(write, labels):
    path = write("a.parquet", packed({"text": ["x", "y", "z"], "label": labels}))
    found = [record.label for record in read(path)]
    assert found in (["b", "a", None], ["1", "0", None], ["true", "false", None])


def test_bad_values_are_named_by_row(write, refusal):
    bad = pyarrow.array([b"fine", b"caf\xe9", b"", None, b"a\0b"], pyarrow.binary())
    strings = pyarrow.StringArray.from_buffers(len(bad), bad.buffers()[1], bad.buffers()[2], bad.buffers()[0])
    path = write("a.parquet", packed({"text": strings}))
    assert refusal(path) == (
        "a.parquet: 4 problems (1 bad byte, 1 empty text, 1 mixed types, 1 bad character)\n"
        "  a.parquet, row 2: bad byte 0xE9 at byte 3 of a value: not UTF-8 (unexpected end of data)\n"
        "  a.parquet, row 3: empty text\n"
        "  a.parquet, row 4: the text must be a string; got null\n"
        "  a.parquet, row 5: a value holds a NUL character (U+0000), which is not text\n"
        "hint: write the file with strings in UTF-8; "
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    assert [record.text for record in read(path, skip_bad=True)] == ["fine"]


@pytest.mark.parametrize(
    ("column", "said"),
    [([3], "the number 3"), ([["a"]], "a list"), ([{"a": 1}], "an object"), ([b"a"], "bytes: \"b'a'\"")],
)
def test_a_text_column_of_another_type(write, refusal, column, said):
    path = write("a.parquet", packed({"text": column}))
    assert f"  a.parquet, row 1: the text must be a string; got {said}" in refusal(path)


def test_columns_are_found_and_missed_as_in_other_tables(write, refusal):
    path = write("a.parquet", packed({"body": ["a"], "label": ["pos"]}))
    assert (
        "no text column (one of text, review, sentence, content); the columns are 'body', 'label'"
        in refusal(path)
    )


def test_no_rows(write, refusal):
    path = write("a.parquet", packed({"text": pyarrow.array([], pyarrow.string())}))
    assert "  a.parquet: no rows, only the columns 'text'" in refusal(path)


@pytest.mark.parametrize("data", [b"PAR1", b"text,label\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_what_is_no_parquet_file(write, refusal, data):
    message = refusal(write("a.parquet", data))
    assert message.startswith(
        "a.parquet: 1 problem (1 damaged Parquet)\n  a.parquet: not a readable Parquet file: "
    )


def test_damage_in_the_middle(write):
    data = bytearray(packed({"text": [f"text {n}" for n in range(5_000)]}, use_dictionary=False))
    for place in range(20, 2_000):
        data[place] ^= 0xA5
    with pytest.raises(DataError):
        list(read(write("a.parquet", bytes(data))))


@pytest.mark.parametrize("gzipped", [False, True])
def test_an_empty_file(write, refusal, gzipped):
    path = write("a.parquet" + ".gz" * gzipped, b"", packed=gzipped)
    assert "empty: it holds no text at all" in refusal(path)


def test_from_standard_input(monkeypatch):
    raw = io.BytesIO(packed({"text": ["a", "b"]}))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    assert [record.text for record in read("-", format="parquet")] == ["a", "b"]


def test_a_truncated_gzip(write, refusal):
    part = gzip.compress(packed({"text": ["a"] * 100}))[:-20]
    assert "1 truncated gzip" in refusal(write("a.parquet.gz", part))


def test_without_pyarrow_the_extra_is_named(write, monkeypatch):
    path = write("a.parquet", packed({"text": ["a"]}))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="reading Parquet files needs the package 'pyarrow'") as caught:
        list(read(path))
    assert caught.value.hint == 'pip install "peephole[parquet]"'
