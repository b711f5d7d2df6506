"""What a bench on a GPU times, what it is to reach, and what is printed."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import jsonschema_rs
import pytest

from peephole.cli.schemas import schema
from peephole.errors import OptionError
from peephole.studies.bench.gpu import tables
from peephole.studies.bench.gpu.cases import DTYPES, GROUPS, REVIEW_LENGTHS, SIZES, chosen
from peephole.studies.bench.gpu.contenders import MAKERS
from peephole.studies.bench.gpu.targets import EXACT, TARGETS, judge
from support.gpu_document import gpu_document


def test_the_lengths_are_those_of_the_stated_distribution() -> None:
    distribution = statistics.NormalDist(math.log(210), 0.6)
    drawn = [round(math.exp(distribution.inv_cdf((k + 0.5) / 64))) for k in range(64)]
    assert sorted(drawn, reverse=True) == list(REVIEW_LENGTHS)


def test_each_title_and_pass_is_there_once_and_those_of_a_title_stand_together() -> None:
    races = chosen([])
    titles = [race.title for race in races]
    assert len({(race.title, race.training) for race in races}) == len(races)
    assert [title for k, title in enumerate(titles) if title not in titles[:k]] == list(dict.fromkeys(titles))
    assert all(titles[k] == title or title not in titles[:k] for k, title in enumerate(titles[1:], 0))
    assert {entrant.who for race in races for entrant in race.entrants.values()} == set(MAKERS)


def test_the_targets_come_first_and_ours_is_the_first_of_every_race() -> None:
    races = chosen([])
    order = [race.title.split(" · ")[0] for race in races]
    assert list(dict.fromkeys(order)) == list(GROUPS)
    asked = {target.group for target in TARGETS}
    assert set(list(GROUPS)[: len(asked)]) == asked
    assert all(next(iter(race.entrants.values())).who.startswith("triton") for race in races)


def test_the_sizes_are_the_issues() -> None:
    races = chosen(["peephole"])
    found = {(e.case.batch, e.case.steps, e.case.hidden, e.dtype) for r in races for e in r.entrants.values()}
    assert found == {(64, 512, size, dtype) for size in SIZES for dtype in DTYPES}
    assert all(race.training for race in races)


def test_groups_are_run_by_importance_whatever_the_order_they_are_named_in() -> None:
    races = chosen(["latency", "reset"])
    assert [race.title.split(" · ")[0] for race in races] == ["reset"] * 4 + ["latency"] * 6
    with pytest.raises(OptionError, match="did you mean 'latency'"):
        chosen(["latncy"])


def test_with_the_times_of_the_example_every_target_is_reached() -> None:
    document = gpu_document()
    assert [target["status"] for target in document["targets"]] == ["reached"] * 7
    worst = {target["name"].rpartition(": ")[2]: target["worst"] for target in document["targets"]}
    assert worst["eager loop"] == pytest.approx(30)
    assert worst["torch.compile"] == pytest.approx(10)
    assert worst["as a multiple of cuDNN's LSTM"] == pytest.approx(0.4)
    assert worst["cuDNN's packed path"] == pytest.approx(2.5)
    assert worst["reset before, of after"] == pytest.approx(1.2)
    assert worst["of none"] == pytest.approx(1.1)
    exact = next(target for target in document["targets"] if target["name"] == EXACT)
    assert exact["worst"] == pytest.approx(0.5)


def races_of(document: dict[str, Any], group: str) -> list[dict[str, Any]]:
    return [race for race in document["races"] if race["title"].split(" · ")[0] == group]


@pytest.mark.parametrize("target", TARGETS, ids=[target.group + "-" + target.above for target in TARGETS])
def test_one_race_that_misses_it_is_enough(target: Any) -> None:
    document = gpu_document()
    entrants = races_of(document, target.group)[1]["entrants"]
    entrant = next(e for e in entrants if e["label"].startswith(target.above))
    entrant["seconds"]["median"] *= 0.01 if target.at_least else 100
    judged = {found["name"]: found for found in judge(document)}[target.name]
    assert judged["status"] == "not reached"
    assert judged["at"] == races_of(document, target.group)[1]["title"]


@pytest.mark.parametrize("target", TARGETS, ids=[target.group + "-" + target.above for target in TARGETS])
def test_what_was_not_run_in_full_is_not_measured(target: Any) -> None:
    document = gpu_document()
    document["races"].remove(races_of(document, target.group)[0])
    judged = {found["name"]: found for found in judge(document)}[target.name]
    assert judged["status"] == "not measured"
    assert judged["measured"] == judged["of"] - 1
    assert judged["worst"] is not None


def test_nothing_measured_is_no_reason_to_fail() -> None:
    judged = judge({"races": []})
    assert {(target["status"], target["worst"], target["measured"]) for target in judged} == {
        ("not measured", None, 0)
    }


@pytest.mark.parametrize("error", [2e-5, None], ids=["large", "without end"])
def test_one_wrong_gradient_of_ours_misses_the_target_of_errors(error: float | None) -> None:
    document = gpu_document()
    ours = document["races"][3]["entrants"][0]
    ours["errors"]["gradients"]["weight_hh_l0"] = error
    del ours["seconds"]
    ours["status"] = "wrong"
    judged = judge(document)[0]
    assert judged["status"] == "not reached"
    assert judged["at"].startswith(document["races"][3]["title"])
    document = gpu_document()
    document["races"][3]["entrants"][1]["errors"]["gradients"]["rows"] = 1.0  # a rival's
    assert judge(document)[0]["status"] == "reached"


def test_the_document_is_what_its_schema_says() -> None:
    document = gpu_document()
    document["left_out"] = [{"title": "dense", "pass": "training", "reason": "no time"}]
    entrants = document["races"][0]["entrants"]
    entrants[1] |= {"status": "failed", "reason": "no memory", "note": "in float16"}
    problems = jsonschema_rs.Draft202012Validator(schema("bench-gpu")).iter_errors(
        json.loads(json.dumps(document, allow_nan=False))
    )
    assert [f"{problem.instance_path}: {problem.message}" for problem in problems] == []


def test_the_heading_says_what_a_time_is_worth_nothing_without() -> None:
    lines = tables.heading(gpu_document()).split("\n")
    assert lines[0] == "2026-01-02 · a GPU, 128 GiB, compute capability 9.0 · a processor, Linux x86_64"
    assert lines[1] == "CUDA 12.8, cuDNN 91002, triton 3.7.0, python 3.11, torch 2.13"
    assert lines[2] == "TF32 off · timed with CUDA events"


def test_a_table_shows_times_and_says_why_there_is_none() -> None:
    document = gpu_document(chosen(["peephole"])[:1])
    triton, cudnn, loop, graph = document["races"][0]["entrants"]
    cudnn |= {"note": "in float16: torch does not give bfloat16 to cuDNN here"}
    for entrant, facts in (
        (loop, {"status": "failed", "reason": "OutOfMemoryError: no memory"}),
        (graph, {"status": "wrong"}),
    ):
        entrant |= facts
        del entrant["seconds"]
    graph["errors"] = {"outputs": 1e-3, "gradients": {"rows": 0.25}, "bound": 0.1}
    lines = tables.last_table(document).plain().split("\n")
    assert lines[0] == "peephole · H 128 · bfloat16 · 512 × 64, 128 → 128"
    assert lines[2].split() == [
        "fwd", "+", "bwd", "triton", "2.00", "1.80–2.20", "1.00", "×", "1.50", "5e-06", "weight_hh_l0", "on_chip",
    ]  # fmt: skip
    assert "2.50 ×" in lines[3]
    assert [line.strip() for line in lines[4:]] == [
        "cudnn lstm, fwd + bwd: in float16: torch does not give bfloat16 to cuDNN here",
        "loop, fwd + bwd: failed: OutOfMemoryError: no memory",
        "graph, fwd + bwd: void, since its results are wrong: the error of rows is 2.5e-01, allowed is 1e-01",
    ]
    triton |= {"status": "failed", "reason": "no"}
    del triton["seconds"]
    assert "×  " not in tables.last_table(document).plain().split("\n")[2]


def test_the_summary_names_every_target_and_what_was_left_out() -> None:
    document = gpu_document(chosen(["peephole"]))
    document["left_out"] = [
        {"title": "gates · lstm", "pass": "forward", "reason": "the 540 s of the bench were over"}
    ]
    table = tables.targets_table(document)
    assert [row[4] for row in table.rows] == [
        "not measured", "reached", "not measured", "reached", "not measured", "not measured", "not measured",
    ]  # fmt: skip
    assert table.rows[1][1:4] == ("at least 20 ×", "30.0 ×", "8/8")
    assert table.notes == ("left out: gates · lstm · forward: the 540 s of the bench were over",)
