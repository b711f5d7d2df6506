"""Folders of texts: one folder a class, one file a text."""

from __future__ import annotations

import gzip
import os

import pytest

from peephole.errors import DataError
from peephole.reading import read


@pytest.fixture
def movies(write):
    """The layout of the Large Movie Review Dataset, in small."""
    for half in ("train", "test"):
        write(f"aclImdb/{half}/pos/10_9.txt", f"Great {half}.\n")
        write(f"aclImdb/{half}/pos/0_10.txt", "Fine.<br />Two\nlines.")
        write(f"aclImdb/{half}/neg/0_1.txt", "Dull.")
        write(f"aclImdb/{half}/urls_pos.txt", "http://example.org/\n")
        write(f"aclImdb/{half}/labeledBow.feat", "9 0:9\n")
    write("aclImdb/train/unsup/0_0.txt", "Unlabelled.")
    write("aclImdb/README", "read me")
    return "aclImdb/train"


def test_classes_and_texts_come_in_the_order_of_their_names(movies):
    records = list(read(movies, labels="required"))
    assert [(record.text, record.label) for record in records] == [
        ("Dull.", "neg"),
        ("Fine.<br />Two\nlines.", "pos"),
        ("Great train.", "pos"),
    ]
    assert records[0].place == "aclImdb/train/neg/0_1.txt"


def test_unlabelled_texts_are_read_where_labels_need_not_be_there(movies):
    records = list(read(movies, labels="absent"))
    assert [record.label for record in records] == [None] * 4
    assert [record.label for record in read(movies)] == ["neg", "pos", "pos", None]


def test_short_class_names_mean_the_long_labels_of_a_model(movies):
    labels = [
        record.label for record in read(movies, labels="required", known_labels=["negative", "positive"])
    ]
    assert labels == ["negative", "positive", "positive"]


def test_the_folder_above_is_refused_with_the_folder_to_give(movies, refusal):
    assert refusal("aclImdb", labels="required") == (
        "aclImdb: 1 problem (1 no class folders)\n"
        "  aclImdb/test: a class folder must hold texts; got the folders 'neg', 'pos'\n"
        "hint: if those are the classes, give aclImdb/test itself"
    )


def test_any_class_names_and_gzip_files_and_files_without_an_ending(write):
    write("topics/rec.autos/49960", "A car.")
    write("topics/sci.space/1.TXT", "A moon.")
    write("topics/sci.space/2.txt.gz", gzip.compress(b"A star."))
    write("topics/sci.space/3.TXT.GZ", gzip.compress(b"A sun."))
    write("topics/sci.space/.hidden", "no")
    write("topics/.git/config", "no")
    assert [(record.text, record.label) for record in read("topics")] == [
        ("A car.", "rec.autos"),
        ("A moon.", "sci.space"),
        ("A star.", "sci.space"),
        ("A sun.", "sci.space"),
    ]


def test_bad_files_are_named_and_can_be_skipped(write, refusal):
    write("d/pos/1.txt", b"caf\xe9")
    write("d/pos/2.txt", " \n")
    write("d/pos/3.pdf", "%PDF-1.4")
    write("d/pos/4.txt.gz", gzip.compress(b"Cut off in the middle." * 50)[:-9])
    write("d/pos/5.txt", "%PDF-1.4")
    write("d/pos/6.txt", "Good.")
    write("d/neg/1.txt", "\ufeffBad.\r\n")
    assert refusal("d", labels="required") == (
        "d: 5 problems (1 bad byte, 1 empty text, 2 not a text file, 1 truncated gzip)\n"
        "  d/pos/1.txt, byte 3: bad byte 0xE9: not UTF-8 (unexpected end of data)\n"
        "  d/pos/2.txt: empty text\n"
        "  d/pos/3.pdf: not a text file (.txt, .txt.gz or no ending)\n"
        "  d/pos/4.txt.gz: the gzip data end before their end mark: the file is cut off\n"
        "  d/pos/5.txt: the file is a PDF, not UTF-8 text\n"
        "hint: save the file as UTF-8 (for example: iconv -f WINDOWS-1252 -t UTF-8); "
        "or fetch or pack the file again; "
        "or leave bad records out with --skip-bad (skip_bad=True in Python)"
    )
    stream = read("d", labels="required", skip_bad=True)
    assert [(record.text, record.label) for record in stream] == [("Bad.", "neg"), ("Good.", "pos")]
    assert stream.skipped.total == 5


def test_a_folder_without_class_folders(write, refusal):
    write("d/a.csv", "text,label\na,pos\n")
    assert refusal("d", labels="required") == (
        "d: 1 problem (1 no class folders)\n"
        "  d: a folder of labelled texts must hold class folders, such as pos and neg; got the files 'a.csv'\n"
        "hint: give the files themselves"
    )


def test_an_empty_folder(tmp_path, refusal):
    assert "got nothing that is visible" in refusal(tmp_path)


def test_texts_directly_in_a_folder_need_no_class(write):
    write("d/b.txt", "two")
    write("d/a.txt", "one")
    assert [(record.text, record.label) for record in read("d")] == [("one", None), ("two", None)]


def test_a_class_folder_without_texts(write, refusal, tmp_path):
    write("d/pos/1.txt", "a")
    (tmp_path / "d" / "neg").mkdir()
    message = refusal("d", labels="required")
    assert "  d/neg: a class folder without texts" in message
    assert "single label" not in message  # what is missing is told once


def test_one_class_folder_is_a_single_class(write, refusal):
    write("d/pos/1.txt", "a")
    message = refusal("d", labels="required")
    assert "  d: a classifier needs two classes or more; got the single label 'pos'" in message


def test_folders_have_no_columns(movies, refusal):
    message = refusal(movies, group_column="movie", columns=["year"], where={"split": "dev"})
    assert "  aclImdb/train: folders of texts have no columns; got group_column 'movie'\n" in message
    assert "got columns 'year'\n" in message
    assert "got where 'split'" in message


@pytest.mark.skipif(os.name != "posix", reason="needs file names that are bytes")
def test_a_file_name_cannot_act_on_the_terminal(tmp_path):
    folder = tmp_path / "pos"
    folder.mkdir()
    for name in (b"\x1b[31mred.txt", b"caf\xe9.txt", b"two\nlines.txt"):
        (folder / os.fsdecode(name)).touch()
    with pytest.raises(DataError) as caught:
        list(read(tmp_path))
    message = str(caught.value)
    message.encode("utf-8")
    assert "\x1b" not in message
    assert "pos/\\x1b[31mred.txt: empty text" in message
    assert "pos/caf\\udce9.txt: empty text" in message
    assert "pos/two\\nlines.txt: empty text" in message


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_pipe_among_the_texts_does_not_hang(write, tmp_path, refusal):
    write("d/pos/1.txt", "a")
    os.mkfifo(tmp_path / "d" / "pos" / "2.txt")
    assert "  d/pos/2.txt: not a text file" in refusal("d")
