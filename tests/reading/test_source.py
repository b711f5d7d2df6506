"""Where texts come from: names and their endings, standard input, options."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from peephole.errors import DataError, OptionError
from peephole.reading import FORMATS, read


def feed(monkeypatch, data: bytes) -> io.BytesIO:
    """Put `data` on standard input: bytes behind a text stream of another encoding."""
    raw = io.BytesIO(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="ascii", newline=None))
    return raw


def test_standard_input_is_plain_lines_unless_said_otherwise(monkeypatch):
    feed(monkeypatch, "é\x85b\r\nc\n".encode())
    assert [(record.text, record.place) for record in read("-")] == [
        ("é\x85b", "stdin, line 1"),
        ("c", "stdin, line 2"),
    ]


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("csv", b'text,label\n"a\nb",pos\n'),
        ("tsv", b'text\tlabel\n"a\nb"\tpos\n'),
        ("jsonl", b'{"text": "a\\nb", "label": "pos"}'),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_in_a_format(monkeypatch, format_name, data, packed):
    raw = feed(monkeypatch, gzip.compress(data) if packed else data)
    (record,) = read("-", format=format_name)
    assert (record.text, record.label) == ("a\nb", "pos")
    assert not raw.closed


def test_bad_bytes_on_standard_input_are_named_as_in_a_file(monkeypatch, refusal):
    feed(monkeypatch, b"good\n\xff\n")
    assert "  stdin, line 2, byte 5: bad byte 0xFF" in refusal("-")


def test_empty_standard_input(monkeypatch, refusal):
    feed(monkeypatch, b"")
    assert refusal("-") == "stdin: 1 problem (1 empty file)\n  stdin: empty: it holds no text at all"


def test_labels_cannot_come_as_lines(monkeypatch, refusal):
    feed(monkeypatch, b"a\n")
    message = refusal("-", labels="required")
    assert "  stdin: plain lines have no labels" in message
    assert "--format csv" in message


def test_a_process_without_standard_input(monkeypatch, refusal):
    monkeypatch.setattr(sys, "stdin", None)
    assert "  stdin: this process has no standard input in bytes" in refusal("-")


@pytest.mark.parametrize("packed", [False, True])
def test_a_real_pipe(packed):
    program = (
        "from peephole.reading import read\n"
        "for record in read('-', format='csv'): print(ascii(record.text), record.label)"
    )
    data = "text,label\né\u2028b,pos\n".encode()
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=gzip.compress(data) if packed else data,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == "'\\xe9\\u2028b' pos"
    assert done.stderr == b""


def test_standard_input_can_be_named_once_and_is_no_folder():
    with pytest.raises(OptionError, match="standard input '-' can be read once; got it twice"):
        read(["-", "a.csv", "-"])
    with pytest.raises(OptionError, match="standard input cannot be read as format 'folder'"):
        read("-", format="folder")


def test_a_format_that_is_given_wins_over_the_name(write):
    path = write("a.txt", "text,label\na,pos\n")
    assert [record.label for record in read(path, format="csv")] == ["pos"]
    assert len(list(read(path))) == 2


@pytest.mark.parametrize("name", ["D.CSV", "E.CSV.GZ", "F.Csv.gZ", "g.csv.GZ"])
def test_an_ending_may_be_in_capitals(write, name):
    path = write(name, "text,label\na,pos\n", packed=name.lower().endswith(".gz"))
    assert [(record.text, record.label) for record in read(path)] == [("a", "pos")]


def test_an_unknown_ending_asks_for_the_format(write, refusal):
    for name, ending in (("reviews", "none"), ("a.data.gz", ".data")):
        message = refusal(write(name, "text\na\n", packed=name.endswith("gz")))
        assert (
            f"got '{ending}'\nhint: say it with --format, one of csv, tsv, tsv-raw, jsonl, lines, parquet"
            in message
        )


def test_a_format_that_does_not_fit_a_folder_or_a_file(write, refusal):
    write("d/pos/1.txt", "a")
    assert "  d: format 'csv' cannot be read from a folder" in refusal("d", format="csv")
    path = write("a.csv", "text\na\n")
    assert "  a.csv: format 'folder' cannot be read from a file" in refusal(path, format="folder")
    assert [record.text for record in read("d", format="folder")] == ["a"]


@pytest.mark.parametrize("name", ["missing.csv", "", "a\0b.csv", "x" * 5_000 + ".csv", "missing/"])
def test_what_is_not_there(refusal, name):
    assert "no such file or folder" in refusal(name)


def test_paths_are_taken_as_objects_and_strings(write, tmp_path):
    write("a.csv", "text\na\n")
    for sources in ("a.csv", Path("a.csv"), tmp_path / "a.csv", [Path("a.csv")], ("a.csv",)):
        assert [record.text for record in read(sources)] == ["a"]


def test_options_are_checked_at_once():
    with pytest.raises(
        OptionError, match=r"format must be one of 'csv', .*got 'cvs' \(did you mean 'csv'\?\)"
    ):
        read("a.csv", format="cvs")
    with pytest.raises(
        OptionError, match="labels must be one of 'required', 'optional', 'absent'; got 'none'"
    ):
        read("a.csv", labels="none")
    with pytest.raises(OptionError, match="sources must name at least one"):
        read([])
    assert FORMATS == ("csv", "tsv", "tsv-raw", "jsonl", "lines", "parquet", "folder")


def test_nothing_is_opened_before_the_first_record_is_asked_for():
    stream = read("missing.csv")
    with pytest.raises(DataError):
        next(stream)


def test_reading_needs_neither_torch_nor_the_extras():
    program = (
        "import sys, peephole.reading\n"
        "print([name for name in ('torch', 'pyarrow', 'datasets', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
