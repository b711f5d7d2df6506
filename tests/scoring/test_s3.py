"""``s3://``: a server of this machine that speaks S3, reached as a real one is, from this process and from others."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from peephole.errors import BackendUnavailable, DataError
from peephole.scoring import ScoreRequest, score
from peephole.scoring.clients import _client
from support.scored import read_back

pytest.importorskip(
    "moto", reason="needs a server of S3: pip install -c constraints.txt 'moto[s3]' flask flask-cors"
)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),  # of the server's own libraries
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning"),
]
COUNT = 600


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a server of S3 listens while these tests run."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket of the name ``bucket``, seen through Amazon's own client: another than the one that is tested."""
    import boto3

    variables = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _client.cache_clear()
    made = boto3.resource("s3").Bucket("bucket")
    made.create()
    yield made
    made.objects.all().delete()
    made.delete()
    _client.cache_clear()


def put(bucket: Any, key: str, count: int = COUNT) -> None:
    """Put so many texts there, in the format that the name says."""
    rows = [{"id": number, "text": f"film {number} not bad, café"} for number in range(count)]
    if key.endswith(".jsonl"):
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    elif key.endswith(".csv"):
        data = "".join(["id,text\n", *(f'{row["id"]},"{row["text"]}"\n' for row in rows)]).encode()
    else:
        sink = pa.BufferOutputStream()
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), sink)
        data = sink.getvalue().to_pybytes()
    bucket.put_object(Key=key, Body=data)


def keys(bucket: Any) -> list[str]:
    """The names of all objects; a client may make empty ones that stand for folders."""
    return sorted(item.key for item in bucket.objects.all() if not item.key.endswith("/"))


def fetched(bucket: Any, output: str, folder: Path) -> list[dict[str, Any]]:
    """The rows of an output in the bucket."""
    for key in keys(bucket):
        if key == output or key.startswith(output + "/part-"):
            target = folder / key
            target.parent.mkdir(parents=True, exist_ok=True)
            bucket.download_file(key, str(target))
    return read_back(folder / output)


@pytest.mark.parametrize("output", ["out.parquet", "out.jsonl"])
@pytest.mark.parametrize("source", ["in.csv", "in.jsonl", "in.parquet"])
def test_every_format_from_a_bucket_to_a_bucket(
    source: str, output: str, bucket: Any, model: str, tmp_path: Path
) -> None:
    put(bucket, source)
    done = score(
        ScoreRequest(
            (f"s3://bucket/{source}",), f"s3://bucket/{output}", model=model, workers=1, part_rows=250
        )
    )
    assert (done.rows, done.parts) == (COUNT, 3)
    found = fetched(bucket, output, tmp_path)
    assert [int(row["id"]) for row in found] == list(range(COUNT))
    assert {row["text"].endswith("café") for row in found} == {True}
    folder = "out.parquet/" if output == "out.parquet" else "out.jsonl.parts/"
    parts = [f"{folder}part-{n:06}.parquet" for n in range(3)] if output == "out.parquet" else [output]
    assert keys(bucket) == sorted([source, *parts, f"{folder}_manifest.json"])


def test_patterns_and_folders_of_a_bucket(bucket: Any, model: str, tmp_path: Path) -> None:
    for key in ("in/a.csv", "in/deep/b.csv", "in/_hidden/c.csv", "other/d.csv"):
        put(bucket, key, 10)
    for source, rows in {"s3://bucket/in": 20, "s3://bucket/in/*.csv": 10, "s3://bucket/*/?.csv": 20}.items():
        out = str(tmp_path / "out.csv")
        assert score(ScoreRequest((source,), out, model=model, workers=1, restart=True)).rows == rows


def test_a_finished_job_stays_and_a_restarted_one_replaces_it(
    bucket: Any, model: str, tmp_path: Path
) -> None:
    put(bucket, "in.csv")
    request = {"model": model, "workers": 1, "part_rows": 100}
    score(ScoreRequest(("s3://bucket/in.csv",), "s3://bucket/out.parquet", **request))  # type: ignore[arg-type]
    again = score(ScoreRequest(("s3://bucket/in.csv",), "s3://bucket/out.parquet", **request))  # type: ignore[arg-type]
    assert (again.seconds, again.rows) == (0, COUNT)
    put(bucket, "in.csv", 150)
    done = score(ScoreRequest(("s3://bucket/in.csv",), "s3://bucket/out.parquet", restart=True, **request))  # type: ignore[arg-type]
    assert (done.rows, done.parts) == (150, 2)
    assert [key for key in keys(bucket) if "part-" in key] == [
        f"out.parquet/part-{n:06}.parquet" for n in (0, 1)
    ]
    assert [int(row["id"]) for row in fetched(bucket, "out.parquet", tmp_path)] == list(range(150))


def test_names_that_would_be_more_than_names_in_an_address(bucket: Any, model: str) -> None:
    for key in ("a?b=1.csv", "c d%20#e.csv", "x=1/é.csv"):
        put(bucket, key, 10)
        done = score(
            ScoreRequest((f"s3://bucket/{key}",), f"s3://bucket/{key}.out.csv", model=model, workers=1)
        )
        assert done.rows == 10
        assert f"{key}.out.csv" in keys(bucket)


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out.parquet", "out.jsonl"])
def test_a_command_that_is_killed_goes_on(output: str, bucket: Any, model: str, tmp_path: Path) -> None:
    put(bucket, "in.csv")
    words = ["predict", "s3://bucket/in.csv", "--output", f"s3://bucket/{output}", "--model", model]
    words += ["--workers", "2", "--part-rows", "30", "--json"]
    program = (
        "import os, signal, sys\nfrom peephole.cli.app import main\nfrom peephole.scoring import progress\n"
        "class Kill(progress.Listener):\n"
        "    heard = 0\n"
        "    def report(self, report):\n"
        "        self.heard += 1\n"
        "        if self.heard == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    progress.listener_for = lambda stream=None: Kill()\n"
        "    main()\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    killed = subprocess.run(
        [sys.executable, str(script), *words], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert f"{output}/_manifest.json" not in keys(bucket)
    assert output not in keys(bucket)
    done = subprocess.run(
        [sys.executable, "-m", "peephole", *words], capture_output=True, text=True, check=True
    )
    summary = json.loads(done.stdout)
    assert (summary["rows"], summary["parts"], summary["workers"]) == (COUNT, 20, 2)
    assert 6 <= summary["earlier_parts"] < 20
    found = fetched(bucket, output, tmp_path)
    assert [int(row["id"]) for row in found] == list(range(COUNT))
    assert not [key for key in keys(bucket) if "_job" in key or ".tmp" in key]


def test_a_bucket_that_is_not_there_is_named(bucket: Any, model: str) -> None:
    put(bucket, "in.csv", 1)
    for source, output in (
        ("s3://nowhere/in.csv", "s3://bucket/out.csv"),
        ("s3://nowhere/*.csv", "s3://bucket/out.csv"),
        ("s3://bucket/in.csv", "s3://nowhere/out.csv"),
    ):
        with pytest.raises(BackendUnavailable, match=r"s3://nowhere/\S+: there is no bucket 'nowhere'"):
            score(ScoreRequest((source,), output, model=model, workers=1))


def test_an_object_that_is_not_there_is_named(bucket: Any, model: str) -> None:
    for source in ("s3://bucket/none.csv", "s3://bucket/none/*.csv"):
        with pytest.raises(DataError, match="no such file or folder") as raised:
            score(ScoreRequest((source,), "s3://bucket/out.csv", model=model, workers=1))
        assert source in str(raised.value)


@pytest.mark.slow  # the client tries again, some seconds long
def test_a_store_that_does_not_answer_is_no_missing_file(
    bucket: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    _client.cache_clear()
    with pytest.raises(
        BackendUnavailable,
        match=r"s3://bucket/\S+: the store does not do what is asked: .*NETWORK_CONN(.|\n)*AWS_END",
    ):
        score(ScoreRequest(("s3://bucket/*.csv",), "out.csv", model=model, workers=1))
