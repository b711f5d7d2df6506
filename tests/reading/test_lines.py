"""Plain lines: one text a line, split at \\n and nowhere else."""

from __future__ import annotations

import pytest

from peephole.errors import DataError
from peephole.reading import lines, read


def texts(source, **options):
    return [record.text for record in read(source, **options)]


@pytest.mark.parametrize("packed", [False, True])
def test_each_line_is_a_text_without_its_line_end(write, packed):
    path = write("a.txt" + ".gz" * packed, "one, two\n  three\t\r\nfour\r\r\nfive", packed=packed)
    records = list(read(path))
    assert [record.text for record in records] == ["one, two", "  three\t", "four\r", "five"]
    assert [record.label for record in records] == [None] * 4
    assert records[2].place == f"{path}, line 3"


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\r"])
def test_other_line_ends_do_not_cut_a_text(write, char):
    assert texts(write("a.txt", f"a{char}b\nc\n")) == [f"a{char}b", "c"]


def test_a_byte_order_mark_is_left_out(write):
    assert texts(write("a.txt", "\ufeffa\n\ufeffb\n")) == ["a", "\ufeffb"]


def test_one_record_for_each_line_when_empty_ones_are_kept(write):
    path = write("a.txt", "\n" * 10_000)
    records = list(read(path, labels="absent", keep_empty=True))
    assert [record.text for record in records] == [""] * 10_000
    assert records[-1].place == "a.txt, line 10000"


def test_ten_thousand_empty_lines_are_ten_thousand_problems_in_a_short_message(write, refusal):
    message = refusal(write("a.txt", "\n" * 10_000), labels="absent")
    head, *rest = message.split("\n")
    assert head == "a.txt: 10,000 problems (10,000 empty text); the first 20:"
    assert rest == [
        *(f"  a.txt, line {number}: empty text" for number in range(1, 21)),
        "hint: leave bad records out with --skip-bad (skip_bad=True in Python)",
    ]


def test_nothing_is_left_when_all_lines_are_skipped(write):
    stream = read(write("a.txt", "\n" * 10_000), skip_bad=True)
    with pytest.raises(DataError) as caught:
        list(stream)
    assert str(caught.value) == (
        "a.txt: 1 problem (1 no records)\n"
        "  a.txt: no record is left: all 10,000 were skipped (10,000 empty text)"
    )


@pytest.mark.parametrize("blank", ["", " ", "\t \t", "\x85", "\u2028", "\xa0", "\u3000"])
def test_a_text_of_white_space_only_is_empty(write, blank, refusal):
    assert "  a.txt, line 2: empty text" in refusal(write("a.txt", f"a\n{blank}\nb\n"))


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file(write, refusal, content):
    expected = "a.txt: 1 problem (1 empty file)\n  a.txt: empty: it holds no text at all"
    assert refusal(write("a.txt", content), keep_empty=True) == expected


def test_a_bad_byte_is_named_by_line_and_byte(write):
    path = write("a.txt", b"good\ncaf\xe9 noir\n\xc3\nfine\n")
    with pytest.raises(DataError) as caught:
        list(read(path))
    assert caught.value.problems == (
        ("a.txt, line 2, byte 8", "bad byte 0xE9: not UTF-8 (invalid continuation byte)"),
        ("a.txt, line 3, byte 15", "bad byte 0xC3: not UTF-8 (invalid continuation byte)"),
    )
    assert texts(path, skip_bad=True) == ["good", "fine"]


def test_the_byte_order_mark_counts_in_the_offset(write, refusal):
    assert "  a.txt, line 1, byte 6: bad byte 0xE9" in refusal(write("a.txt", b"\xef\xbb\xbfcaf\xe9\n"))


def test_a_line_over_the_bound_is_passed_over(write, monkeypatch):
    monkeypatch.setattr(lines, "MAX_RECORD_BYTES", 50)
    monkeypatch.setattr(lines, "_DISCARD", 7)
    long = "x" * 500
    data = f"{'a' * 49}\n{long}\nb\n{long}".encode()
    stream = read(write("a.txt", data + b"\n\xff\n"), skip_bad=True)
    assert [record.text for record in stream] == ["a" * 49, "b"]
    assert stream.skipped.reasons == {"record too long": 2, "bad byte": 1}
    # The offset after a line that was passed over is still that of the file.
    assert stream.skipped.first[-1].place == f"a.txt, line 5, byte {len(data) + 1}"


def test_lines_have_no_columns_and_no_labels(write, refusal):
    path = write("a.txt", "a\n")
    assert refusal(path, text_column="body", labels="required") == (
        "a.txt: 2 problems (1 missing column, 1 missing label)\n"
        "  a.txt: plain lines have no columns; got text_column 'body'\n"
        "  a.txt: plain lines have no labels, which are needed here\n"
        "hint: give a table, or read it as one with --format csv, tsv, jsonl or parquet"
    )
