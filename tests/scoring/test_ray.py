"""Ray: a cluster of several nodes, on this machine. Actors and nodes die, and each row is there once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peephole.clusters import cluster
from peephole.errors import BackendUnavailable
from peephole.scoring import Listener, ScoreRequest, score
from peephole.scoring.progress import Report
from support.ray_processes import ray_actors
from support.scored import read_back

ray = pytest.importorskip("ray", reason="needs Ray: pip install -c constraints.txt ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning"),  # Ray's own sockets and processes
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
TEXTS = 20_000


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster: a head without processors for actors, and two nodes with one each, which are `nodes.workers`."""
    from ray.cluster_utils import Cluster

    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}.items():
        monkeypatch.setenv(name, value)
    memory = {"object_store_memory": 1 << 27, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    cluster.workers = [cluster.add_node(num_cpus=1, object_store_memory=1 << 27) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of so many short texts."""
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    with path.open("w") as file:
        file.write("id,text\n")
        file.writelines(f"{number},film {number % 977} not bad {number % 31}\n" for number in range(TEXTS))
    return path


class Trouble(Listener):
    """Kills an actor's process after some parts, and removes a node after some more."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.heard = 0
        self.killed: list[int] = []

    def report(self, report: Report) -> None:
        self.heard += 1
        if self.heard == 3:
            actor = ray_actors(os.getpid())[0]
            os.kill(actor, 9)
            self.killed.append(actor)
        if self.heard == 10:
            self.cluster.remove_node(self.cluster.workers[0])
            self.killed.append(-1)


def test_an_actor_and_a_node_are_lost_and_no_row_is(
    nodes: Any, texts: Path, model: str, tmp_path: Path
) -> None:
    trouble = Trouble(nodes)
    usual = {"model": model, "part_rows": 500}
    many = score(
        ScoreRequest((str(texts),), str(tmp_path / "many.parquet"), engine="ray", workers=2, **usual), trouble
    )  # type: ignore[arg-type]
    one = score(ScoreRequest((str(texts),), str(tmp_path / "one.parquet"), workers=1, **usual))  # type: ignore[arg-type]
    assert len(trouble.killed) == 2
    assert many.rows == one.rows == TEXTS
    assert many.labels == one.labels
    found = read_back(tmp_path / "many.parquet")
    assert [row["id"] for row in found] == [str(number) for number in range(TEXTS)]
    assert found == read_back(tmp_path / "one.parquet")


def test_the_driver_is_killed_and_only_the_rest_is_scored(
    nodes: Any, texts: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    program = (
        "import os, signal, sys\nfrom peephole.scoring import *\n"
        "class Kill(Listener):\n"
        "    heard = 0\n"
        "    def report(self, report):\n"
        "        self.heard += 1\n"
        "        if self.heard == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "score(ScoreRequest((sys.argv[1],), sys.argv[2], model=sys.argv[3], engine='ray', address=sys.argv[4], workers=2,\n"
        "    part_rows=500), Kill())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(texts), str(out), model, nodes.address],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    made = len(list((out / "_job").glob("part-*.json"))) if (out / "_job").is_dir() else 0
    assert 8 <= made < 40
    rest = score(ScoreRequest((str(texts),), str(out), model=model, engine="ray", workers=2))
    assert 8 <= rest.earlier_parts < 40
    assert (rest.rows, rest.parts) == (TEXTS, 40)
    assert [row["id"] for row in read_back(out)] == [str(number) for number in range(TEXTS)]


class Peaks(Listener):
    """Notes the most memory of its own that each actor holds when a part is made; pages of Ray's shared store are not its own."""

    def __init__(self) -> None:
        self.kib: dict[int, int] = {}

    def report(self, report: Report) -> None:
        for actor in ray_actors(os.getpid()):
            status = Path(f"/proc/{actor}/status").read_text()
            held = int(status.partition("RssAnon:")[2].split()[0])
            self.kib[actor] = max(held, self.kib.get(actor, 0))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_actors_stays_where_it_is_while_the_input_grows_tenfold(model: str, tmp_path: Path) -> None:
    peaks: dict[int, int] = {}
    with cluster(None, processors=2, store=1 << 27, where="test"):
        for rows in (3_000, 30_000):
            source = tmp_path / f"{rows}.csv"
            with source.open("w") as file:
                file.write("id,text,filler\n")
                file.writelines(f"{number},a good film {number},{'x' * 1000}\n" for number in range(rows))
            heard, out = Peaks(), str(tmp_path / f"{rows}.parquet")
            request = ScoreRequest((str(source),), out, model=model, engine="ray", workers=2, part_rows=500)
            assert score(request, heard).rows == rows
            assert len(heard.kib) == 2
            peaks[rows] = max(heard.kib.values())
    # KiB; the rows that were added are 13 MiB for each of the two
    assert peaks[30_000] - peaks[3_000] < 10 << 10


def test_a_cluster_that_is_not_there_is_named(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BackendUnavailable, match=r"no Ray cluster answers at 127.0.0.1:1(.|\n)*ray start --head"
    ):
        score(
            ScoreRequest(
                (str(texts),), str(tmp_path / "o.csv"), engine="ray", address="127.0.0.1:1", workers=1
            )
        )


def test_a_cluster_that_asks_for_a_token_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        try:
            raise RuntimeError("RPC error: InvalidAuthToken: Authentication token is missing or incorrect")
        except RuntimeError as error:
            raise ConnectionError("Failed to connect to Ray cluster at somewhere") from error

    monkeypatch.setattr(ray, "init", refuse)
    with (
        pytest.raises(BackendUnavailable, match=r"at auto asks for a token(.|\n)*RAY_AUTH_TOKEN"),
        cluster("auto", processors=None, store=1 << 27, where="predict"),
    ):
        pass
