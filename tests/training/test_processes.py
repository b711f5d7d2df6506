"""Several processes: each trains on its own share, they keep the same weights, and only the first one writes."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from support.models import word_counter

PROGRAM = """
import atexit, hashlib, json, os, sys
from pathlib import Path

# Handlers run in reverse: this one is the last. A thread of the processes' group that is still there then needs an interpreter
# that is going down, and aborts the process ("terminate called without an active exception") whenever it comes too late.
@atexit.register
def no_thread_of_the_group_is_left():
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    if any("gloo" in name for name in threads):
        print("threads at the end:", threads, file=sys.stderr, flush=True)
        os._exit(3)

from peephole.training import Lines, Recipe, TrainRequest, train
from peephole.training import checkpoint, loop

rank = int(os.environ.get("RANK", 0))
log = Path(sys.argv[3], f"process {rank}.json")
seen, writes, shares = [], [], []

real_gather = loop.gather
def gather(corpus, rows):
    seen.append(sorted(rows.tolist()))
    return real_gather(corpus, rows)
loop.gather = gather

real_open = os.open
real_write = Path.open
def watched(self, mode="r", *args, **kwargs):
    if any(letter in mode for letter in "wax"):
        writes.append(str(self))
    return real_write(self, mode, *args, **kwargs)

def fit(learner, *arguments):
    fitted = loop.fit(learner, *arguments)
    content = b"".join(weight.detach().numpy().tobytes() for weight in learner.parameters.values())
    shares.append(hashlib.sha256(content).hexdigest())
    return fitted

import peephole.training.run as run
run.fit = fit
Path.open = watched
recipe = Recipe.from_json(json.loads(sys.argv[4]))
request = TrainRequest(
    sources=(sys.argv[1],), output=Path(sys.argv[2]), recipe=recipe, cpu="CPU" in os.environ, resume="--resume" in sys.argv,
    teachers=tuple(json.loads(os.environ.get("TEACHERS", "[]"))),
    unlabelled=tuple(json.loads(os.environ.get("UNLABELLED", "[]"))),
    checkpoint_steps=5, time_budget=float(os.environ["BUDGET"]) if "BUDGET" in os.environ else None,
)
result = train(request, progress=Lines(sys.stderr))
Path.open = real_write
log.write_text(json.dumps({
    "seen": seen, "writes": writes, "weights": shares[0], "accuracy": result.metrics["accuracy"], "ending": result.ending,
}))
"""


def launch(
    tmp_path: Path,
    corpus: Path,
    recipe,
    name: str,
    *more: str,
    budget: float | None = None,
    teachers: tuple[Path, ...] = (),
    unlabelled: tuple[Path, ...] = (),
    cpu: bool = True,
) -> list[dict]:
    program, logs = tmp_path / "program.py", tmp_path / f"logs {name} {len(more)}"
    program.write_text(PROGRAM)
    logs.mkdir()
    # `accelerate launch --cpu` starts a single process unless there is MPI; torchrun starts as many as it is asked for.
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        str(program), str(corpus), str(tmp_path / name), str(logs), json.dumps(recipe.to_json()), *more,
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | ({} if budget is None else {"BUDGET": str(budget)})
    if cpu:
        environment["CPU"] = "1"
    environment["TEACHERS"] = json.dumps([str(path) for path in teachers])
    environment["UNLABELLED"] = json.dumps([str(path) for path in unlabelled])
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, said = process.communicate(timeout=300)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # the launcher's children too
            raise
    assert process.returncode == 0, said
    assert said.count("training and 30 development texts") == 1  # one process speaks
    return [json.loads((logs / f"process {rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("cpu", [True, False], ids=["told", "found"])
def test_two_processes(tmp_path, corpus, tiny, cpu: bool) -> None:
    if not cpu and torch.cuda.is_available():
        pytest.skip("there is a GPU, and one process on each would be wanted")
    first, second = launch(tmp_path, corpus, tiny, "model", cpu=cpu)
    steps = len(first["seen"])
    assert steps == len(second["seen"])
    per_pass = steps // 3
    for start in range(0, steps, per_pass):
        shares = [
            [row for rows in log["seen"][start : start + per_pass] for row in rows] for log in (first, second)
        ]
        assert not set(shares[0]) & set(shares[1])
        assert sorted(shares[0] + shares[1]) == list(range(270))
    assert first["weights"] == second["weights"]
    assert first["accuracy"] == second["accuracy"] > 0.6
    assert second["writes"] == []
    assert any("tensors.safetensors" in path for path in first["writes"])
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.mark.slow
def test_two_processes_stop_and_resume_with_the_same_bits(tmp_path, corpus, tiny) -> None:
    whole = launch(tmp_path, corpus, tiny, "whole")
    short = launch(tmp_path, corpus, tiny, "short", budget=1e-9)
    assert [log["ending"] for log in short] == ["time", "time"]
    resumed = launch(tmp_path, corpus, tiny, "short", "--resume")
    assert [log["ending"] for log in resumed] == ["complete", "complete"]
    assert resumed[0]["weights"] == whole[0]["weights"]
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "short")]
    assert files[0] == files[1]


@pytest.mark.slow
def test_two_processes_with_a_teacher_and_unlabelled_texts(tmp_path, corpus, tiny) -> None:
    """Each scores a share of the texts, the first one keeps the answers, and a resumed run ends with the same bits."""
    lines = "".join(f"number {n} was {'dull' if n % 3 else 'fine'}\n" for n in range(91))
    (tmp_path / "unlabelled.txt").write_text(lines)
    teacher = word_counter().save(tmp_path / "teacher")
    recipe = dataclasses.replace(tiny, epochs=2, virtual_adversarial=1.0, entropy=0.3)
    more = {"teachers": (teacher,), "unlabelled": (tmp_path / "unlabelled.txt",)}
    whole = launch(tmp_path, corpus, recipe, "whole", **more)
    assert whole[0]["weights"] == whole[1]["weights"]
    assert whole[1]["writes"] == []
    assert any("teacher-" in path for path in whole[0]["writes"])
    per_pass = len(whole[0]["seen"]) // 2
    rows = [row for log in whole for batch in log["seen"][:per_pass] for row in batch]
    assert sorted(rows) == list(range(270 + 91))
    launch(tmp_path, corpus, recipe, "short", budget=1e-9, **more)
    resumed = launch(tmp_path, corpus, recipe, "short", "--resume", **more)
    assert not any("teacher-" in path for path in resumed[0]["writes"])
    assert resumed[0]["weights"] == whole[0]["weights"]
