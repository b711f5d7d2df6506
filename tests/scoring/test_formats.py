"""Every format in and out: the input's rows, in order, each with the answer that the classifier gives."""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from peephole.errors import DataError, OptionError
from peephole.scoring import ScoreRequest, score
from support.scored import agree, answers, manifest, read_back

Rows = list[dict[str, str]]


def written(kind: str, rows: Rows, table: Path, folder: Path) -> Path:
    """The rows in a format."""
    path = folder / f"rows.{kind}"
    if kind == "csv":
        return table
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(table.read_bytes()))
    elif kind in ("jsonl", "jsonl.gz"):
        body = "".join(json.dumps({**row, "stars": int(row["stars"])}) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(body) if kind.endswith("gz") else body)
    else:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        made = pa.table({**columns, "stars": pa.array([int(stars) for stars in columns["stars"]], pa.int8())})
        pyarrow.parquet.write_table(made, path, row_group_size=170)
    return path


@pytest.mark.parametrize("output", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
def test_all_rows_come_out_in_order_with_their_columns(
    kind: str, output: str, rows: Rows, table: Path, model: str, tmp_path: Path
) -> None:
    source, out = written(kind, rows, table, tmp_path), tmp_path / f"out.{output}"
    done = score(ScoreRequest((str(source),), str(out), model=model, workers=1, part_rows=333))
    found = read_back(out)
    assert [str(row["id"]) for row in found] == [row["id"] for row in rows]
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert [str(row["stars"]) for row in found] == [row["stars"] for row in rows]
    agree(found, model, [row["text"] for row in rows])
    assert done.rows == 1000
    assert sum(done.labels.values()) == 1000
    assert [part["rows"] for part in manifest(out)["parts"]] == [333, 333, 333, 1]
    if kind == "parquet" and output == "parquet":
        assert pyarrow.parquet.read_schema(out / "part-000000.parquet").field("stars").type == pa.int8()


def test_every_label_can_have_its_probability(rows: Rows, table: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    score(ScoreRequest((str(table),), str(out), model=model, workers=1, probabilities=True))
    for row in read_back(out)[:50]:
        chances = {label: row[f"probability_{label}"] for label in ("bad", "good", "odd")}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-12)
        assert max(chances, key=lambda label: chances[label]) == row["label"]
        assert max(chances.values()) == row["probability"]


def test_answers_stand_beside_columns_of_the_same_name(model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "out.csv"
    source.write_text("label,text,probability\nx,good,y\n")
    score(ScoreRequest((str(source),), str(out), model=model, workers=1))
    ((label, chance),) = answers(model, ["good"])
    (row,) = read_back(out)
    assert list(row) == ["label", "text", "probability", "predicted_label", "predicted_probability"]
    assert (row["label"], row["probability"], row["predicted_label"]) == ("x", "y", label)
    assert float(row["predicted_probability"]) == pytest.approx(chance, abs=1e-6)


def test_types_of_parquet_stay_and_have_a_spelling_elsewhere(model: str, tmp_path: Path) -> None:
    source = tmp_path / "a.parquet"
    when = datetime.datetime(2026, 1, 2, 3, 4, 5)
    columns: dict[str, Any] = {
        "text": ["good", "bad", None],
        "when": [when, None, when],
        "tags": [["a", "b"], [], None],
        "raw": [b"\xff", None, b"z"],
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "far": [float("inf"), 1.5, 2.0],
    }
    pyarrow.parquet.write_table(pa.table(columns), source)
    for ending in ("parquet", "jsonl", "csv"):
        out = tmp_path / f"out.{ending}"
        done = score(ScoreRequest((str(source),), str(out), model=model, workers=1))
        assert done.rows == 2
        assert done.rejected == {"mixed types": 1}  # a text that is null
    kept = pyarrow.parquet.read_table(tmp_path / "out.parquet" / "part-000000.parquet")
    assert kept.column("when").to_pylist() == [when, None]
    assert kept.column("tags").to_pylist() == [["a", "b"], []]
    assert kept.column("raw").to_pylist() == [b"\xff", None]
    assert kept.column("kind").to_pylist() == ["x", "y"]
    first = read_back(tmp_path / "out.jsonl")[0]
    assert (first["when"], first["tags"], first["raw"], first["far"]) == (
        str(when),
        ["a", "b"],
        "\\xff",
        "inf",
    )
    assert read_back(tmp_path / "out.csv")[0]["tags"] == '["a", "b"]'


def test_many_sources_are_one_job(rows: Rows, table: Path, model: str, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    (folder / "deeper").mkdir(parents=True)
    (folder / "_hidden").mkdir()
    (folder / "_hidden" / "z.csv").write_text("text\nnobody\n")
    (folder / "notes.txt").write_text("nobody\n")
    names = ["deeper/c.csv", "a.csv", "b.csv"]
    for number, name in enumerate(names):
        (folder / name).write_text(f"text\nfilm {number}\n")
    expected = ["film 1", "film 2", "film 0"]
    for sources in ([str(folder)], [f"{folder}/*.csv", f"{folder}/deeper/c.csv"]):
        out = tmp_path / "out.jsonl"
        score(ScoreRequest(tuple(sources), str(out), model=model, workers=1, restart=True))
        assert [row["text"] for row in read_back(out)] == expected


def test_many_small_files_are_a_part_each(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(64):
        (folder / f"{number:02}.csv").write_text(f"text\nfilm {number}\nend {number}\n")
    out = tmp_path / "out.parquet"
    done = score(ScoreRequest((str(folder),), str(out), model=model, workers=1, part_rows=1))
    assert (done.rows, done.parts) == (128, 64)
    texts = [text for number in range(64) for text in (f"film {number}", f"end {number}")]
    assert [row["text"] for row in read_back(out)] == texts


def test_a_folder_of_classes_is_a_folder_of_texts(model: str, tmp_path: Path) -> None:
    for name in ("neg/a.txt", "pos/b.txt"):
        (tmp_path / "texts" / name).parent.mkdir(parents=True)
        (tmp_path / "texts" / name).write_text(f"film {name}\n")
    out = tmp_path / "out.csv"
    score(ScoreRequest((str(tmp_path / "texts"),), str(out), model=model, workers=1))
    assert [(row["text"], row["label"]) for row in read_back(out)] == [
        ("film neg/a.txt", "neg"),
        ("film pos/b.txt", "pos"),
    ]


def test_a_condition_leaves_rows_out_and_counts_them(
    rows: Rows, table: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    done = score(ScoreRequest((str(table),), str(out), model=model, workers=1, where={"stars": "3"}))
    kept = [row["id"] for row in rows if row["stars"] == "3"]
    assert [row["id"] for row in read_back(out)] == kept
    assert (done.rows, done.left_out) == (len(kept), 1000 - len(kept))


def test_what_cannot_be_a_job_is_refused_before_anything_is_read(table: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"must end in \.parquet, .*; got 'out.txt'"):
        ScoreRequest((str(table),), "out.txt")
    with pytest.raises(OptionError, match="address is for engine='ray'"):
        ScoreRequest((str(table),), "out.csv", address="auto")
    with pytest.raises(OptionError, match="part_rows must be at least 1; got 0"):
        ScoreRequest((str(table),), "out.csv", part_rows=0)
    with pytest.raises(DataError, match=r"2 of the sources(.|\n)*absent.csv: no such file(.|\n)*read twice"):
        score(ScoreRequest((str(table), "absent.csv", str(table)), str(tmp_path / "out.csv")))
    (tmp_path / "mine.parquet").mkdir()
    (tmp_path / "mine.parquet" / "thesis.tex").write_text("x")
    with pytest.raises(OptionError, match=r"got a folder with 'thesis.tex' in it"):
        score(ScoreRequest((str(table),), str(tmp_path / "mine.parquet"), restart=True))
    (tmp_path / "mine.csv").write_text("x")
    with pytest.raises(OptionError, match="a file that this job has not written"):
        score(ScoreRequest((str(table),), str(tmp_path / "mine.csv")))
    assert (tmp_path / "mine.csv").read_text() == "x"
