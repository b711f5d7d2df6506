"""The stream: order, several sources, one error for all, skipping, memory."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from peephole.errors import DataError
from peephole.reading import read


def test_sources_of_different_formats_are_one_stream_in_their_order(write):
    sources = [
        write("c.jsonl", '{"text": "c", "label": "pos"}\n'),
        write("a.csv", "review,class\na,neg\n"),
        write("b.tsv.gz", "sentiment\tcontent\npos\tb\n", packed=True),
        write("d.txt", "d\n"),
    ]
    write("e/pos/1.txt", "e")
    stream = read([*sources, "e"])
    assert [(record.text, record.label) for record in stream] == [
        ("c", "pos"),
        ("a", "neg"),
        ("b", "pos"),
        ("d", None),
        ("e", "pos"),
    ]
    assert stream.count == 5
    assert list(stream) == []


def test_all_problems_of_all_sources_are_one_error(write):
    sources = [
        write("a.csv", "text,label\n,pos\nb,\n"),
        write("b.csv", "body,label\nb,pos\n"),
        "missing.csv",
        write("c.csv.gz", "not packed"),
        write("d.xlsx", "?"),
        write("e.csv", b"text,label\n\xff,pos\n"),
    ]
    with pytest.raises(DataError) as caught:
        list(read(sources, labels="required"))
    assert str(caught.value) == (
        "a.csv, b.csv, missing.csv and 3 more: 7 problems "
        "(1 not found, 1 empty text, 1 missing label, 1 missing column, 1 damaged gzip, 1 unknown format, 1 bad byte)\n"
        "  missing.csv: no such file or folder\n"
        "  a.csv, row 1: empty text\n"
        "  a.csv, row 2: no label\n"
        "  b.csv: no text column (one of text, review, sentence, content); the columns are 'body', 'label'\n"
        "  c.csv.gz: named .gz, but its bytes are not gzip\n"
        "  d.xlsx: the format is told by the name's ending, one of .csv, .tsv, .jsonl, .ndjson, .json, .txt, "
        ".parquet, .pq (also with .gz); got '.xlsx'\n"
        "  e.csv, row 1, byte 11: bad byte 0xFF: not UTF-8 (invalid start byte)\n"
        "hint: check the name; relative names start here; or name the text column with --text-column"
    )


def test_everything_wrong_with_one_record_is_told(write, refusal):
    message = refusal(
        write("a.csv", "text,label,movie\n ,meh,\n"), known_labels=["no", "yes"], group_column="movie"
    )
    assert message.startswith("a.csv: 3 problems (1 empty text, 1 unknown label, 1 missing group)\n")


def test_records_before_the_first_problem_come_and_none_after_it(write):
    stream = read(write("a.csv", "text\na\nb\n \nd\n"))
    assert [next(stream).text, next(stream).text] == ["a", "b"]
    with pytest.raises(DataError, match="row 3: empty text"):
        next(stream)
    assert stream.count == 2


def test_a_missing_source_is_told_before_anything_is_handed_out(write):
    stream = read([write("a.csv", "text\na\n"), "missing.csv"])
    with pytest.raises(DataError, match=r"missing\.csv: no such file or folder"):
        next(stream)
    assert stream.count == 0


def test_skipping_counts_records_by_reason_in_order(write):
    stream = read(
        write("a.csv", b"text,label\na,pos\n ,\n\xff,pos\nb,neg\n ,neg\nc\n"),
        labels="required",
        skip_bad=True,
    )
    assert [record.text for record in stream] == ["a", "b"]
    skipped = stream.skipped
    assert skipped.total == 4
    assert skipped.reasons == {"empty text": 2, "bad byte": 1, "wrong number of columns": 1}
    assert str(skipped) == "2 empty text, 1 bad byte, 1 wrong number of columns"
    assert [problem.place for problem in skipped.first] == [
        "a.csv, row 2",
        "a.csv, row 3, byte 20",
        "a.csv, row 5",
        "a.csv, row 6",
    ]


def test_a_source_that_cannot_be_used_is_not_skipped(write):
    stream = read(["missing.csv", write("a.csv", "text\n \na\n")], skip_bad=True)
    with pytest.raises(
        DataError, match=r"missing\.csv: 1 problem|missing\.csv, a\.csv: 1 problem \(1 not found\)"
    ):
        list(stream)
    assert stream.count == 0


def test_empty_texts_are_records_when_kept(write):
    path = write("a.csv", 'text,label\n"",pos\n  ,neg\nc,pos\n')
    assert [record.text for record in read(path, keep_empty=True)] == ["", "  ", "c"]


def test_readers_that_keep_every_text_are_not_told_to_skip_any(write, refusal):
    # What labels texts gives one record out for each text in, and its command has no such option.
    path = write("a.csv", "text\na\nb,c\n")
    assert "--skip-bad" in refusal(path)
    message = refusal(path, keep_empty=True)
    assert "skip" not in message
    assert message.endswith("\nhint: put a field that holds the separator or a line end in double quotes")


def test_closing_early_closes_the_file(write):
    with read(write("a.csv", "text\n" + "a\n" * 100_000)) as stream:
        assert next(stream).text == "a"
    assert list(stream) == []  # and no ResourceWarning, which would be an error


def test_the_error_is_a_value_error_and_keeps_the_problems(write):
    with pytest.raises(ValueError, match="empty text") as caught:
        list(read(write("a.csv", "text\n \n")))
    assert isinstance(caught.value, DataError)
    assert caught.value.problems == (("a.csv, row 1", "empty text"),)


# --- memory -------------------------------------------------------------------------------------------------------------

ROWS = 12_000
CONTENTS = {
    "good.csv": lambda n: f'"review ""{n}"", quite\nordinary",{("pos", "neg")[n % 2]}\n',
    "good.jsonl": lambda n: f'{{"text": "review {n}", "label": "pos"}}\n',
    "good.txt": lambda n: f"review {n}\n",
    "bad.csv": lambda n: " ,pos\n" if n % 3 else "\udcff,x\n",
    "bad.jsonl": lambda n: f'{{"text": {n}, "label": "pos"}}\n',
    "bad.txt": lambda n: "\n",
}


def _peak(path, skip_bad) -> tuple[int, int]:
    """Peak of what reading a whole file holds, in bytes, and the number of records and problems met."""
    tracemalloc.start()
    stream = read(path, skip_bad=skip_bad)
    met = 0
    try:
        for _ in stream:
            met += 1
    except DataError:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, met + stream.skipped.total


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path, name, packed, skip_bad):
    peaks: list[int] = []
    for times in (1, 10):
        rows = ROWS * times // 10
        header = "text,label\n" if name.endswith(".csv") else ""
        body = (header + "".join(CONTENTS[name](n) for n in range(rows))).encode("utf-8", "surrogateescape")
        path = tmp_path / f"{times}-{name}"
        path.write_bytes(gzip.compress(body, 1) if packed else body)
        peak, met = _peak(path, skip_bad)
        if name.startswith("good") or skip_bad:
            assert met == rows
        peaks.append(peak)
    # Ten times the records, and the same buffers: a list of them would be a megabyte and more.
    assert peaks[1] < peaks[0] + 100_000
    assert peaks[1] < 1_000_000
