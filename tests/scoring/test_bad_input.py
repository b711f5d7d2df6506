"""Bad rows and bad files: listed with their place, and nothing before or after them is lost."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from peephole.errors import DataError
from peephole.scoring import ScoreRequest, score
from support.scored import read_back, rejected

ENGINES = ["read-here", "read-by-workers"]


def job(sources: list[Path], out: Path, model: str, engine: str = ENGINES[0], **options: object):
    """Score; with so many more files that workers read them by themselves, where that is asked."""
    paths = [str(path) for path in sources]
    if engine == ENGINES[1]:
        for number in range(64):
            more = out.with_name(f"more-{number:02}.csv")
            more.write_text("text\nmore\n")
            paths.append(str(more))
    return score(ScoreRequest(tuple(paths), str(out), model=model, workers=1, part_rows=50, **options))  # type: ignore[arg-type]


def texts_of(out: Path) -> list[str]:
    return [row["text"] for row in read_back(out) if row["text"] != "more"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_truncated_gzip_is_scored_as_far_as_it_goes(engine: str, model: str, tmp_path: Path) -> None:
    packed = gzip.compress(b"text\n" + b"".join(b"film %d\n" % number for number in range(5000)))
    first, last = tmp_path / "a.csv.gz", tmp_path / "b.csv"
    first.write_bytes(packed[: len(packed) // 2])
    last.write_text("text\nthe end\n")
    done = job([first, last], tmp_path / "out.jsonl", model, engine)
    found = texts_of(tmp_path / "out.jsonl")
    whole = len(found) - 1
    assert 1000 < whole < 5000
    assert found == [f"film {number}" for number in range(whole)] + ["the end"]
    (bad,) = rejected(tmp_path / "out.jsonl")
    assert (bad["file"], bad["reason"], bad["rest"]) == (str(first), "truncated gzip", True)
    assert (bad["row"], bad["place"]) == (whole + 1, f"{first}, from row {whole + 1} on")
    assert done.broken == [str(first)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("a,b,c\n", "wrong number of columns"),
        ('5,"x"y\n', "unbalanced quote"),
        ("6,caf\udce9\n", "bad byte"),
        ("7,\0\n", "bad byte"),
    ],
    ids=["columns", "quote", "latin", "nul"],
)
def test_one_bad_row_costs_that_row(engine: str, bad: str, reason: str, model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "out.parquet"
    lines = ["id,text\n", *(f"{number},film {number}\n" for number in range(300))]
    lines.insert(124, bad)
    source.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
    done = job([source], out, model, engine)
    assert texts_of(out) == [f"film {number}" for number in range(300)]
    (found,) = rejected(out)
    assert (found["file"], found["row"], found["reason"], found["rest"]) == (str(source), 124, reason, False)
    assert done.rejected == {reason: 1}
    assert done.broken == []


def test_one_malformed_line_in_ten_million_bytes(model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "out.csv"
    filler = "x" * 1900
    lines = [json.dumps({"text": f"film {number}", "filler": filler}) for number in range(5200)]
    lines[4321] = lines[4321][:-9]
    source.write_text("\n".join(lines) + "\n")
    assert source.stat().st_size > 10_000_000
    score(ScoreRequest((str(source),), str(out), model=model, workers=1))
    assert texts_of(out) == [f"film {number}" for number in range(5200) if number != 4321]
    (found,) = rejected(out)
    assert (found["row"], found["reason"]) == (4322, "malformed JSON")
    assert found["place"] == f"{source}, line 4322"


@pytest.mark.parametrize("engine", ENGINES)
def test_files_whose_columns_differ(engine: str, model: str, tmp_path: Path) -> None:
    bodies = {
        "a.csv": "text,stars\ngood,5\n",
        "b.csv": "stars,lang,text\n1,en,bad\n",
        "c.csv": "body,stars\nnobody,1\n",
        "d.csv": "text,stars\nend,2\n",
    }
    for name, body in bodies.items():
        (tmp_path / name).write_text(body)
    out = tmp_path / "out.parquet"
    done = job([tmp_path / name for name in bodies], out, model, engine)
    rows = [row for row in read_back(out) if row["text"] != "more"]
    assert [(row["text"], row["stars"], row["lang"]) for row in rows] == [
        ("good", "5", None),
        ("bad", "1", "en"),
        ("end", "2", None),
    ]
    assert (
        done.notes[0] == f"{tmp_path / 'a.csv'}: no column 'lang', which other files have; it is empty there"
    )
    (found,) = rejected(out)
    assert (found["file"], found["reason"]) == (str(tmp_path / "c.csv"), "missing column")
    assert done.broken == [str(tmp_path / "c.csv")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_parquet_file_that_is_damaged_in_the_middle(engine: str, model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.parquet", tmp_path / "out.parquet"
    texts = pa.table({"text": [f"film {number}" for number in range(1000)]})
    pyarrow.parquet.write_table(texts, source, row_group_size=100, compression="none", use_dictionary=False)
    group = pyarrow.parquet.read_metadata(source).row_group(7).column(0)
    octets = bytearray(source.read_bytes())
    start = group.data_page_offset + 40
    octets[start : start + 400] = b"\xff" * 400
    source.write_bytes(octets)
    done = job([source], out, model, engine)
    assert texts_of(out) == [f"film {number}" for number in range(700)]
    (bad,) = rejected(out)
    assert (bad["row"], bad["place"], bad["rest"]) == (701, f"{source}, from row 701 on", True)
    assert (bad["reason"], done.broken) == ("damaged Parquet", [str(source)])


def test_types_that_differ_between_files_become_one(model: str, tmp_path: Path) -> None:
    kinds = {"a": pa.array([1], pa.int32()), "b": pa.array([2.5], pa.float64()), "c": pa.array(["three"])}
    for name, stars in kinds.items():
        pyarrow.parquet.write_table(pa.table({"text": [name], "stars": stars}), tmp_path / f"{name}.parquet")
    two = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    job(two, tmp_path / "two.parquet", model)
    assert [row["stars"] for row in read_back(tmp_path / "two.parquet")] == [1.0, 2.5]
    done = job([*two, tmp_path / "c.parquet"], tmp_path / "three.parquet", model)
    assert [row["stars"] for row in read_back(tmp_path / "three.parquet")] == ["1", "2.5", "three"]
    assert "'stars' int32 as text" in done.notes[0]


def test_empty_files_are_listed_and_the_rest_is_scored(model: str, tmp_path: Path) -> None:
    sources = [tmp_path / name for name in ("a.csv", "b.csv", "c.jsonl", "d.parquet", "e.csv.gz", "f.csv")]
    for path in sources:
        path.write_bytes(b"")
    sources[1].write_text("text\n")
    sources[-1].write_text("text\nfilm\n")
    job(sources, tmp_path / "out.csv", model)
    assert texts_of(tmp_path / "out.csv") == ["film"]
    found = rejected(tmp_path / "out.csv")
    assert [bad["file"] for bad in found] == [str(path) for path in sources[:-1]]
    assert {bad["reason"] for bad in found} == {"empty file"}


def test_where_no_file_can_be_scored_the_job_is_refused(model: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("body\nx\n")
    with pytest.raises(
        DataError, match=r"none of the sources can be scored\n.*a.csv: no text column(.|\n)*--text-column"
    ):
        job([tmp_path / "a.csv"], tmp_path / "out.csv", model)
    assert not (tmp_path / "out.csv.parts").exists()


def test_a_limit_of_refused_rows_stops_the_job_and_another_goes_on(model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "out.parquet"
    source.write_text("id,text\n" + "".join(f"{n},film {n}\n" if n % 60 else "bad\n" for n in range(300)))
    with pytest.raises(DataError, match=r"at most 2 rows may be refused \(--max-rejected\); got 3 so far"):
        job([source], out, model, max_rejected=2)
    done = job([source], out, model, max_rejected=5)
    assert (done.rows, sum(done.rejected.values()), done.earlier_parts) == (295, 5, 3)
    assert texts_of(out) == [f"film {n}" for n in range(300) if n % 60]


def test_late_keys_of_json_are_named_and_not_kept(model: str, tmp_path: Path) -> None:
    lines = [
        {"text": f"film {n}", **({"late": 1} if n == 1500 else {}), **({"k": n} if n % 2 else {})}
        for n in range(1600)
    ]
    source, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = score(ScoreRequest((str(source),), str(out), model=model, workers=1))
    rows = read_back(out)
    assert [row["k"] for row in rows] == [n if n % 2 else None for n in range(1600)]
    assert done.unkept == ["late"]
