"""CSV and TSV: what is read, and what each malformed record costs."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peephole.errors import DataError
from peephole.reading import lines, read, tables


def texts(source, **options):
    return [record.text for record in read(source, **options)]


def pairs(source, **options):
    return [(record.text, record.label) for record in read(source, **options)]


# --- what is read ---------------------------------------------------------------------------------------------------


def test_csv_gives_text_label_group_fields_and_place(write):
    path = write("reviews.csv", "movie,text,label,year\nm1,Great.,positive,1999\nm2,Dull.,negative,2001\n")
    first, second = read(path, group_column="movie", split_column="year")
    assert (first.text, first.label, first.group) == ("Great.", "positive", "m1")
    assert first.place == "reviews.csv, row 1"
    assert first.fields == {"year": "1999"}
    assert second.place == "reviews.csv, row 2"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["reviews.tsv", "REVIEWS.TSV"])
def test_tsv_and_its_gzip(write, name, packed):
    path = write(name + ".gz" * packed, 'text\tlabel\n"a\tb"\t1\nc, d\t0\n', packed=packed)
    assert pairs(path) == [("a\tb", "1"), ("c, d", "0")]


def test_a_quoted_field_keeps_its_line_ends_and_quotes(write):
    path = write("a.csv", 'text,label\r\n"one\ntwo\r\nthree ""quoted""",pos\r\nlast,neg\r\n')
    assert pairs(path) == [('one\ntwo\r\nthree "quoted"', "pos"), ("last", "neg")]


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_what_splitlines_takes_for_a_line_end_does_not_cut_a_review(write, char):
    assert len(f"a{char}b".splitlines()) == 2  # the trap is real
    path = write("a.csv", f"text,label\na{char}b,pos\nc,neg\n")
    assert pairs(path) == [(f"a{char}b", "pos"), ("c", "neg")]


def test_texts_are_not_stripped_or_normalised(write):
    path = write("a.csv", 'text\n" two  spaces "\n<br />É\n')
    assert texts(path) == [" two  spaces ", "<br />É"]


def test_a_byte_order_mark_is_no_part_of_the_first_column_name(write):
    path = write("a.csv", b"\xef\xbb\xbftext,label\na,pos\nb,neg\n")
    assert pairs(path, labels="required") == [("a", "pos"), ("b", "neg")]


def test_blank_lines_are_no_rows(write):
    path = write("a.csv", "\n\ntext,label\n\na,pos\n\r\n\nb,neg\n\n")
    assert [record.place for record in read(path)] == ["a.csv, row 1", "a.csv, row 2"]


def test_the_last_line_needs_no_line_end(write):
    assert pairs(write("a.csv", "text,label\na,pos\nb,neg")) == [("a", "pos"), ("b", "neg")]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "header", ["text;label", '"text";"label"', '\ufeff"text";label', "\n\r\ntext;label", 'text;label;"a, b"']
)
def test_a_header_with_semicolons_and_no_comma_makes_semicolons_the_separator(write, header, packed):
    rest = ";0,5" if header.endswith('b"') else ""
    rows = f'"one; ""two""\nthree, four";pos{rest}\nfive, six;neg{rest}\n'
    path = write("a.csv" + ".gz" * packed, f"{header}\n{rows}", packed=packed)
    assert pairs(path) == [('one; "two"\nthree, four', "pos"), ("five, six", "neg")]


@pytest.mark.parametrize("header", ["text,a;b", "text", '"text","a;b"', 'text,"a;b"'])
def test_any_other_header_leaves_the_comma(write, header):
    width = header.count(",")
    path = write("a.csv", f"{header}\na;b{',x' * width}\n")
    assert texts(path) == ["a;b"]


def test_rows_with_semicolons_are_counted_and_placed_as_others(write, refusal):
    message = refusal(write("a.csv", b"\ntext;label\na;pos\nb\n\xff;neg\n"))
    assert "  a.csv, row 2: the header names 2 columns; got 1 (from 'b')\n" in message
    assert "  a.csv, row 3, byte 20: bad byte 0xFF" in message


def test_semicolons_separate_nothing_in_a_tsv(write):
    assert texts(write("a.tsv", "text\ta;b\nc;d\te\n")) == ["c;d"]


def test_quotes_are_ordinary_characters_in_a_raw_tsv(write):
    path = write("tweets.tsv", 'text\tlabel\n"Great" movie\t1\n"never closed\t0\n')
    assert pairs(path, format="tsv-raw") == [('"Great" movie', "1"), ('"never closed', "0")]


def test_a_review_of_a_million_characters(write):
    long = "Great, really. " * 70_000
    path = write("a.csv", f'text,label\n"{long}",pos\nshort,neg\n')
    first, second = read(path)
    assert first.text == long
    assert len(first.text) > 1_000_000
    assert second.text == "short"


# Any text UTF-8 can hold, but NUL (never text); weighted towards what tables trip over.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | st.text(
    st.sampled_from('",\n\r\t\x85\u2028\ufeff aé'), max_size=12
)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("delimiter", "ending"), [(",", ".csv"), ("\t", ".tsv")])
@given(rows=st.lists(ANY_TEXT, min_size=1, max_size=8), terminator=st.sampled_from(["\r\n", "\n"]))
@settings(deadline=None, max_examples=60)
def test_what_csv_writer_writes_is_read_back_equal(
    tmp_path_factory, rows, terminator, delimiter, ending, packed
):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=terminator, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "text"])
    writer.writerows([str(number), text] for number, text in enumerate(rows))
    path = tmp_path_factory.mktemp("round") / f"a{ending}{'.gz' * packed}"
    data = buffer.getvalue().encode("utf-8")
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    assert texts(path, keep_empty=True) == rows


# --- what is wrong, and where -----------------------------------------------------------------------------------------


def test_bad_bytes_are_named_by_row_and_byte(write, refusal):
    data = b"text,label\ngood,pos\ncaf\xe9,neg\n"
    assert data.index(0xE9) == 23
    assert refusal(write("reviews.csv", data)) == (
        "reviews.csv: 1 problem (1 bad byte)\n"
        "  reviews.csv, row 2, byte 23: bad byte 0xE9: not UTF-8 (invalid continuation byte)\n"
        "hint: save the file as UTF-8 (for example: iconv -f WINDOWS-1252 -t UTF-8); "
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_the_byte_offset_is_that_of_the_unpacked_file(write, start, packed):
    data = start + 'text,label\n"two\nlïnes",pos\n"more\n'.encode() + b"\xff" + b'lines",neg\n'
    path = write("a.csv" + ".gz" * packed, data, packed=packed)
    with pytest.raises(DataError) as caught:
        list(read(path))
    assert caught.value.problems[0][0] == f"{path}, row 2, byte {data.index(0xFF)}"


def test_only_the_record_with_the_bad_byte_is_skipped(write):
    path = write("a.csv", b'text,label\na,pos\n"b\n\xe9\n",neg\nc,pos\nd\x00,neg\ne,neg\n')
    stream = read(path, skip_bad=True)
    assert [record.text for record in stream] == ["a", "c", "e"]
    assert (stream.skipped.total, stream.skipped.reasons) == (2, {"bad byte": 2})


def test_a_nul_is_a_bad_byte(write, refusal):
    message = refusal(write("a.csv", b"text,label\na\x00b,pos\n"))
    assert "  a.csv, row 1, byte 12: bad byte 0x00: a NUL is not text" in message


def test_of_two_bad_bytes_the_first_is_named(write, refusal):
    assert "row 1, byte 5:" in refusal(write("a.csv", b"text\n\x00\xff\n"))
    assert "row 1, byte 5: bad byte 0xFF" in refusal(write("b.csv", b"text\n\xff\x00\n"))


def test_a_row_with_another_number_of_columns(write, refusal):
    path = write("a.csv", "text,label\nGood, really,pos\nalone\nfine,neg\n")
    assert refusal(path) == (
        "a.csv: 2 problems (2 wrong number of columns)\n"
        "  a.csv, row 1: the header names 2 columns; got 3 (from 'Good')\n"
        "  a.csv, row 2: the header names 2 columns; got 1 (from 'alone')\n"
        "hint: put a field that holds the separator or a line end in double quotes; "
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    assert texts(path, skip_bad=True) == ["fine"]


def test_an_undoubled_quote(write, refusal):
    path = write("a.csv", 'text,label\n"he said "hi" to me",pos\nfine,neg\n')
    assert refusal(path) == (
        "a.csv: 1 problem (1 unbalanced quote)\n"
        "  a.csv, row 1: a quoted field must end before a separator or a line end; got ',' expected after '\"'\n"
        'hint: write a quote within a quoted field twice (""); '
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    assert texts(path, skip_bad=True) == ["fine"]


def test_a_tsv_with_stray_quotes_is_pointed_to_the_raw_format(write, refusal):
    assert "--format tsv-raw" in refusal(write("a.tsv", 'text\tlabel\n"Great" movie\t1\n'))


def test_a_quote_that_is_never_closed_costs_its_line_only(write, refusal):
    path = write("a.csv", 'text,label\na,pos\n"open,neg\nb,pos\nc,neg\n')
    assert refusal(path) == (
        "a.csv: 1 problem (1 unbalanced quote)\n"
        "  a.csv, row 2: a quote opened in the record on line 3 is not closed by the end of the file\n"
        'hint: close the quote; a quote within a quoted field is written twice (""); '
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    stream = read(path, skip_bad=True)
    assert [(record.text, record.place) for record in stream] == [
        ("a", "a.csv, row 1"),
        ("b", "a.csv, row 3"),
        ("c", "a.csv, row 4"),
    ]
    assert stream.skipped.reasons == {"unbalanced quote": 1}


def test_many_quotes_that_cannot_be_closed_take_linear_work(write, monkeypatch):
    # Each line leaves a quote open, whether it begins inside one or not: going back for each would be quadratic.
    count = 2_000
    decoded = 0
    decode = tables.decode

    def counted(line):
        nonlocal decoded
        decoded += 1
        return decode(line)

    monkeypatch.setattr(tables, "decode", counted)
    stream = read(write("a.csv", "text,label,x,y\n" + 'a",""",\n' * count), skip_bad=True)
    with pytest.raises(DataError, match="no record is left"):
        list(stream)
    assert stream.skipped.total == count
    assert decoded <= 2 * count + 2


def test_a_record_over_the_bound_is_named_and_the_rest_is_read(write, refusal, monkeypatch):
    monkeypatch.setattr(lines, "MAX_RECORD_BYTES", 100)
    path = write("a.csv", f"text,label\n{'x' * 200},pos\nb,neg\n")
    assert refusal(path) == (
        "a.csv: 1 problem (1 record too long)\n"
        "  a.csv, row 1: longer than 100 bytes (line 2)\n"
        "hint: look for a quote that is never closed, or for other line ends than \\n; "
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    assert texts(path, skip_bad=True) == ["b"]


def test_a_quoted_record_over_the_bound_costs_its_first_line_only(write, monkeypatch):
    monkeypatch.setattr(lines, "MAX_RECORD_BYTES", 100)
    path = write("a.csv", 'text,label\n"open,pos\n' + "line,neg\n" * 30)
    stream = read(path, skip_bad=True)
    assert [record.text for record in stream] == ["line"] * 30
    assert "not closed within 100 bytes" in stream.skipped.first[0].rule


def test_a_stray_carriage_return(write, refusal):
    path = write("a.csv", "text,label\na\rb,pos\nfine,neg\n")
    assert "  a.csv, row 1: a carriage return (0x0D) stands outside quotes" in refusal(path)
    assert texts(path, skip_bad=True) == ["fine"]


def test_old_line_ends(write, refusal):
    message = refusal(write("a.csv", "text,label\ra,pos\rb,neg\r"))
    assert "  a.csv, header: a carriage return (0x0D)" in message
    assert "hint: use line ends" in message
    assert "--skip-bad" not in message  # a header cannot be skipped


def test_an_empty_file(write, refusal):
    assert refusal(write("a.csv", "")) == (
        "a.csv: 1 problem (1 empty file)\n  a.csv: empty: it has no header row"
    )
    assert "it has no header row" in refusal(write("b.csv", "\n" * 10_000))


def test_a_header_only(write, refusal):
    assert refusal(write("a.csv", "text,label\n\n")) == (
        "a.csv: 1 problem (1 empty file)\n  a.csv: no rows, only a header: 'text', 'label'"
    )


def test_a_header_with_a_bad_byte_cannot_be_skipped(write):
    path = write("a.csv", b"text,caf\xe9\na,1\n")
    with pytest.raises(DataError, match=r"a\.csv, header, byte 8: bad byte 0xE9"):
        list(read(path, skip_bad=True))


def test_the_csv_modules_own_limit_is_not_lowered(write):
    before = csv.field_size_limit(2_000_000_000)
    try:
        list(read(write("a.csv", "text\na\n")))
        assert csv.field_size_limit() == 2_000_000_000
    finally:
        csv.field_size_limit(before)


def test_nothing_is_written(write, tmp_path: Path):
    path = write("a.csv", b"text,label\n\xff,pos\n,neg\n")
    with pytest.raises(DataError):
        list(read(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]
