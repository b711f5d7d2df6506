"""The workflows of .github: pinned actions, no more rights than needed, and nothing published that was not tried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    return {
        "on" if key is True else key: value for key, value in yaml.safe_load(path.read_text("utf-8")).items()
    }


RELEASE = ROOT / ".github" / "workflows" / "release.yml"
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def test_there_are_workflows():
    assert {"ci.yml", "release.yml"} <= {path.name for path in FILES}


@EACH
def test_actions_are_pinned_and_jobs_end(path: Path):
    for job in read(path)["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w./-]+@(v\d+(\.\d+){0,2}|release/v1|[0-9a-f]{40})", step["uses"])
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@EACH
def test_rights_are_to_read_but_where_a_job_says_why(path: Path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    given = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    allowed = {
        "release.yml": {
            "publish": {"id-token": "write", "attestations": "write"},
            "page": {"contents": "write"},
        }
    }
    assert given == allowed.get(path.name, {})


@EACH
def test_no_expression_of_an_event_becomes_part_of_a_script(path: Path):
    for job in read(path)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


@EACH
def test_jobs_that_are_waited_for_and_scripts_that_are_run_exist(path: Path):
    jobs = read(path)["jobs"]
    for job in jobs.values():
        needs = job.get("needs", [])
        assert ({needs} if isinstance(needs, str) else set(needs)) <= set(jobs)
        for step in job["steps"]:
            for script in re.findall(r"(?:^|\s)((?:scripts|\.ci)/[\w-]+)", step.get("run", "")):
                assert (ROOT / script).is_file(), script


def test_a_release_is_published_from_a_tag_alone_after_every_platform_was_tried():
    workflow = read(RELEASE)
    jobs = workflow["jobs"]
    assert workflow["on"]["push"] == {"tags": ["v*"]}
    waits = {name: job.get("needs") for name, job in jobs.items()}
    assert waits == {
        "source": None,
        "wheel": "source",
        "smoke": "wheel",
        "publish": "smoke",
        "page": "publish",
    }
    assert jobs["publish"]["if"] == "github.event_name == 'push' && github.ref_type == 'tag'"
    assert not any("continue-on-error" in step for job in jobs.values() for step in job["steps"])
    built = set(jobs["wheel"]["strategy"]["matrix"]["machine"])
    assert built <= set(jobs["smoke"]["strategy"]["matrix"]["machine"])
    assert jobs["source"]["steps"][0]["with"]["fetch-depth"] == 0


def test_the_oldest_python_is_tried():
    oldest = re.search(r'requires-python = ">=([0-9.]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert oldest
    assert oldest[1] in read(RELEASE)["jobs"]["smoke"]["strategy"]["matrix"]["python"]
