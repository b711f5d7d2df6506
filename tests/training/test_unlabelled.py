"""Texts without labels: which are taken, which are left out, and where they go."""

from __future__ import annotations

import csv
import dataclasses
import gzip
from hashlib import sha1
from pathlib import Path

import numpy as np
import pytest

from peephole.errors import DataError, OptionError
from peephole.training import TrainRequest
from peephole.training.batches import gather
from peephole.training.corpus import Corpus
from peephole.training.prepare import digest_of, encode, learn_tokens, read_parts
from peephole.training.unlabelled import read_unlabelled

FILMS = [f"film {n}" for n in range(20)]
HELD_OUT = {film for film in FILMS if int(sha1(film.encode()).hexdigest(), 16) % 10 == 0}


def write(path: Path, header: tuple[str, ...], lines) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *lines])
    return path


@pytest.fixture
def labelled(tmp_path) -> Path:
    lines = [
        (f"text number {n} is {'good' if n % 2 else 'bad'}", "np"[n % 2], FILMS[n % 20]) for n in range(60)
    ]
    return write(tmp_path / "labelled.csv", ("text", "label", "movie"), lines)


@pytest.fixture
def ask(labelled, tmp_path, tiny):
    def make(*unlabelled, **changes) -> TrainRequest:
        return TrainRequest(
            **{
                "sources": (labelled,),
                "output": tmp_path / "model",
                "recipe": tiny,
                "teachers": (tmp_path / "teacher",),
                "unlabelled": unlabelled,
            }
            | changes
        )

    return make


def test_texts_of_any_source_are_read_in_order_and_have_no_label(ask, tmp_path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("one\ntwo\n")
    table = write(tmp_path / "table.csv", ("label", "text"), [("n", "three"), ("unheard of", "four")])
    parts = read_parts(ask(lines, table))
    assert [(record.text, record.label) for record in parts.unlabelled] == [
        ("one", None),
        ("two", None),
        ("three", None),
        ("four", None),
    ]
    assert parts.facts["unlabelled"] == 4
    assert parts.labels == ("n", "p")
    assert parts.facts["training"] == len(parts.train) == 54


def test_repeats_of_development_texts_are_dropped(ask, tmp_path) -> None:
    development = read_parts(ask(teachers=())).development
    file = tmp_path / "lines.txt"
    file.write_text(f"new\n {development[0].text.upper()}<br/>\n")
    parts = read_parts(ask(file))
    assert [record.text for record in parts.unlabelled] == ["new"]
    assert parts.facts["unlabelled_repeats_dropped"] == 1
    file.write_text(f"{development[0].text}\n")
    with pytest.raises(
        DataError, match=r"no unlabelled text is left; got 1, of which 0 belong .* and 1 repeat"
    ):
        read_parts(ask(file))


def test_rows_of_held_out_groups_are_left_out_where_the_source_has_the_column(ask, tmp_path) -> None:
    assert HELD_OUT
    table = write(
        tmp_path / "with.csv", ("text", "movie"), [(f"more of {film}", film) for film in [*FILMS, "film 99"]]
    )
    without = write(tmp_path / "without.csv", ("text",), [(f"also of {film}",) for film in FILMS])
    parts = read_parts(ask(table, without, group_column="movie"))
    assert {record.group for record in parts.development} == HELD_OUT
    found = {record.text for record in parts.unlabelled}
    assert found == {f"more of {f}" for f in [*FILMS, "film 99"] if f not in HELD_OUT} | {
        f"also of {f}" for f in FILMS
    }
    assert parts.facts["unlabelled_of_held_out_groups"] == len(HELD_OUT)
    # Without groups there is nothing to leave out.
    assert len(read_parts(ask(table, without)).unlabelled) == 41


def test_bad_records_are_named_or_skipped_and_counted(ask, tmp_path) -> None:
    table = write(tmp_path / "table.csv", ("text",), [("good",), (" ",)])
    with pytest.raises(DataError, match="row 2: empty text"):
        read_parts(ask(table))
    parts = read_parts(ask(table, skip_bad=True))
    assert parts.facts["unlabelled_skipped"] == {"empty text": 1}


def test_unlabelled_texts_without_a_use_are_refused(ask, tmp_path, tiny) -> None:
    with pytest.raises(OptionError, match="unlabelled sources need a use: teachers, or a recipe with"):
        ask(tmp_path / "lines.txt", teachers=())
    with pytest.raises(OptionError, match="teachers need the recipe's distillation to be above 0; got 0"):
        ask(recipe=dataclasses.replace(tiny, distillation=0.0))


def test_nothing_is_read_where_nothing_is_asked_for(ask) -> None:
    assert read_unlabelled(ask(teachers=()), []) == ([], {})


def test_the_digest_sees_unlabelled_texts(ask, tmp_path) -> None:
    file = tmp_path / "lines.txt"
    digests = {digest_of(read_parts(ask()))}
    for text in ("one\ntwo\n", "two\none\n", "one\n"):
        file.write_text(text)
        digests.add(digest_of(read_parts(ask(file))))
    assert len(digests) == 4


def test_they_stand_behind_the_labelled_texts_without_a_class(ask, tmp_path, tiny) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("zyzzyva zyzzyva\none\n")
    parts = read_parts(ask(file))
    tokenizer = learn_tokens(parts.seen, tiny)
    assert any("zy" in text for text in tokenizer.token_texts)  # the tokens are learnt from them too
    corpus = encode(parts.seen, tokenizer, parts.labels)
    assert corpus.labels[-2:].tolist() == [-1, -1]
    assert corpus.known_labels.tolist() == corpus.labels[:-2].tolist()
    assert (corpus.labels[:-2] >= 0).all()
    assert np.array_equal(corpus.text(len(corpus) - 1), tokenizer.encode("one"))


def test_targets_go_with_their_texts() -> None:
    texts = [np.arange(n, dtype=np.int32) for n in (3, 9, 5)]
    targets = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], dtype=np.float32)
    corpus = dataclasses.replace(Corpus.from_texts(texts, [0, -1, 1]), targets=targets).cropped(4, 2)
    assert corpus.lengths.tolist() == [3, 4, 4]
    batch = gather(corpus, np.array([2, 0]))
    assert batch.targets is not None
    assert np.array_equal(batch.targets, targets[[2, 0]])
    assert batch.labels.tolist() == [1, 0]
    assert gather(Corpus.from_texts(texts, [0, 1, 1]), np.array([0])).targets is None


def test_what_is_left_out_is_told(ask, tmp_path, listener) -> None:
    from peephole.training.prepare import _describe

    table = write(tmp_path / "table.csv", ("text", "movie"), [(f"more of {film}", film) for film in FILMS])
    said = _describe(read_parts(ask(table, group_column="movie")).facts).split("\n")
    assert f"{20 - len(HELD_OUT)} unlabelled texts" in said
    assert f"{len(HELD_OUT)} unlabelled texts left out: their groups are held out for development" in said


@pytest.mark.slow
def test_imdb(data_folder, tmp_path) -> None:
    """The unlabelled reviews name their films: none of a film that is held out gets in. A tenth of them shows it."""
    sources = [tenth(data_folder / f"imdb_{name}.csv.gz", tmp_path) for name in ("train", "unlabelled")]
    request = TrainRequest(
        sources=(sources[0],),
        unlabelled=(sources[1],),
        teachers=(tmp_path,),
        output=tmp_path / "model",
        group_column="movie",
    )
    parts = read_parts(request)
    assert not {record.group for record in parts.unlabelled} & {r.group for r in parts.development}
    facts = parts.facts
    counts = ("unlabelled", "unlabelled_of_held_out_groups", "unlabelled_repeats_dropped")
    assert sum(facts[name] for name in counts) == 4_973  # of 49,730, as the description of the data says


def tenth(source: Path, folder: Path) -> Path:
    """Write every tenth row of a table, which may be sorted by film and by label."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return write(folder / source.name.removesuffix(".gz"), tuple(header), rows[::10])
