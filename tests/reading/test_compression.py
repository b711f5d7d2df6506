"""Gzip, told by its bytes; and files that are no text at all."""

from __future__ import annotations

import gzip
import os
import threading

import pytest

from peephole.errors import DataError
from peephole.reading import read

TABLE = "text,label\n" + "".join(f"review number {n},{'pos' if n % 2 else 'neg'}\n" for n in range(5_000))


def test_a_truncated_gzip_is_an_error_with_and_without_skip_bad(write):
    path = write("a.csv.gz", gzip.compress(TABLE.encode())[:-2_000])
    for skip_bad in (False, True):
        with pytest.raises(DataError) as caught:
            list(read(path, skip_bad=skip_bad))
        assert str(caught.value) == (
            "a.csv.gz: 1 problem (1 truncated gzip)\n"
            "  a.csv.gz: the gzip data end before their end mark: the file is cut off\n"
            "hint: fetch or pack the file again"
        )


@pytest.mark.parametrize("cut", [1, 4, 8, 9])
def test_a_gzip_without_its_last_bytes(write, refusal, cut):
    assert "truncated gzip" in refusal(write("a.csv.gz", gzip.compress(TABLE.encode())[:-cut]))


@pytest.mark.parametrize("length", [2, 5, 10, 15])
def test_a_gzip_of_a_few_bytes(write, refusal, length):
    assert "truncated gzip" in refusal(write("a.csv.gz", gzip.compress(TABLE.encode())[:length]))


def test_damage_in_the_middle_and_at_the_checksum(write, refusal):
    data = bytearray(gzip.compress(TABLE.encode()))
    data[-6] ^= 0xFF
    assert "  a.csv.gz: damaged gzip data: CRC check failed" in refusal(write("a.csv.gz", bytes(data)))
    data = bytearray(gzip.compress(TABLE.encode()))
    for place in range(40, 80):
        data[place] ^= 0xFF
    assert "1 damaged gzip" in refusal(write("b.csv.gz", bytes(data)))


def test_rubbish_after_the_gzip(write, refusal):
    path = write("a.csv.gz", gzip.compress(b"text\na\n") + b"rubbish")
    assert "damaged gzip" in refusal(path)


def test_several_gzip_members_are_one_file(write):
    path = write("a.csv.gz", gzip.compress(b"text\na\nb") + gzip.compress(b"c\nd\n"))
    assert [record.text for record in read(path)] == ["a", "bc", "d"]


def test_gzip_is_told_by_its_bytes_and_not_by_its_name(write):
    path = write("a.csv", "text\na\n", packed=True)
    assert [record.text for record in read(path)] == ["a"]


def test_a_name_that_promises_gzip(write, refusal):
    assert refusal(write("a.csv.gz", "text\na\n")) == (
        "a.csv.gz: 1 problem (1 damaged gzip)\n"
        "  a.csv.gz: named .gz, but its bytes are not gzip\n"
        "hint: rename or pack it"
    )


def test_a_name_in_capitals_promises_gzip_too(write, refusal):
    assert "  A.CSV.GZ: named .gz, but its bytes are not gzip\n" in refusal(write("A.CSV.GZ", "text\na\n"))


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["no bytes", "packed nothing"])
def test_an_empty_gzip(write, refusal, data):
    assert "  a.csv.gz: empty: it has no header row" in refusal(write("a.csv.gz", data))


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"PK\x03\x04....", "a ZIP archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel or Word file"),
        (b"PAR1....", "a Parquet file"),
        ("text,label\na,b\n".encode("utf-16"), "UTF-16 text"),
        (b"\xfe\xff\x00t", "UTF-16 text"),
        (b"\xfd7zXZ\x00", "compressed with xz"),
        (b"(\xb5/\xfd", "compressed with zstd"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_a_file_that_is_no_text_is_told_what_it_is(write, refusal, name, start, said):
    message = refusal(write(name, start))
    assert f"  {name}: the file is {said}, not UTF-8 text\nhint: " in message


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_is_read_once_and_forwards(tmp_path, packed):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = gzip.compress(TABLE.encode()) if packed else TABLE.encode()
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    records = list(read(path, format="csv", labels="required"))
    writer.join()
    assert len(records) == 5_000


def test_a_file_that_the_system_will_not_give(write, refusal, monkeypatch):
    path = write("a.csv", "text\na\n")

    def refused(*args, **options):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refused)
    message = refusal(path)
    monkeypatch.undo()
    assert message == (
        "a.csv: 1 problem (1 cannot be opened)\n"
        "  a.csv: cannot be read: Permission denied\n"
        "hint: check its name and rights"
    )
