"""Learning a task: the network's outputs, the losses, the endings, and the seed that decides all."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from peephole.errors import OptionError
from peephole.studies.compare import task_trainer
from peephole.studies.compare.contenders import CONTENDERS, choose, layer_parameters, matched_size, sizes_of
from peephole.studies.compare.study import Stopped
from peephole.studies.compare.task_network import TaskNetwork, loss_of, task_parameters
from peephole.studies.compare.task_trainer import Learnt, Point, Score, learn
from peephole.studies.tasks import make_task
from support.echo_task import ECHO

BUDGET = ECHO.budget


@pytest.mark.parametrize(
    "task", [make_task("order", length=20), make_task("count", length=4), ECHO], ids=lambda t: t.name
)
@pytest.mark.parametrize("name", ["lstm", "irnn"])
def test_outputs_are_those_of_the_steps_that_count(task, name: str) -> None:
    torch.manual_seed(0)
    network = TaskNetwork(task, CONTENDERS[name], 6, "orthogonal")
    batch = task.batch(9, np.random.default_rng(3))
    with torch.no_grad():
        dense, _ = network.layer(torch.from_numpy(batch.inputs), lengths=batch.lengths)
        every = network.head(dense).numpy()
    assert network.answer(batch) == pytest.approx(every[batch.counted], abs=1e-6)
    assert network(batch).requires_grad


@pytest.mark.parametrize(
    ("name", "first"), [("rnn", "orthogonal"), ("irnn", "identity"), ("lstm", "chrono"), ("gru", "chrono")]
)
def test_first_weights(name: str, first: str) -> None:
    network = TaskNetwork(make_task("copy", length=30), CONTENDERS[name], 6, "chrono")
    assert network.layer.init == first
    assert network.layer.chrono_length == (30 if first == "chrono" else None)
    plain = TaskNetwork(ECHO, CONTENDERS["lstm"], 6, "orthogonal").layer
    assert (plain.init, plain.forget_bias) == ("orthogonal", 1.0)


@pytest.mark.parametrize("name", CONTENDERS)
def test_parameters_are_counted_as_they_are(name: str) -> None:
    task = make_task("order", length=20)
    network = TaskNetwork(task, CONTENDERS[name], 7, "orthogonal")
    assert task_parameters(task, CONTENDERS[name], 7) == sum(p.numel() for p in network.parameters())


def test_losses_by_hand() -> None:
    outputs, targets = (
        torch.tensor([[0.0, math.log(3.0)], [1.0, 1.0]]),
        np.array([[1, 0], [0, 1]], np.float32),
    )
    assert float(loss_of("squared", outputs, targets)) == pytest.approx((1 + math.log(3) ** 2 + 1 + 0) / 4)
    assert float(loss_of("classes", outputs, targets)) == pytest.approx((math.log(4) + math.log(2)) / 2)
    # sets: −ln σ(±x) of each output, summed over outputs, a mean over steps
    sigmoid = 1 / (1 + math.exp(-1))
    steps = math.log(2) + math.log(4), -math.log(1 - sigmoid) - math.log(sigmoid)
    assert float(loss_of("sets", outputs, targets)) == pytest.approx(sum(steps) / 2)


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return learn(ECHO, CONTENDERS["lstm"], 5, BUDGET, seed=1)


def test_what_is_solved_ends_there_and_is_right_on_new_sequences(learnt: Learnt) -> None:
    assert learnt.ending == "solved"
    assert learnt.sequences == learnt.curve[-1].sequences < BUDGET.sequences
    assert [point.sequences for point in learnt.curve] == list(range(200, learnt.sequences + 1, 200))
    assert learnt.curve[-1].right >= ECHO.needed
    assert learnt.score.right >= ECHO.needed
    assert learnt.score.n == task_trainer.TESTED
    assert learnt.score.loss < ECHO.chance
    fresh = ECHO.batch(1000, np.random.default_rng(99))
    assert ECHO.right(learnt.network.answer(fresh), fresh).mean() > 0.97
    first = learnt.start.answer(fresh)
    assert not np.allclose(first, learnt.network.answer(fresh))


def test_the_seed_decides_every_bit_and_the_callers_generator_is_left_alone(learnt: Learnt) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = learn(ECHO, CONTENDERS["lstm"], 5, BUDGET, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert again.curve == learnt.curve
    for a, b in zip(again.network.parameters(), learnt.network.parameters(), strict=True):
        assert torch.equal(a, b)
    other = learn(ECHO, CONTENDERS["lstm"], 5, BUDGET, seed=2)
    assert other.curve[0] != learnt.curve[0]


def test_lessons_judgements_and_tests_are_of_chance_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is learnt is judged by; what is judged by is drawn once; another seed has other numbers and other weights."""
    drawn: list[tuple[str, int]] = []
    original = type(ECHO).batch

    def batch(task: Any, size: int, rng: np.random.Generator) -> Any:
        drawn.append((str(rng.bit_generator.state["state"]), size))
        return original(task, size, rng)

    monkeypatch.setattr(type(ECHO), "batch", batch)
    slow = dataclasses.replace(BUDGET, sequences=600, learning_rate=1e-9)
    starts, states = [], []
    for seed in (1, 2):
        drawn.clear()
        starts.append(learn(ECHO, CONTENDERS["lstm"], 5, slow, seed).start)
        assert [size for _, size in drawn] == [task_trainer.JUDGED] + [BUDGET.batch] * 30 + [256] * 10
        states.append({state for state, _ in drawn})
        assert len(states[-1]) == len(drawn)
    assert not states[0] & states[1]
    first, second = ([p.detach() for p in network.parameters()] for network in starts)
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True) if a.ndim == 2)


def test_a_judgement_has_the_mean_loss_since_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    original = task_trainer.take_step

    def take_step(*arguments: Any) -> float:
        losses.append(original(*arguments))
        return losses[-1]

    monkeypatch.setattr(task_trainer, "take_step", take_step)
    found = learn(ECHO, CONTENDERS["lstm"], 5, dataclasses.replace(BUDGET, learning_rate=1e-3), 1)
    assert len(found.curve) > 2
    for k, point in enumerate(found.curve):
        assert point.loss == pytest.approx(np.mean(losses[10 * k : 10 * (k + 1)]))


def test_the_score_is_that_of_the_last_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is judged right, fails the test and learns on is tested again at the end."""
    scores: list[Score] = []

    def failed(*arguments: Any) -> Score:
        scores.append(Score(0.001 * len(scores), 1.0, 1))
        return scores[-1]

    monkeypatch.setattr(task_trainer, "test", failed)
    found = learn(ECHO, CONTENDERS["lstm"], 5, dataclasses.replace(BUDGET, sequences=1410), seed=1)
    assert found.ending == "budget"
    assert found.curve[-1].right >= ECHO.needed
    assert len(scores) > 1
    assert found.score is scores[-1]
    assert len(scores) == 1 + sum(point.right >= ECHO.needed for point in found.curve)


def test_a_step_is_no_longer_than_the_clipped_gradient() -> None:
    torch.manual_seed(0)
    task = make_task("adding", length=20)
    network = TaskNetwork(task, CONTENDERS["lstm"], 6, "orthogonal")
    with torch.no_grad():
        network.head.weight.mul_(1000)
    before = torch.cat([p.detach().flatten().clone() for p in network.parameters()]).double()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    task_trainer.take_step(task, network, optimizer, task.batch(9, np.random.default_rng(0)))
    after = torch.cat([p.detach().flatten() for p in network.parameters()]).double()
    assert float((after - before).norm()) == pytest.approx(1.0, rel=1e-3)


def test_a_task_whose_test_is_fixed_is_tested_once() -> None:
    task = make_task("count", length=4)
    assert task.test_is_fixed
    network = TaskNetwork(task, CONTENDERS["lstm"], 6, "orthogonal")
    whole = task.test(task_trainer.TESTED, np.random.default_rng(0))
    assert task_trainer.test(task, network, np.random.default_rng(1)).n == len(whole.lengths)


def test_a_budget_that_is_spent() -> None:
    slow = dataclasses.replace(BUDGET, sequences=410, learning_rate=1e-9)
    found = learn(ECHO, CONTENDERS["gru"], 5, slow, seed=1)
    assert (found.ending, found.sequences) == ("budget", 420)  # whole batches
    assert [point.sequences for point in found.curve] == [200, 400]
    assert found.score.n == task_trainer.TESTED
    assert 0.2 < found.score.right < 0.8


def test_a_contender_has_its_own_rate() -> None:
    budget = dataclasses.replace(BUDGET, sequences=200, rates={"gru": 1e-9})
    moved = {}
    for name in ("gru", "lstm"):
        found = learn(ECHO, CONTENDERS[name], 5, budget, seed=1)
        pairs = zip(found.start.parameters(), found.network.parameters(), strict=True)
        moved[name] = max(float((a - b).detach().abs().max()) for a, b in pairs)
    assert moved["gru"] < 1e-6
    assert moved["lstm"] > 0.05


def test_a_loss_that_is_not_finite_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = task_trainer.loss_of, []

    def loss(*arguments):
        calls.append(1)
        return original(*arguments) * (math.inf if len(calls) == 4 else 1)

    monkeypatch.setattr(task_trainer, "loss_of", loss)
    found = learn(ECHO, CONTENDERS["lstm"], 5, BUDGET, seed=1)
    assert (found.ending, found.sequences, found.score.right, found.score.n) == ("diverged", 80, 0.0, 0)
    assert all(torch.isfinite(p).all() for p in found.network.parameters())


def test_a_run_can_be_stopped_and_tells_how_far_it_is() -> None:
    heard: list[Point] = []
    slow = dataclasses.replace(BUDGET, learning_rate=1e-9)
    with pytest.raises(Stopped):
        learn(ECHO, CONTENDERS["lstm"], 5, slow, 1, hear=heard.append, must_stop=lambda: len(heard) == 2)
    assert [point.sequences for point in heard] == [200, 400]


# Who takes part, and how large


def test_contenders_are_chosen_by_name() -> None:
    assert [one.name for one in choose(["gru", "irnn"])] == ["gru", "irnn"]
    with pytest.raises(OptionError, match=r"got 'lstn' \(did you mean 'lstm'\?\), 'x'"):
        choose(["lstn", "x", "gru"])
    for names in ([], ["gru", "gru"]):
        with pytest.raises(OptionError, match="named once each"):
            choose(names)


@pytest.mark.parametrize("wanted", [1, 2, 3, 10, 99, 100, 101, 5000])
def test_the_nearest_size_is_found(wanted: int) -> None:
    def count(size: int) -> int:
        return 3 * size * size + 2 * size

    best = min(range(1, 100), key=lambda size: (abs(count(size) - wanted), size))
    assert matched_size(count, wanted) == best


def test_sizes_match_the_lstm() -> None:
    everyone = choose(list(CONTENDERS))

    def count(one, size):
        return layer_parameters(one.make_cell(), 8, size)

    sizes = sizes_of(everyone, 32, "parameters", count)
    target = count(CONTENDERS["lstm"], 32)
    assert sizes["lstm"] == 32
    for one in everyone:
        step = count(one, sizes[one.name] + 1) - count(one, sizes[one.name])
        assert abs(count(one, sizes[one.name]) - target) <= step / 2 + 1
    assert sizes["peephole-lstm-full"] < 32 < sizes["gru"] < sizes["rnn"]
    assert sizes_of(everyone[:1], 32, "parameters", count) == {
        "rnn": sizes["rnn"]
    }  # the LSTM need not take part
    assert set(sizes_of(everyone, 9, "units", count).values()) == {9}
