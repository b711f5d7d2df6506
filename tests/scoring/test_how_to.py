"""What the page of many texts shows is what there is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import typer
import yaml

from peephole.cli.app import app
from peephole.scoring.chunks import Reject

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "score-a-lot-of-texts.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.M | re.S)
    return found


def test_the_job_of_kubernetes_is_one() -> None:
    job: dict[str, Any] = yaml.safe_load(block("yaml"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert all(isinstance(value, str) for group in groups for value in group["rayStartParams"].values())
    containers = [one for group in groups for one in group["template"]["spec"]["containers"]]
    assert len({one["image"] for one in containers}) == 1  # the same Python and the same Ray everywhere
    assert cluster["rayVersion"] in block("dockerfile")
    program, command, *words = shlex.split(job["spec"]["entrypoint"])
    assert program == "peephole"
    given = typer.main.get_command(app).commands[command].make_context(command, words).params  # type: ignore[attr-defined]
    assert (given["engine"], given["address"], given["as_json"]) == ("ray", "auto", True)


def test_the_line_of_what_cannot_be_scored_has_its_fields() -> None:
    assert tuple(json.loads(block("json"))) == Reject._fields
