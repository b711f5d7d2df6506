"""A job that was stopped goes on; what is not the same job is refused; what is done stays done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peephole.errors import OptionError
from peephole.scoring import Listener, ScoreRequest, score
from peephole.scoring.progress import Report
from peephole.scoring.storage import Store
from support.scored import manifest, read_back, write_half
from support.small_models import small_classifier


class Stop(Listener):
    """Stops a job after some parts."""

    def __init__(self, after: int) -> None:
        self.left = after

    def report(self, report: Report) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def request(table: Path, out: Path, model: str, **options: object) -> ScoreRequest:
    usual: dict[str, object] = {"model": model, "workers": 1, "part_rows": 100}
    return ScoreRequest((str(table),), str(out), **(usual | options))  # type: ignore[arg-type]


@pytest.fixture
def stopped(table: Path, model: str, tmp_path: Path) -> Path:
    """An output of ten parts, of which four were made."""
    out = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        score(request(table, out, model), Stop(4))
    return out


@pytest.fixture
def scored_parts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the parts that are scored while a test runs."""
    from peephole.scoring.worker import Worker

    found: list[int] = []
    usual = Worker.score

    def noting(self: Worker, task: object) -> object:
        found.append(task.part)  # type: ignore[attr-defined]
        return usual(self, task)  # type: ignore[arg-type]

    monkeypatch.setattr(Worker, "score", noting)
    return found


def test_only_what_is_missing_is_scored(
    stopped: Path, table: Path, model: str, scored_parts: list[int], tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in stopped.glob("part-*")}
    assert sorted(before) == [f"part-{number:06}.parquet" for number in range(4)]
    done = score(request(table, stopped, model, part_rows=None))  # the size of a part is that of the job
    assert scored_parts == [4, 5, 6, 7, 8, 9]
    assert (done.rows, done.parts, done.earlier_parts, done.earlier_rows) == (1000, 10, 4, 400)
    assert all((stopped / name).read_bytes() == content for name, content in before.items())
    score(request(table, tmp_path / "whole.parquet", model))
    assert read_back(stopped) == read_back(tmp_path / "whole.parquet")
    assert sorted(path.name for path in stopped.iterdir()) == [
        "_manifest.json",
        *(f"part-{n:06}.parquet" for n in range(10)),
    ]
    assert [part["part"] for part in manifest(stopped)["parts"]] == list(range(10))


def test_a_job_that_is_done_does_nothing(
    table: Path, model: str, scored_parts: list[int], tmp_path: Path
) -> None:
    for name in ("out.parquet", "out.csv"):
        first = score(request(table, tmp_path / name, model))
        count = len(scored_parts)
        again = score(request(table, tmp_path / name, model))
        assert len(scored_parts) == count
        assert (again.rows, again.labels, again.seconds) == (first.rows, first.labels, 0.0)
    (tmp_path / "out.csv").unlink()
    score(request(table, tmp_path / "out.csv", model))
    assert (tmp_path / "out.csv").exists()


def test_a_part_without_a_receipt_and_a_torn_part_do_not_count(
    stopped: Path, table: Path, model: str, scored_parts: list[int]
) -> None:
    (stopped / "_job" / "part-000001.json").unlink()
    (stopped / "part-000002.parquet").write_bytes(b"PAR1 and no more")
    (stopped / ".part-000007.parquet.1.ab.tmp").write_bytes(b"killed here")
    done = score(request(table, stopped, model))
    assert scored_parts == [1, 2, 4, 5, 6, 7, 8, 9]
    assert [row["id"] for row in read_back(stopped)] == [str(number) for number in range(1000)]
    assert done.rows == 1000
    assert not list(stopped.glob(".*"))


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "part"
    with pytest.raises(RuntimeError):
        write_half(Store(), str(target))
    assert list(tmp_path.iterdir()) == []
    order: list[str] = []
    usual, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("sync"), usual(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("rename"), replace(self, to))[1])
    with Store().writing(str(target)) as file:
        file.write(b"whole")
    assert order == ["sync", "rename", "sync"]
    assert target.read_bytes() == b"whole"


def test_another_job_is_refused_with_what_differs(
    stopped: Path, table: Path, model: str, tmp_path: Path
) -> None:
    other = str(small_classifier(seed=1).save(tmp_path / "other"))
    with pytest.raises(
        OptionError, match=r"another job:\n  the model was [0-9a-f]{12}…, now (.|\n)*--restart"
    ):
        score(request(table, stopped, other))
    with pytest.raises(OptionError, match=r"\n  part_rows was 100, now 50\n"):
        score(request(table, stopped, model, part_rows=50))
    with pytest.raises(OptionError, match=r"\n  where was \{\}, now \{'stars': '1'\}"):
        score(request(table, stopped, model, where={"stars": "1"}))
    with pytest.raises(
        OptionError, match=r"the answers were \['label', 'probability'\], now \['label', .*_odd'\]"
    ):
        score(request(table, stopped, model, probabilities=True))
    copy = tmp_path / "copy.csv"
    copy.write_bytes(table.read_bytes())
    with pytest.raises(OptionError, match=r"rows.csv: read then, not now\n  .*copy.csv: not read then"):
        score(request(copy, stopped, model))


def test_an_input_that_changed_is_refused(table: Path, model: str, tmp_path: Path) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "out.parquet"
    source.write_bytes(table.read_bytes())
    with pytest.raises(KeyboardInterrupt):
        score(request(source, out, model), Stop(1))
    os.utime(source, (1, 1))
    with pytest.raises(OptionError, match=r"a.csv: changed since \(or only touched"):
        score(request(source, out, model))
    with source.open("a") as file:
        file.write("1000,more,1\n")
    with pytest.raises(OptionError, match=r"a.csv: changed: [\d,]+ bytes then, [\d,]+ now"):
        score(request(source, out, model))
    done = score(request(source, out, model, restart=True))
    assert (done.rows, done.earlier_parts) == (1001, 0)


def test_a_receipt_that_is_damaged_is_named(stopped: Path, table: Path, model: str) -> None:
    (stopped / "_job" / "part-000003.json").write_text('{"part": 3')
    with pytest.raises(OptionError, match=r"part-000003.json is damaged: (.|\n)*--restart begins again"):
        score(request(table, stopped, model))


@pytest.mark.skipif(os.name != "posix", reason="there are no locks of files elsewhere")
def test_two_jobs_cannot_write_one_output(stopped: Path, table: Path, model: str) -> None:
    held = Store().lock(str(stopped / "_job" / "lock"))
    assert held is not None
    with pytest.raises(OptionError, match="is being written by another process"):
        score(request(table, stopped, model))
    held.close()
    assert score(request(table, stopped, model)).rows == 1000


def test_a_job_killed_without_warning_goes_on(table: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    program = (
        "import sys, time\nfrom peephole.scoring import *\n"
        "class Slow(Listener):\n    def report(self, report): time.sleep(0.2)\n"
        "score(ScoreRequest((sys.argv[1],), sys.argv[2], model=sys.argv[3], workers=1, part_rows=50), Slow())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(table), str(out), model])
    while len(list((out / "_job").glob("part-*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = len(list((out / "_job").glob("part-*.json")))
    done = score(request(table, out, model, part_rows=None))
    assert 3 <= made == done.earlier_parts < 20
    assert [row["id"] for row in read_back(out)] == [str(number) for number in range(1000)]
    assert json.loads((out / "_manifest.json").read_text())["summary"]["earlier_rows"] == 50 * made
