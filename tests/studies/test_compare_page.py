"""The page and the table of a comparison."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from peephole.studies.compare.comparison import compare
from peephole.studies.compare.contenders import CONTENDERS
from peephole.studies.compare.page import notes, page
from peephole.studies.compare.wording import columns, table, title
from support.made_up_runs import Quick, plan


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return compare(Quick(), plan(tmp_path_factory.mktemp("out")))


def test_the_page_needs_nothing_else_and_trusts_nobody(document: dict[str, Any], tmp_path: Path) -> None:
    made = page({**document, "command": "peephole <script>alert(1)</script>"})
    assert "<script" not in made
    assert not re.search(r"(?:src|href)=\"(?!#)", made)
    assert not re.search(r"https?://", made)
    assert "default-src 'none'" in made
    assert "Echo &lt;i&gt;" in made
    assert "A sign is shown &amp; asked for." in made
    assert made.count("<figure>") == 6
    assert "$" not in re.sub(r"<style>.*?</style>", "", made, flags=re.S)
    assert page(document) == page(json.loads(json.dumps(document)))
    for variable in set(re.findall(r"var\(--([\w-]+)\)", made)):
        assert re.search(rf"--{variable}:", made), variable
    assert "#0101" not in made  # every stand-in was replaced


def test_the_page_of_a_comparison_that_has_only_begun(tmp_path: Path) -> None:
    study = Quick()
    study.stop_at = 1
    document = compare(study, plan(tmp_path, seeds=(1,)))
    made = (tmp_path / "report.html").read_text("utf-8")
    assert "Not finished: 1 of 3 runs are done." in made
    assert "Fewer than three seeds" in made
    assert made == page(document)
    idle = Quick()
    idle.stop_at = 0
    nothing = page(compare(idle, plan(tmp_path / "nothing")))
    assert "Not finished: 0 of 9 runs are done." in nothing
    assert nothing.count("<figure>") == 0


def test_the_table_has_what_the_page_has(document: dict[str, Any]) -> None:
    lines = table(document).plain().split("\n")
    assert lines[0] == title(document) == "Echo <i>, length 3"
    rnn, lstm = lines[2].strip(), lines[3].strip()
    assert re.match(r"RNN, tanh, orthogonal +0 of 3 \(0 to 56.1 %\) ", rnn)
    assert rnn.endswith("no gate")
    for words in ("3 of 3 (44 to 100.0 %)", "100.0 % (100.0 to 100.0 %)", "200", "0.02", "(5 units)"):
        assert words in lstm
    for words in ("2.00 (0.500 inference)", "1.00 (0.500 untrained)", "5.00 (∞ in the longest 5 %)"):
        assert words in lstm
    made = page(document)
    for column in columns(document):
        assert column.heading in made


def test_what_diverged_is_said(document: dict[str, Any]) -> None:
    spoilt = json.loads(json.dumps(document))
    spoilt["contenders"][1]["score"]["diverged"] = 2
    assert notes(spoilt) == ["2 of 9 runs diverged: their loss became infinite or undefined."]


def test_every_contender_is_told_by_more_than_its_colour() -> None:
    from peephole.studies.compare import figures

    strokes = [(figures.dashes(name), figures.line_width(name)) for name in CONTENDERS]
    assert len(set(strokes)) == len(CONTENDERS)
    assert len(set(figures.VARIABLES)) == len(set(figures.VARIABLES.values())) == len(CONTENDERS)
    for one, other in itertools.permutations(figures.VARIABLES, 2):
        assert one not in other
