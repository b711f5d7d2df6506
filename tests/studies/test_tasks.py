"""The tasks against definitions written a second time, sequence by sequence, and against chance as it is measured."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from peephole.errors import OptionError
from peephole.studies.tasks import TASKS, Task, adding, make_task, variants_of
from peephole.studies.tasks.copy_memory import CopyMemory
from peephole.studies.tasks.counting import Counting
from peephole.studies.tasks.order import SYMBOLS, Order
from peephole.studies.tasks.periodic import Periodic, wave
from peephole.studies.tasks.spikes import Spikes
from peephole.studies.tasks.task import Batch, Budget

EVERY = [(name, variant) for name in TASKS for variant in variants_of(name)]


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def small(name: str, variant: str) -> Task:
    return make_task(
        name, variant=variant, length={"adding": 20, "order": 20, "copy": 5, "count": 4, "timing": 4}[name]
    )


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_batch_is_well_formed(name: str, variant: str) -> None:
    task = small(name, variant)
    for batch in (task.batch(7, chance()), task.test(20, chance())):
        steps, size = int(batch.lengths.max()), len(batch.lengths)
        assert batch.inputs.shape == (steps, size, task.inputs)
        assert batch.targets.shape == (steps, size, task.outputs)
        assert batch.counted.shape == (steps, size)
        assert {batch.inputs.dtype, batch.targets.dtype} == {np.dtype(np.float32)}
        assert batch.lengths.min() >= 1
        past = np.arange(steps)[:, None] >= batch.lengths
        assert not batch.inputs[past].any()
        assert not batch.targets[~batch.counted].any()
        assert not batch.counted[past].any()
        assert batch.counted.any(axis=0).all()
        assert batch.counted[
            batch.lengths - 1, np.arange(size)
        ].all()  # the last step is asked, in every task
        assert batch.counted_targets.shape == (len(batch.counted_sequences), task.outputs)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_the_seed_decides_the_batch(name: str, variant: str) -> None:
    task = small(name, variant)
    one, same, other = (task.batch(30, chance(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.inputs, same.inputs)
    assert np.array_equal(one.targets, same.targets)
    if not isinstance(task, Periodic):  # which has one sequence
        assert one.inputs.shape != other.inputs.shape or not np.array_equal(one.inputs, other.inputs)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_perfect_outputs_are_right_and_one_wrong_step_makes_its_sequence_wrong(
    name: str, variant: str
) -> None:
    task = small(name, variant)
    batch = task.batch(5, chance())
    perfect = batch.counted_targets if task.loss == "squared" else 20 * (2 * batch.counted_targets - 1)
    assert task.right(perfect, batch).all()
    for step in (0, len(perfect) - 1):
        spoilt = perfect.copy()
        spoilt[step] = 3 + spoilt[step] if task.loss == "squared" else -spoilt[step]
        right = task.right(spoilt, batch)
        assert np.flatnonzero(~right).tolist() == [batch.counted_sequences[step]]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_task_says_what_it_is(name: str, variant: str) -> None:
    task = small(name, variant)
    assert task.definition.endswith(".")
    assert task.criterion
    assert not task.criterion.endswith(".")
    assert task.chance > 0
    assert 0.5 <= task.needed <= 1
    assert isinstance(task.budget, Budget)
    assert make_task(name, variant=variant).length == type(task).usual_length


# Adding


@pytest.mark.parametrize("variant", ["early", "halves"])
def test_adding_asks_for_the_sum_of_the_marked_values(variant: str) -> None:
    batch = adding.batch(500, 40, chance(), variant=variant)
    firsts, seconds = [], []
    for n, length in enumerate(batch.lengths.tolist()):
        assert 40 <= length <= 44
        values, marks = batch.inputs[:length, n, 0], batch.inputs[:length, n, 1]
        assert ((values >= 0) & (values < 1)).all()
        places = np.flatnonzero(marks)
        assert len(places) == 2
        assert set(marks[places]) == {1.0}
        assert batch.marked[n].tolist() == places.tolist()
        assert batch.targets[length - 1, n, 0] == pytest.approx(values[places].sum(), abs=1e-6)
        expected = np.zeros(len(batch.inputs))
        expected[places] = values[places]
        assert batch.contributions[:, n].tolist() == expected.tolist()
        assert batch.counted[:, n].sum() == 1
        firsts.append(places[0])
        seconds.append(places[1])
        if variant == "early":
            assert places[0] < 4 or places[1] < 4  # one of the first tenth
            assert places[1] < 20
        else:
            assert places[0] < length // 2 <= places[1]
    assert min(firsts) == 0
    assert max(seconds) == (19 if variant == "early" else max(batch.lengths) - 1)
    assert sorted(set(batch.lengths.tolist())) == [40, 41, 42, 43, 44]


def test_marks_of_the_early_kind_are_spread_evenly() -> None:
    marked = adding.batch(20_000, 40, chance(), variant="early").marked
    counts = np.bincount(marked.ravel(), minlength=20) / 20_000
    # One mark is uniform in [0, 4); the other in [0, 20) without it.
    assert counts[:4] == pytest.approx(1 / 4 + (3 / 4) / 19, abs=0.02)
    assert counts[4:] == pytest.approx(1 / 19, abs=0.01)


def test_chance_at_adding_is_the_variance_of_the_sum() -> None:
    batch = adding.batch(20_000, 20, chance())
    error = float(((batch.counted_targets - 1.0) ** 2).mean())
    assert error == pytest.approx(make_task("adding").chance, abs=0.004)
    assert make_task("adding").chance == pytest.approx(1 / 6)


def test_a_sum_is_right_within_the_papers_tolerance() -> None:
    task = make_task("adding", length=20)
    targets = np.array([[0.5], [0.5], [0.5]], np.float32)
    assert task.right_steps(targets + np.array([[0.079], [-0.079], [0.081]], np.float32), targets).tolist() == [
        True, True, False,
    ]  # fmt: skip


# Temporal order


@pytest.mark.parametrize(
    ("variant", "windows"),
    [("two", [(10, 20), (50, 60)]), ("three", [(10, 20), (33, 43), (66, 76)])],
)
def test_order_is_the_papers(variant: str, windows: list[tuple[int, int]]) -> None:
    task = Order(100, variant)
    batch = task.batch(2000, chance())
    seen: list[set[int]] = [set() for _ in windows]
    labels = set()
    for n, length in enumerate(batch.lengths.tolist()):
        text = [SYMBOLS[k] for k in batch.inputs[:length, n].argmax(axis=1)]
        assert (batch.inputs[:length, n].sum(axis=1) == 1).all()
        assert (text[0], text[-1]) == ("start", "end")
        places = [k for k, symbol in enumerate(text) if symbol in ("X", "Y")]
        assert len(places) == len(windows)
        for place, (low, high), own in zip(places, windows, seen, strict=True):
            assert low <= place <= high
            own.add(place)
        assert set(text[1:-1]) - {"X", "Y"} <= set("abcd")
        # XX, XY, YX, YY are the classes in the order of a dictionary.
        order = ["".join(letters) for letters in itertools.product("XY", repeat=len(windows))]
        label = order.index("".join(text[k] for k in places))
        assert batch.targets[length - 1, n].argmax() == label
        assert batch.counted[:, n].sum() == 1
        labels.add(label)
    assert [sorted(own) for own in seen] == [list(range(low, high + 1)) for low, high in windows]
    assert labels == set(range(task.outputs))
    assert sorted(set(batch.lengths.tolist())) == list(range(100, 111))
    assert task.chance == pytest.approx(math.log(task.outputs))
    assert task.outputs == 2 ** len(windows)


@pytest.mark.parametrize("length", [20, 23, 37, 250])
def test_order_fits_any_length(length: int) -> None:
    for variant in ("two", "three"):
        task = Order(length, variant)
        edges = [edge for window in task.windows for edge in window]
        assert edges == sorted(edges)
        assert len(set(edges)) == len(edges)
        assert edges[0] >= 1
        assert edges[-1] < length - 1


# Copy memory


@pytest.mark.parametrize(("variant", "count"), [("ten", 10), ("five", 5)])
def test_copy_shows_waits_and_asks(variant: str, count: int) -> None:
    task = CopyMemory(3, variant)
    batch = task.batch(4, chance())
    assert batch.lengths.tolist() == [3 + 2 * count] * 4
    for n in range(4):
        shown = batch.inputs[:, n].argmax(axis=1).tolist()
        asked = batch.targets[:, n].argmax(axis=1).tolist()
        assert max(shown[:count]) < 8
        assert shown[count:] == [8, 8, 9] + [8] * count
        assert asked == [8] * (count + 3) + shown[:count]
    assert batch.counted.all()


@pytest.mark.parametrize(("variant", "count"), [("ten", 10), ("five", 5)])
def test_chance_at_copy_is_that_of_who_remembers_nothing(variant: str, count: int) -> None:
    task = CopyMemory(7, variant)
    batch = task.batch(50, chance())
    # Blank for certain until asked, then every symbol alike.
    probability = np.zeros((7 + 2 * count, 9))
    probability[:-count, 8] = 1.0
    probability[-count:, :8] = 1 / 8
    given = (probability[:, None] * batch.targets).sum(axis=2)
    assert float(-np.log(given).mean()) == pytest.approx(task.chance, rel=1e-6)
    assert CopyMemory(1000, "ten").chance == pytest.approx(0.0204, abs=5e-5)  # Bai et al. 2018 quote it


def test_how_many_symbols_are_right() -> None:
    task = CopyMemory(7, "five")

    def answer(batch: Batch) -> Any:
        outputs = 9.0 * batch.counted_targets
        outputs[batch.counted_sequences % 4 == 0] = 0.0  # the first symbol, whatever was asked
        return outputs

    assert task.further(lambda batch: 9.0 * batch.counted_targets) == {"symbols_right": 1.0}
    assert task.further(answer)["symbols_right"] == pytest.approx(3 / 4 + 1 / 4 / 8, abs=0.02)


# Counting


def language(letters: str, most: int) -> list[str]:
    return ["".join(letter * n for letter in letters) for n in range(1, most + 1)]


def may_follow(prefix: str, strings: list[str]) -> set[str]:
    fitting = [string for string in strings if string.startswith(prefix)]
    return {string[len(prefix)] if len(string) > len(prefix) else "end" for string in fitting}


@pytest.mark.parametrize(("variant", "letters"), [("anbn", "ab"), ("anbncn", "abc")])
def test_counting_asks_for_all_that_may_follow(variant: str, letters: str) -> None:
    task = Counting(6, variant)
    strings = language(letters, 30)  # far more than are shown: after an a, another may always follow
    batch = task.strings(np.arange(1, 10))
    for n, string in enumerate(strings[:9]):
        length = int(batch.lengths[n])
        read = [task.symbols[k] for k in batch.inputs[:length, n].argmax(axis=1)]
        assert read == ["start", *string]
        for step in range(length):
            asked = {task.symbols[k] for k in np.flatnonzero(batch.targets[step, n])}
            assert asked == may_follow(string[:step], strings)
    assert batch.counted.sum() == batch.lengths.sum()


def test_counting_learns_from_the_length_and_is_judged_beyond() -> None:
    task = Counting(5, "anbn")
    lengths = task.batch(500, chance()).lengths
    assert sorted(set(lengths.tolist())) == [3, 5, 7, 9, 11]
    assert task.test(1, chance()).lengths.tolist() == [1 + 2 * n for n in range(1, 9)]
    assert task.judged == 8


@pytest.mark.parametrize(("variant", "letters"), [("anbn", "ab"), ("anbncn", "abc")])
def test_chance_at_counting_is_that_of_who_knows_the_last_symbol_alone(variant: str, letters: str) -> None:
    task = Counting(6, variant)
    batch = task.strings(np.arange(1, 7))
    read = batch.inputs[batch.counted].argmax(axis=1)
    loss = 0.0
    for symbol in np.unique(read):
        targets = batch.counted_targets[read == symbol].astype(np.float64)
        share = targets.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
        loss += len(targets) * float(np.nansum(entropy))
    assert loss / len(read) == pytest.approx(task.chance, rel=1e-6)


def test_how_far_a_network_counts_is_where_the_first_string_is_wrong() -> None:
    task = Counting(3, "anbn")

    def answer(batch: Batch) -> Any:
        outputs = 9.0 * (2 * batch.counted_targets - 1)
        outputs[batch.lengths[batch.counted_sequences] == 1 + 2 * 14] = 1.0  # wrong for n = 14 alone
        return outputs

    assert task.further(answer) == {"counts_to": 13, "counts_to_tried": 30}
    assert task.further(lambda batch: 9.0 * (2 * batch.counted_targets - 1))["counts_to"] == 30
    assert task.further(lambda batch: np.ones_like(batch.counted_targets))["counts_to"] == 0


# Timed spikes and periodic functions


def test_spikes_come_at_their_times() -> None:
    delays = np.array([[1, 0, 1], [0, 0, 0]])
    generate, measure = (Spikes(4, variant).trains(delays) for variant in ("gts", "msd"))
    for n, own in enumerate(delays.tolist()):
        time, intervals = 0, []
        for delay in own:
            intervals += [(delay, k + 1 == 4 + delay) for k in range(4 + delay)]
            time += 4 + delay
        assert generate.lengths[n] == measure.lengths[n] == time
        given, spikes = [delay for delay, _ in intervals], [float(spike) for _, spike in intervals]
        assert generate.inputs[:time, n, 0].tolist() == given
        assert generate.targets[:time, n, 0].tolist() == spikes
        assert generate.counted[:time, n].all()
        assert measure.inputs[:time, n, 0].tolist() == spikes
        assert measure.counted[:time, n].tolist() == [bool(spike) for spike in spikes]
        asked = measure.targets[:time, n, 0][measure.counted[:time, n]]
        assert asked.tolist() == own


def test_chance_at_spikes() -> None:
    assert Spikes(10, "msd").chance == pytest.approx(math.log(2))
    task = Spikes(10, "gts")
    share = float(task.batch(5000, chance()).counted_targets.mean())
    assert -(share * math.log(share) + (1 - share) * math.log(1 - share)) == pytest.approx(
        task.chance, rel=0.01
    )


def test_spikes_are_judged_on_longer_trains() -> None:
    task = Spikes(4, "gts")
    assert task.batch(3, chance()).targets.sum() == 3 * 10
    judged = task.test(40, chance())
    assert judged.targets.sum() == 4 * 100


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("cosine", [(1 - math.cos(math.pi / 3 * t)) / 2 for t in range(1, 13)]),
        ("triangle", [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0] * 2),
        ("rectangle", [0, 0, 0, 1, 1, 0] * 2),
    ],
)
def test_waves(shape: str, expected: list[float]) -> None:
    assert wave(shape, 6, 12) == pytest.approx(expected, abs=1e-6)
    task = Periodic(6, shape)
    batch = task.batch(9, chance())
    assert batch.targets[:12, 0, 0] == pytest.approx(expected, abs=1e-6)
    assert len(batch.targets) == 60
    assert len(task.test(9, chance()).targets) == 600
    assert (batch.inputs == 1).all()
    assert task.chance == pytest.approx(np.var(expected), abs=1e-6)


# What is asked for and cannot be had


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"name": "addding"},
            "task: must be one of 'adding', 'order', 'copy', 'count', 'timing'; got 'addding' (did you mean",
        ),
        (
            {"name": "order", "variant": "four"},
            "task order: variant must be one of 'two', 'three'; got 'four'",
        ),
        ({"name": "timing", "variant": "cosin"}, "got 'cosin' (did you mean 'cosine'?)"),
        ({"name": "adding", "length": 19}, "task adding: length must be at least 20 steps; got 19"),
        ({"name": "copy", "length": 0}, "task copy: length must be at least 1 steps; got 0"),
    ],
)
def test_what_cannot_be_had_is_said(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError) as caught:
        make_task(**arguments)
    assert says in str(caught.value)


def test_a_budget_says_all_that_is_wrong_with_it() -> None:
    with pytest.raises(OptionError) as caught:
        Budget(0, 5, 0, 2.0, {"gru": -1.0}, "identity")
    assert caught.value.message == (
        "task budget: sequences must be at least 1; got 0; hidden_size must be at least 1; got 0; the learning rate "
        "learning_rate must be above 0 and at most 1; got 2.0; the learning rate gru must be above 0 and at most 1; got -1.0; "
        "init must be one of 'orthogonal', 'chrono'; got 'identity'"
    )


def test_no_task_needs_torch() -> None:
    import subprocess
    import sys

    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from peephole.studies.tasks import TASKS, make_task\n"
        "for name in TASKS: make_task(name).batch(2, np.random.default_rng(0))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
