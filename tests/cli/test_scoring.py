"""``peephole predict --output``: what a person sees of a job."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peephole.cli.app import COMMANDS
from peephole.cli.program import program
from support.scored import agree, read_back
from support.small_models import small_classifier


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_classifier().save(tmp_path_factory.mktemp("model") / "small"))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.csv"
    path.write_text("id,text\n" + "".join(f"{number},film {number}\n" for number in range(100)) + "bad\n")
    return path


def predict(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "peephole", "predict", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done


def test_a_job_prints_nothing_but_a_summary_to_stderr(texts: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    words = [texts, "--output", out, "--model", model, "--workers", 1]
    done = predict(*words)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == f"{out}: 100 rows in 1 part"
    assert (
        f"not scored: 1 wrong number of columns; each with its place in {out}.parts/_rejected.jsonl" in lines
    )
    agree(read_back(out), model, [f"film {number}" for number in range(100)])
    assert "all of it was scored before" in predict(*words).stderr


def test_a_summary_can_be_json(texts: Path, model: str, tmp_path: Path) -> None:
    done = predict(
        texts, "-o", tmp_path / "o.jsonl", "--model", model, "--workers", 1, "--json", "--probabilities"
    )
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["rejected"]) == (100, {"wrong number of columns": 1})
    assert summary["columns"] == [
        "id", "text", "label", "probability", "probability_bad", "probability_good", "probability_odd",
    ]  # fmt: skip
    assert summary["rows_per_second"] > 0


def test_a_file_that_breaks_off_ends_the_command_with_1(model: str, tmp_path: Path) -> None:
    import gzip

    packed = gzip.compress(b"text\n" + b"".join(b"film %d\n" % number for number in range(5000)))
    (tmp_path / "a.csv.gz").write_bytes(packed[:-1000])
    done = predict(
        tmp_path / "a.csv.gz", "-o", tmp_path / "o.csv", "--model", model, "--workers", 1, status=1
    )
    assert "could not be read to the end; what could be read was scored" in done.stderr
    assert len(read_back(tmp_path / "o.csv")) > 1000


def test_options_that_do_not_go_together_are_refused(texts: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    wrong = [
        ([texts, "--workers", 2, "--restart"], "--workers, --restart is for --output"),
        ([texts, "--max-rejected", 0], "--max-rejected is for --output"),
        ([texts, "-o", out, "--jsonl", "--top-k", 2], "--top-k, --jsonl cannot be had with --output"),
        (["-o", out], "--output needs files to read"),
        ([texts, "-o", "out.txt"], "must end in .parquet, .pq, .jsonl, .ndjson, .csv; got 'out.txt'"),
        ([texts, "-o", out, "--engine", "rye"], "engine must be one of 'local', 'ray'; got 'rye' (did you mean 'ray'?)"),
        (["s3://bucket/a.csv"], "an address, which only predict --output reads"),
        (["texts.cvs", "-o", out], "texts.cvs: no such file or folder"),
    ]  # fmt: skip
    for arguments, message in wrong:
        words = ["predict", *map(str, arguments), "--model", model]
        done = CliRunner().invoke(program(COMMANDS, ("predict",)), words)
        assert done.exit_code == (1 if "no such file" in message else 2)
        assert message in done.stderr
    assert not out.exists()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_sees_a_bar(texts: Path, model: str, tmp_path: Path) -> None:
    parent, child = pty.openpty()
    words = [sys.executable, "-m", "peephole", "predict", str(texts), "-o", str(tmp_path / "o.csv")]
    words += ["--model", model, "--workers", "1", "--part-rows", "20"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(words, stderr=child, env=environment) as process:
        os.close(child)
        seen = b""
        while True:
            try:
                piece = os.read(parent, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
    os.close(parent)
    assert process.returncode == 0
    assert b"rows/s" in seen
    assert b"tokens/s" in seen
    assert "━".encode() in seen
