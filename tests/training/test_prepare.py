from __future__ import annotations

import csv
import dataclasses
from hashlib import sha1
from pathlib import Path

import numpy as np
import pytest

from peephole.classifier import Tokenizer
from peephole.errors import DataError, OptionError
from peephole.training import TrainRequest
from peephole.training.machine import Machine
from peephole.training.prepare import digest_of, prepare, read_parts

LINES = [
    (f"text number {n} is {'good' if n % 2 else 'bad'}", ("negative", "positive")[n % 2]) for n in range(60)
]


def write(path: Path, lines, header=("text", "label")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *lines])
    return path


@pytest.fixture
def ask(tmp_path, tiny):
    def make(lines, header=("text", "label"), **changes) -> TrainRequest:
        source = write(tmp_path / "texts.csv", lines, header)
        return TrainRequest(**{"sources": (source,), "output": tmp_path / "model", "recipe": tiny} | changes)

    return make


def texts(records) -> set[str]:
    return {record.text for record in records}


def test_a_tenth_of_every_class_is_held_out(ask) -> None:
    parts = read_parts(ask(LINES))
    assert parts.facts["labels"] == {"negative": [27, 3], "positive": [27, 3]}
    assert not texts(parts.train) & texts(parts.development)
    assert parts.facts["split"] == {"kind": "stratified", "column": None, "fraction": 0.1}


def test_the_share_is_the_recipes(ask, tiny) -> None:
    parts = read_parts(ask(LINES, recipe=dataclasses.replace(tiny, development_share=0.2)))
    assert (len(parts.train), len(parts.development)) == (48, 12)


def test_whole_groups_are_held_out(ask) -> None:
    lines = [(*line, f"film {n % 20}") for n, line in enumerate(LINES)]
    parts = read_parts(ask(lines, ("text", "label", "movie"), group_column="movie"))
    held_out = {f"film {n}" for n in range(20) if int(sha1(f"film {n}".encode()).hexdigest(), 16) % 10 == 0}
    assert {record.group for record in parts.development} == held_out
    assert not {record.group for record in parts.train} & held_out
    assert parts.facts["split"] == {"kind": "group", "column": "movie", "fraction": 0.1}


def test_a_column_divides_and_test_rows_are_left_out(ask) -> None:
    parts = [
        ("train", "Dev", "train", "validation", "test", "train", " val ", "valid", "training", "development")[
            n % 10
        ]
        for n in range(60)
    ]
    found = read_parts(
        ask(
            [(*line, part) for line, part in zip(LINES, parts, strict=True)],
            ("text", "label", "split"),
            split_column="split",
        )
    )
    assert (len(found.train), len(found.development), found.facts["test_left_out"]) == (24, 30, 6)
    assert found.facts["split"] == {"kind": "column", "column": "split"}
    assert texts(found.development) == {line[0] for n, line in enumerate(LINES) if n % 10 in {1, 3, 6, 7, 9}}


def test_a_column_with_other_words_names_the_rows(ask) -> None:
    parts = ["train"] * 58 + ["trian", ""]
    request = ask(
        [(*line, part) for line, part in zip(LINES, parts, strict=True)],
        ("text", "label", "split"),
        split_column="split",
    )
    with pytest.raises(DataError, match="2 records belong to no part") as caught:
        read_parts(request)
    assert len(caught.value.problems) == 2
    assert "row 59" in caught.value.problems[0][0]
    assert "got 'trian'" in caught.value.problems[0][1]


@pytest.mark.parametrize(("part", "other"), [("train", "development"), ("dev", "train")])
def test_a_column_without_one_of_the_parts(ask, part, other) -> None:
    request = ask([(*line, part) for line in LINES], ("text", "label", "split"), split_column="split")
    with pytest.raises(DataError, match=f"column 'split' must have {other} records; got .*0 {other}"):
        read_parts(request)


def test_development_sources_of_their_own(ask, tmp_path) -> None:
    dev = write(
        tmp_path / "dev.csv", [("one that is new", "positive"), ("Text  NUMBER 1<br />is good", "positive")]
    )
    parts = read_parts(ask(LINES, dev_sources=(dev,)))
    assert (len(parts.train), len(parts.development)) == (59, 2)
    assert parts.facts["repeats_dropped"] == 1
    assert "text number 1 is good" not in texts(parts.train)


def test_development_labels_must_be_known(ask, tmp_path) -> None:
    dev = write(tmp_path / "dev.csv", [("one", "positive"), ("two", "neutral")])
    with pytest.raises(DataError, match="unknown label 'neutral'"):
        read_parts(ask(LINES, dev_sources=(dev,)))


def test_training_texts_that_repeat_a_development_text_are_dropped_and_counted(ask, listener) -> None:
    first = read_parts(ask(LINES))
    repeat = next(iter(first.development))
    lines = [*LINES, (f"  {repeat.text.upper()}<br/>", repeat.label)]
    parts = read_parts(ask(lines))
    # The repeat stands in one part only, whichever of the two was held out.
    both = [r for r in [*parts.train, *parts.development] if r.text.strip().lower().startswith(repeat.text)]
    assert parts.facts["repeats_dropped"] + len(both) == 2
    assert not {r.text.casefold().strip() for r in parts.train} & {
        r.text.casefold() for r in parts.development
    }


def test_labels_are_in_the_order_of_numbers_or_of_the_alphabet(ask) -> None:
    numbers = [(f"text {n}", str((1, 2, 10)[n % 3])) for n in range(60)]
    assert read_parts(ask(numbers)).labels == ("1", "2", "10")
    words = [(f"text {n}", ("b", "c", "a")[n % 3]) for n in range(60)]
    assert read_parts(ask(words)).labels == ("a", "b", "c")


def test_a_class_without_training_texts(ask) -> None:
    rows = [(f"text {n}", "abc"[n % 3], "dev" if n % 3 == 2 else "train") for n in range(30)]
    with pytest.raises(
        DataError, match=r"every class needs training texts; got none for 'c'\nhint: all texts of it"
    ):
        read_parts(ask(rows, ("text", "label", "split"), split_column="split"))
    rows = [(f"text {n}", "ab"[n % 2], "dev" if n % 2 else "train") for n in range(30)]
    with pytest.raises(DataError, match="must have at least two classes; got 'a'"):
        read_parts(ask(rows, ("text", "label", "split"), split_column="split"))


def test_one_class_alone_is_refused(ask) -> None:
    with pytest.raises(DataError, match="'positive'"):
        read_parts(ask([(f"text {n}", "positive") for n in range(30)]))


def test_bad_records_are_all_named_or_skipped_and_counted(ask, listener, tiny) -> None:
    lines = [*LINES, ("", "positive"), ("no label", "")]
    with pytest.raises(DataError) as caught:
        read_parts(ask(lines))
    assert len(caught.value.problems) == 2
    heard = listener()
    prepared = prepare(ask(lines, skip_bad=True), heard, Machine())
    assert sum(prepared.facts["skipped"].values()) == 2
    assert "2 records skipped: 1 empty text, 1 missing label" in heard.notes[0]


def test_nothing_of_the_development_part_reaches_the_tokenizer(ask) -> None:
    plain = read_parts(ask(LINES))
    held_out = texts(plain.development)
    lines = [(text, label) for text, label in LINES if text not in held_out]
    lines += [(f"{text} zyzzyva zyzzyva", label) for text, label in LINES if text in held_out]
    rows = [(text, label, "dev" if "zyzzyva" in text else "train") for text, label in lines]
    prepared = prepare(ask(rows, ("text", "label", "split"), split_column="split"), _silent(), Machine())
    expected = Tokenizer.train([t for t, _ in LINES if t not in held_out], vocabulary=330)
    assert prepared.tokenizer == expected


def _silent():
    from peephole.training import Progress

    return Progress()


def test_long_texts_are_cut_for_training_only_and_that_is_said(ask, listener) -> None:
    lines = [(f"{text} " + "word " * 40, label) for text, label in LINES[:20]] + LINES[20:]
    heard = listener()
    prepared = prepare(ask(lines), heard, Machine())
    assert prepared.train.lengths.max() == 16
    assert prepared.whole.lengths.max() > 40
    assert prepared.development.lengths.max() > 40
    assert prepared.facts["cut_in_training"] == int((prepared.whole.lengths > 16).sum()) > 0
    assert any(
        "the first 6 and the last 10 of each; prediction reads whole texts" in note for note in heard.notes
    )


def test_ids_and_labels_belong_to_the_texts(ask) -> None:
    prepared = prepare(ask(LINES), _silent(), Machine())
    parts = read_parts(ask(LINES))
    for n, record in enumerate(parts.train):
        assert np.array_equal(prepared.whole.text(n), prepared.tokenizer.encode(record.text))
        assert prepared.labels[prepared.whole.labels[n]] == record.label


def test_the_digest_sees_texts_labels_parts_and_their_order(ask) -> None:
    parts = read_parts(ask(LINES))
    same = digest_of(read_parts(ask(LINES)))
    assert digest_of(parts) == same
    changed = [
        dataclasses.replace(parts, train=parts.train[::-1]),
        dataclasses.replace(parts, train=parts.train[1:], development=[*parts.development, parts.train[0]]),
        dataclasses.replace(parts, train=[dataclasses.replace(parts.train[0], label="x"), *parts.train[1:]]),
        dataclasses.replace(parts, train=[dataclasses.replace(parts.train[0], text="x"), *parts.train[1:]]),
    ]
    assert len({same, *map(digest_of, changed)}) == 5


def test_rows_can_be_chosen(ask) -> None:
    rows = [(*line, "ab"[n // 30]) for n, line in enumerate(LINES)]
    assert read_parts(ask(rows, ("text", "label", "part"), where={"part": "a"})).facts["read"] == 30


def test_unreadable_word_vectors_are_refused(ask, tmp_path) -> None:
    from peephole.training import train

    with pytest.raises(OptionError, match="word_vectors must be a file; got"):
        train(ask(LINES, word_vectors=tmp_path / "absent.txt"), progress=_silent())


def test_imdb_repeats(data_folder, tmp_path) -> None:
    """Nine training reviews repeat a development review, as the data's description says."""
    request = TrainRequest(
        sources=(data_folder / "imdb_train.csv.gz",), output=tmp_path / "model", group_column="movie"
    )
    facts = read_parts(request).facts
    assert (facts["training"], facts["development"], facts["repeats_dropped"]) == (22_468, 2_523, 9)
