"""The comparison: every pair runs once, finished ones are kept, and the document and the page say what happened."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peephole.errors import ModelError, OptionError, ShapeError
from peephole.files import write_json
from peephole.studies.compare import comparison, task_study
from peephole.studies.compare.comparison import Listener, Plan, compare
from peephole.studies.compare.contenders import CONTENDERS, Contender, choose
from peephole.studies.compare.ledger import Ledger
from peephole.studies.compare.page import notes, page
from peephole.studies.compare.pairing import Mean, difference, mean_of, seed_deviation
from peephole.studies.compare.study import Cost, Stopped, Study
from peephole.studies.compare.task_study import TaskStudy, measured
from peephole.studies.compare.task_trainer import learn
from peephole.studies.compare.wording import columns, table, title
from peephole.studies.measures import rounded
from support.echo_task import ECHO

# A comparison without any training


class Quick(TaskStudy):
    """A study on a task whose runs are made up."""

    def __init__(self) -> None:
        super().__init__(ECHO)
        self.ran: list[tuple[str, int]] = []
        self.stop_at: int | None = None
        self.error: BaseException | None = None
        self.clocks: list[float] = []

    def run(
        self,
        contender: Contender,
        hidden: int,
        seed: int,
        seconds_left: Callable[[], float],
        hear: Callable[[str], None],
    ) -> dict[str, Any]:
        if self.stop_at == len(self.ran):
            raise self.error or Stopped
        self.ran.append((contender.name, seed))
        self.clocks.append(seconds_left())
        hear("half of it")
        solved = contender.name != "rnn"
        lives = [] if contender.name == "rnn" else [1.0 * seed, 5.0, None]
        memory = {"survival": [1.0, 0.5, 0.25], "survival_in_h": [1.0, 0.1, 0.1], "memory_half_lives": lives}
        first = {"survival": [1.0, 0.25, 0.0625], "survival_in_h": [1.0, 0.01], "memory_half_lives": [99.0]}
        return {
            "ending": "solved" if solved else "budget",
            "sequences": 100 * seed,
            "right": 1.0 if solved else seed / 4,
            "tested": 2560,
            "loss": 0.01 * seed,
            "further": {},
            "seconds": 1.0,
            "curve": {"sequences": [50, 100], "loss": [0.7, 0.1], "right": [0.5, 1.0]},
            "parameters": 10,
            "memory": memory,
            "memory_at_start": first,
        }

    def costs(self, sizes: Mapping[str, int]) -> dict[str, Cost]:
        return {name: Cost(2.0, 0.5) for name in sizes}


class Told(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, done: int, total: int, what: str) -> None:
        self.lines.append(f"{done}/{total} {what}")

    def hear(self, words: str) -> None:
        self.lines.append(words)

    def finish(self, what: str, words: str) -> None:
        self.lines.append(f"{what}: {words}")


def plan(folder: Path, **changes: Any) -> Plan:
    usual: dict[str, Any] = {
        "contenders": choose(["rnn", "lstm", "gru"]),
        "seeds": (1, 2, 3),
        "hidden_size": 5,
        "match": "parameters",
        "output": folder,
        "command": "peephole compare --task echo",
    }
    return Plan(**{**usual, **changes})


def test_every_pair_runs_once_seed_by_seed(tmp_path: Path) -> None:
    study, told = Quick(), Told()
    document = compare(study, plan(tmp_path / "new" / "out"), told)
    assert study.ran == [(name, seed) for seed in (1, 2, 3) for name in ("rnn", "lstm", "gru")]
    assert document["complete"]
    assert json.loads((tmp_path / "new" / "out" / "compare.json").read_text("utf-8")) == document
    assert told.lines[:4] == [
        "0/9 RNN, tanh, orthogonal, 11 units, seed 1",
        "half of it",
        "RNN, tanh, orthogonal, 11 units, seed 1: not solved: 25.0% right",
        "1/9 LSTM, 5 units, seed 1",
    ]
    assert told.lines[-1] == "9/9 timing all of them in turn"
    rnn, lstm, gru = document["contenders"]
    assert rnn["score"] | {"solved_interval": None} == {
        "solved": 0,
        "solved_interval": None,
        "right": 0.5,
        "right_range": [0.25, 0.75],
        "loss": 0.02,
        "sequences": None,
        "diverged": 0,
        "further": {},
    }
    assert lstm["score"]["solved_interval"] == pytest.approx([0.4385, 1.0], abs=1e-4)  # Wilson, 3 of 3
    assert lstm["score"]["sequences"] == 200
    assert lstm["parameters"] == study.count(CONTENDERS["lstm"], 5)
    assert gru["milliseconds"] == {"training": 2.0, "inference": 0.5}
    assert lstm["survival"] == [1.0, 0.5, 0.25]
    assert lstm["gradient_half_life"] == 1.0
    assert lstm["gradient_half_life_in_h"] == pytest.approx(5 * math.log(2) / (3 * math.log(10)), rel=1e-3)
    # Units of the three seeds: 1, 2, 3, 5, 5, 5, ∞, ∞, ∞, at every twentieth.
    assert lstm["survival_at_start"] == [1.0, 0.25, 0.0625]
    assert lstm["gradient_half_life_at_start"] == 0.5
    assert set(lstm["memory_half_lives"]) == {1.0, 2.0, 3.0, 5.0, None}
    assert lstm["memory_half_lives"][0] == 1.0
    assert lstm["memory_half_lives"][10] == 5.0
    assert lstm["memory_half_lives"][-1] is None
    assert len(lstm["memory_half_lives"]) == 21
    assert rnn["memory_half_lives"] == []
    assert [run["seed"] for run in gru["runs"]] == [1, 2, 3]
    assert "memory" not in gru["runs"][0]
    assert document["subject"]["task"] == "echo"
    assert set(document["machine"]) == {"cpu", "cores", "instruction_set", "system", "threads"}


def test_finished_runs_are_kept_and_a_comparison_can_grow(tmp_path: Path) -> None:
    first = compare(Quick(), plan(tmp_path))
    again = Quick()
    assert compare(again, plan(tmp_path)) == first
    assert again.ran == []
    more = Quick()
    document = compare(more, plan(tmp_path, seeds=(2, 4), contenders=choose(["gru", "lstm", "irnn"])))
    assert more.ran == [("irnn", 2), ("gru", 4), ("lstm", 4), ("irnn", 4)]
    assert [contender["name"] for contender in document["contenders"]] == ["gru", "lstm", "irnn"]
    assert [run["seed"] for run in document["contenders"][0]["runs"]] == [2, 4]


def test_a_run_of_something_else_is_not_taken_for_it(tmp_path: Path) -> None:
    compare(Quick(), plan(tmp_path))
    other = Quick()
    other.budget = dataclasses.replace(ECHO.budget, sequences=99)
    with pytest.raises(OptionError) as caught:
        compare(other, plan(tmp_path))
    assert re.fullmatch(
        r"compare: \S+rnn-1.json must be the run that is asked for; it is another one: sequences: 3000, now 99",
        caught.value.message,
    )
    assert other.ran == []
    with pytest.raises(OptionError, match="hidden_size: 11, now "):
        compare(Quick(), plan(tmp_path, hidden_size=6))


class Ticking:
    """A clock that moves on by ten seconds whenever it is read."""

    def __init__(self, budget: float | None) -> None:
        self._read = 0

    @property
    def seconds(self) -> float:
        self._read += 1
        return 10.0 * self._read


def test_time_that_is_over_leaves_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "Clock", Ticking)
    study, told = Quick(), Told()
    study.stop_at = 4
    document = compare(study, plan(tmp_path, time_budget=100.0), told)
    assert told.lines[-1] == "time budget: 4 of 9 runs are done; the same command goes on"
    assert study.clocks == [90.0, 80.0, 70.0, 60.0]
    assert not document["complete"]
    assert [len(contender["runs"]) for contender in document["contenders"]] == [2, 1, 1]
    assert document["contenders"][0]["milliseconds"] is None
    assert notes(document) == ["Not finished: 4 of 9 runs are done. The same command goes on after them."]
    rest = Quick()
    assert compare(rest, plan(tmp_path))["complete"]
    assert len(rest.ran) == 5
    assert rest.clocks == [math.inf] * 5


def test_an_interrupt_says_what_is_kept(tmp_path: Path) -> None:
    study = Quick()
    study.stop_at, study.error = 2, KeyboardInterrupt()
    with pytest.raises(
        KeyboardInterrupt, match=r"stopped; 2 of 9 runs are kept in .*\nhint: run the same command again"
    ):
        compare(study, plan(tmp_path))
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["lstm-1.json", "rnn-1.json"]
    assert not json.loads((tmp_path / "compare.json").read_text("utf-8"))["complete"]
    assert "2 of 9 runs are done" in (tmp_path / "report.html").read_text("utf-8")


def test_a_run_that_fails_leaves_the_ones_before(tmp_path: Path) -> None:
    study = Quick()
    study.stop_at, study.error = 1, MemoryError()
    with pytest.raises(MemoryError):
        compare(study, plan(tmp_path))
    assert (tmp_path / "runs" / "rnn-1.json").exists()
    document = json.loads((tmp_path / "compare.json").read_text("utf-8"))
    assert [len(contender["runs"]) for contender in document["contenders"]] == [1, 0, 0]


def test_what_cannot_be_planned_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        plan(tmp_path, contenders=(), seeds=(1, 1), hidden_size=0, match="weights", time_budget=0.0)
    assert caught.value.message == (
        "compare: contenders must be at least one; got none; seeds must be numbers of at least 0, each once; got 1, 1; "
        "match must be one of 'parameters', 'units'; got 'weights'; hidden_size must be at least 1; got 0; "
        "time_budget must be above 0 seconds; got 0.0"
    )


# The ledger


def test_the_ledger_takes_no_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OptionError, match=r"earlier comparison; got .* with thesis.tex"):
        Ledger(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(OptionError, match="must be a folder; got the file"):
        Ledger(tmp_path / "thesis.tex")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / ".DS_Store").write_text("what a system leaves")
    Ledger(tmp_path / "ours")


@pytest.mark.parametrize(
    ("content", "says"), [("{", "must be a JSON file"), ("[1]", "must hold a run with its 'what'")]
)
def test_a_damaged_run_is_named(tmp_path: Path, content: str, says: str) -> None:
    ledger = Ledger(tmp_path)
    ledger.path("lstm-1").write_text(content)
    with pytest.raises(ModelError, match=says):
        ledger.find("lstm-1", {"seed": 1})


def test_what_decides_a_run_is_compared_whole(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.keep("lstm-1", {"seed": 1, "pooling": ("max",)}, {"right": 0.5})
    found = ledger.find("lstm-1", {"seed": 1, "pooling": ("max",)})
    assert found is not None
    assert found["right"] == 0.5
    for what in ({"seed": 1}, {"seed": 1, "pooling": ("max",), "new": 2}, {"seed": 1.5, "pooling": ("max",)}):
        with pytest.raises(OptionError, match="another one"):
            ledger.find("lstm-1", what)


def test_lists_of_numbers_stand_on_a_line(tmp_path: Path) -> None:
    document = {
        "curve": [1, -2.5, None, 1e-7],
        "words": ["a", "[1,\n 2]"],
        "runs": [{"x": []}],
        "no": [[1], [2]],
    }
    write_json("test", tmp_path / "x.json", document)
    text = (tmp_path / "x.json").read_text("utf-8")
    assert json.loads(text) == document
    assert '"curve": [ 1, -2.5, null, 1e-07 ]' in text


# Chance, over texts and seeds


def test_means_and_differences_by_hand() -> None:
    numbers = np.array([[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    # By text: 1, 0, ½, 1, a mean of 0.625 with a deviation of 0.4787; by seed: 0.75 and 0.5.
    assert seed_deviation({"a": numbers}) == pytest.approx(0.1768, abs=1e-4)
    found = mean_of(numbers, 0.2)
    assert found.value == pytest.approx(0.625)
    assert found.error == pytest.approx(math.hypot(0.4787 / 2, 0.2 / math.sqrt(2)), abs=1e-4)
    assert found.interval == pytest.approx((0.625 - 1.96 * found.error, 0.625 + 1.96 * found.error))
    less = difference(numbers, np.zeros((2, 4)), 0.2)
    assert less.error == pytest.approx(math.hypot(0.4787 / 2, 0.2), abs=1e-4)
    assert less.p == pytest.approx(math.erfc(less.value / less.error / math.sqrt(2)))
    assert mean_of(numbers[:1], None).error == pytest.approx(0.25)
    assert (Mean(0.0, 0.0).p, Mean(0.1, 0.0).p) == (1.0, 0.0)
    assert Mean(-0.196, 0.1).p == Mean(0.196, 0.1).p == pytest.approx(0.05, abs=1e-4)
    # Contenders are as far apart as they like; three seeds and a single one beside two: (0.01² + 0.01²) / (1 + 2 + 0).
    several = {"a": [0.90, 0.92], "b": [0.5, 0.5, 0.5], "c": [0.3]}
    pooled = seed_deviation({name: np.array(own)[:, None] for name, own in several.items()})
    assert pooled == pytest.approx(math.sqrt(0.0002 / 3))
    assert seed_deviation({"c": np.array([[0.3]])}) is None
    with pytest.raises(ShapeError, match=r"got \[2, 4\] and \[1, 4\]"):
        difference(numbers, numbers[:1], None)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        own = chance.normal(0, 0.1, 3)  # what each seed is worth
        numbers = 0.3 + own[:, None] + chance.normal(0, 1.0, 200) + chance.normal(0, 0.2, (3, 200))
        low, high = mean_of(numbers, 0.1).interval
        held += low <= 0.3 <= high
    assert 0.92 <= held / 400 <= 0.99


# The page and the table


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


# With real training, on a task that takes a moment


def test_a_task_from_the_first_weights_to_the_page(tmp_path: Path) -> None:
    study = TaskStudy(ECHO)
    contenders = choose(["irnn", "lstm", "peephole-lstm-full", "gru-before"])
    document = compare(study, plan(tmp_path, contenders=contenders, seeds=(1, 2)))
    assert document["complete"]
    for contender in document["contenders"]:
        assert contender["score"]["solved"] == 2, contender["name"]
        assert contender["milliseconds"]["training"] > contender["milliseconds"]["inference"] > 0
        assert contender["survival"][0] == contender["survival_at_start"][0] == 1.0
        assert len(contender["survival"]) == 4
        assert bool(contender["memory_half_lives"]) == (contender["name"] != "irnn")
        run = contender["runs"][0]
        assert run["backend"] in ("compiled", "torch", "reference")
        assert run["parameters"] == contender["parameters"]
        assert run["tested"] == 2560
    assert "solved" in (tmp_path / "report.html").read_text("utf-8")
    # The same command in another folder finds the same, but for what clocks say.
    other = compare(study, plan(tmp_path / "other", contenders=contenders, seeds=(1, 2)))
    for one, two in zip(document["contenders"], other["contenders"], strict=True):
        assert {**one["runs"][0], "seconds": 0} == {**two["runs"][0], "seconds": 0}
        assert one["survival"] == two["survival"]


def test_a_run_is_that_of_its_seed_and_is_measured_before_and_after() -> None:
    budget = dataclasses.replace(ECHO.budget, sequences=390, learning_rate=0.01)
    study, heard = TaskStudy(ECHO, budget), list[str]()
    runs = [study.run(CONTENDERS["lstm"], 5, seed, lambda: math.inf, heard.append) for seed in (1, 2)]
    assert [words.split(" of")[0] for words in heard] == [
        "51%",
        "100%",
    ] * 2  # of whole batches, the last one over
    for seed, run in zip((1, 2), runs, strict=True):
        learnt = learn(ECHO, CONTENDERS["lstm"], 5, budget, seed)
        assert run["right"] == learnt.score.right
        assert run["curve"]["right"] == rounded([point.right for point in learnt.curve])
        assert run["curve"]["loss"] == rounded([point.loss for point in learnt.curve])
        batch = ECHO.batch(64, np.random.default_rng([seed, 3]))
        for key, network in (("memory_at_start", learnt.start), ("memory", learnt.network)):
            assert run[key] == measured(network, batch).to_json()
        assert run["memory"] != run["memory_at_start"]
    assert runs[0]["curve"]["loss"] != runs[1]["curve"]["loss"]
    with pytest.raises(Stopped):
        study.run(CONTENDERS["lstm"], 5, 1, lambda: 0.0, heard.append)


def test_the_seeds_are_summed_up_by_their_medians() -> None:
    def ended(ending: str, sequences: int, right: float, loss: float | None, **further: float) -> Any:
        return {"ending": ending, "sequences": sequences, "right": right, "loss": loss, "further": further}

    runs = [
        ended("solved", 100, 1.0, 0.1, twice=0.2),
        ended("solved", 150, 0.98, 0.2, twice=0.3),
        ended("solved", 1000, 0.97, 0.3),
        ended("budget", 3000, 0.1, 4.0, twice=0.9),
        ended("diverged", 2500, 0.0, None),
    ]
    found = TaskStudy(ECHO).summary({"gru": runs})["gru"]
    assert found.pop("solved_interval") == pytest.approx([0.2307, 0.8824], abs=1e-4)  # Wilson, 3 of 5
    assert found == {
        "solved": 3,
        "right": 0.97,
        "right_range": [0.0, 1.0],
        "loss": pytest.approx(0.25),
        "sequences": 150,
        "diverged": 1,
        "further": {"twice": 0.3},
    }


def test_costs_are_for_a_thousand_steps_of_the_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that take 3 ms, on 20 sequences of three or four steps."""
    steps = int(ECHO.batch(ECHO.budget.batch, np.random.default_rng(0)).lengths.sum())
    assert 60 < steps < 80
    monkeypatch.setattr(
        task_study,
        "take_turns",
        lambda contestants, seconds: {
            name: SimpleNamespace(median=0.003 if name.startswith("training") else 0.001)
            for name in contestants
        },
    )
    found = TaskStudy(ECHO).costs({"gru": 3})["gru"]
    assert found.training == pytest.approx(3 * 1000 / steps)
    assert found.inference == pytest.approx(1000 / steps)


def test_a_diverged_run_is_part_of_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from peephole.studies.compare import task_trainer

    monkeypatch.setattr(task_trainer, "take_step", lambda *arguments: math.nan)
    document = compare(TaskStudy(ECHO), plan(tmp_path, contenders=choose(["lstm"]), seeds=(1,)))
    (lstm,) = document["contenders"]
    assert lstm["score"]["diverged"] == 1
    assert (lstm["score"]["right"], lstm["score"]["loss"]) == (0.0, None)
    assert lstm["survival"] == []
    assert lstm["survival_at_start"][0] == 1.0
    assert "1 of 1 runs diverged" in (tmp_path / "report.html").read_text("utf-8")


def test_studies_have_what_a_comparison_asks_of_them() -> None:
    assert Study.__abstractmethods__ == {
        "facts",
        "usual_size",
        "count",
        "what",
        "run",
        "costs",
        "summary",
        "told",
    }
    assert isinstance(comparison.FORMAT, int)


def test_the_budget_of_a_task_can_be_changed() -> None:
    usual = TaskStudy.of("adding").budget
    changed = TaskStudy.of("adding", 50, "halves", {"batch": 7, "init": None}, {"gru": 0.5})
    assert (changed.task.length, changed.task.variant, changed.budget.batch) == (50, "halves", 7)
    assert changed.budget.rates == {**usual.rates, "gru": 0.5}
    assert TaskStudy.of("adding", changes={"learning_rate": 0.2}, rates={"gru": 0.5}).budget.rates == {
        "gru": 0.5
    }
    with pytest.raises(OptionError, match="batch must be at least 1; got 0"):
        TaskStudy.of("adding", changes={"batch": 0})


def test_what_decides_a_run_is_what_concerns_it() -> None:
    study = TaskStudy.of("adding", rates={"gru": 0.5})
    lstm, gru, rnn = (study.what(CONTENDERS[name], 9, 4) for name in ("lstm", "gru", "rnn"))
    assert gru["learning_rate"] == 0.5
    assert lstm == TaskStudy.of("adding").what(CONTENDERS["lstm"], 9, 4)  # another's rate is not its own
    assert rnn["init"] == "orthogonal"
    assert {
        "task",
        "variant",
        "length",
        "contender",
        "hidden_size",
        "seed",
        "sequences",
        "batch",
        "judge_steps",
    } < set(lstm)
