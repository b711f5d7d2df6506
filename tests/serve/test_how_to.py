"""What the documents say of the server holds: commands are run, answers compared, files checked."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from peephole.classifier import load
from peephole.cli.app import app
from peephole.serve import Settings
from peephole.serve.settings import default, option, setting_names, variable
from peephole.serve.worker import drain_seconds
from support.serving import Here, here

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "serve.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)


CURLS = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("curl ")]


@pytest.fixture(scope="module")
def server() -> Iterator[Here]:
    with here(reviews=load()) as made:
        yield made


def curl(server: Here, command: str) -> Any:
    """Ask what a command of the page asks."""
    words = shlex.split(command)
    assert words[:2] == ["curl", "-s"]
    url, given = words[2], list(zip(words[3::2], words[4::2], strict=True))
    assert {option for option, _ in given} <= {"-H", "-d", "-o"}
    (body,) = (value for option, value in given if option == "-d")
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    answer = server.ask("POST", url.removeprefix("http://127.0.0.1:8000"), content=body, headers=headers)
    return answer.text if "Accept" in headers else answer.json()


def test_every_command_of_the_page_has_the_answer_that_stands_below(server: Here) -> None:
    assert len(CURLS) == 6
    checked = 0
    for command in CURLS:
        found = curl(server, command)
        after = PAGE[PAGE.index(command) :]
        below = re.match(r"[^\n]*\n```\n\n```json\n(.*?)\n```", after, flags=re.S)
        if isinstance(found, str):
            assert found.startswith("<!doctype html>")
            continue
        if below is None:
            assert {word["text"] for word in found["explanation"]["words"]} >= {"Not", "bad"}
            continue
        checked += 1
        assert same(found, json.loads(below[1])), found
    assert checked == 3


def same(found: Any, shown: Any) -> bool:
    """Whether an answer is what the page shows, but for ids and what another processor adds in another order."""
    if isinstance(shown, list):
        return len(found) == len(shown) and all(map(same, found, shown))
    if isinstance(shown, dict):
        kept = shown.keys() - {"request_id", "title"}
        return found.keys() == shown.keys() and all(same(found[name], shown[name]) for name in kept)
    return found == pytest.approx(shown, abs=2e-3) if isinstance(shown, float) else found == shown


def test_the_table_of_settings_is_that_of_the_program() -> None:
    lines = (ROOT / "docs" / "reference" / "server.md").read_text("utf-8").splitlines()
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    assert [row[1] for row in rows] == [variable(name) for name in setting_names()]
    for row, name in zip(rows, setting_names(), strict=True):
        assert row[0] == ("[MODEL]..." if name == "models" else option(name))
        value = default(name)
        shown = {"none": (None, ()), "no": (False,)}.get(row[2])
        assert value in shown if shown else type(value)(row[2]) == value


def test_every_variable_that_a_document_names_is_one() -> None:
    known = {variable(name) for name in setting_names()}
    named = set(re.findall(r"PEEPHOLE_[A-Z_]+", PAGE + (ROOT / "Dockerfile").read_text("utf-8")))
    assert named
    assert named <= known


def test_the_unit_starts_a_command_that_exists_and_waits_long_enough() -> None:
    (written,) = blocks("ini")
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(written)
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert (Path(program).name, words[0]) == ("peephole", "serve")
    typer.main.get_command(app).commands["serve"].make_context("serve", words[1:])  # type: ignore[attr-defined]
    assert int(unit["Service"]["TimeoutStopSec"]) > longest()


def longest() -> float:
    return drain_seconds(Settings()) + 5  # as long as the first process waits for the others


def test_the_deployment_is_locked_down_and_probes_paths_that_exist(server: Here) -> None:
    (written,) = blocks("yaml")
    deployment, service = yaml.safe_load_all(written)
    pod = deployment["spec"]["template"]
    assert (
        deployment["spec"]["selector"]["matchLabels"]
        == pod["metadata"]["labels"]
        == service["spec"]["selector"]
    )
    assert pod["spec"]["terminationGracePeriodSeconds"] > longest()
    assert pod["spec"]["enableServiceLinks"] is False  # PEEPHOLE_PORT would be an address of Kubernetes's own
    (container,) = pod["spec"]["containers"]
    security = container["securityContext"]
    assert (security["runAsNonRoot"], security["readOnlyRootFilesystem"]) == (True, True)
    for probe in ("livenessProbe", "readinessProbe"):
        assert server.ask("GET", container[probe]["httpGet"]["path"]).status_code == 200
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["containerPort"]


def test_the_image_runs_as_nobody_and_checks_a_path_that_exists(server: Here) -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    last = text[text.rindex("FROM ") :]
    steps = [tuple(line.split(maxsplit=1)) for line in last.splitlines() if line]
    given = dict(steps)
    uid = given["USER"].split(":")[0]
    assert int(uid) > 0
    assert json.loads(given["ENTRYPOINT"]) == ["peephole", "serve"]
    check = json.loads(given["HEALTHCHECK"].partition("CMD ")[2])
    compile(check[2], "HEALTHCHECK", "exec")
    (path,) = re.findall(r"'(/[a-z]+)'", check[2])
    assert server.ask("GET", path).status_code == 200
    assert "PEEPHOLE_HOST=0.0.0.0" in given["ENV"]
