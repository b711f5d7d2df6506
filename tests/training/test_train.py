"""Whole runs of a tiny network: what they learn, what they write, and how they end."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from peephole.classifier import load
from peephole.errors import DataError, OptionError
from peephole.training import Recipe, TrainingDiverged, TrainRequest, train
from peephole.training.checkpoint import checkpoint_folder, has_checkpoint
from peephole.training.state import State

# Losses of steps 1, 2, 3, 6, 11 and 17 of the tiny run, as `test_golden_losses` describes it. Made by that test; float32 sums
# in another order move the last digits, so four are compared.
GOLDEN = [0.6885, 0.6874, 0.7096, 0.6583, 0.6830, 0.7190]


def test_golden_losses(request_for, listener, tiny) -> None:
    """Any change to batches, noise, network, objective, optimiser or schedule shows here first."""
    heard = listener()
    train(request_for(recipe=dataclasses.replace(tiny, embeddings="random", epochs=1)), progress=heard)
    sums = [report.loss * report.step for report in heard.steps]
    losses = np.diff([0.0, *sums])
    np.testing.assert_allclose(losses[[0, 1, 2, 5, 10, 16]], GOLDEN, atol=2e-4)


def test_it_learns_and_writes_a_model_that_others_can_use(request_for, listener, tiny) -> None:
    heard = listener()
    recipe = dataclasses.replace(tiny, epochs=6)
    result = train(request_for(command="peephole train texts.csv", recipe=recipe), progress=heard)
    assert result.ending == "complete"
    assert result.metrics["accuracy"] > 0.9
    classifier = load(result.output)
    assert [p.label for p in classifier.predict(["a lovely film", "the plot was awful"])] == [
        "positive",
        "negative",
    ]
    assert classifier.config.metrics["command"] == "peephole train texts.csv"
    assert classifier.config.metrics["development"]["accuracy"] == result.metrics["accuracy"]
    assert classifier.config.data["recipe"] == result.recipe.to_json()
    assert classifier.config.split == {"kind": "stratified", "column": None, "fraction": 0.1}
    assert classifier.config.temperature != 1.0
    assert (classifier.config.preprocessing.first_tokens, classifier.config.preprocessing.last_tokens) == (
        6,
        10,
    )
    assert not checkpoint_folder(result.output).exists()
    assert heard.steps[-1].step == heard.plan.steps == len(heard.steps)
    assert [line.epoch for line, _ in heard.passes] == [1, 2, 3, 4, 5, 6]


def test_the_scores_are_those_of_the_model_that_was_written(request_for, listener, corpus) -> None:
    """The metrics come from the torch twin; here the NumPy classifier reads the folder and the texts anew."""
    from peephole.evaluation import evaluate
    from peephole.training.prepare import read_parts

    request = request_for()
    result = train(request, progress=listener())
    development = read_parts(request).development
    classifier = load(result.output)
    labels = [classifier.labels.index(record.label) for record in development]
    again = evaluate(
        classifier.predict_proba([record.text for record in development]), labels, classifier.labels
    )
    assert again.accuracy == result.metrics["accuracy"]
    assert again.log_loss == pytest.approx(result.metrics["log_loss"], abs=1e-5)
    best = max(result.history, key=lambda line: (line.accuracy, -line.log_loss))
    assert result.metrics["accuracy"] == best.accuracy


def test_the_best_pass_is_kept_not_the_last(request_for, listener, monkeypatch) -> None:
    from peephole.training import loop

    scores = iter([0.6, 0.9, 0.7])
    real = loop.judge

    def judge(*arguments):
        return dataclasses.replace(real(*arguments), accuracy=next(scores, 0.0))

    monkeypatch.setattr(loop, "judge", judge)
    kept = []
    real_keep = loop.Learner.keep_candidate
    monkeypatch.setattr(
        loop.Learner,
        "keep_candidate",
        lambda self: (real_keep(self), kept.append(self.candidate["output.bias"].clone())),
    )
    heard = listener()
    result = train(request_for(), progress=heard)
    assert [best for _, best in heard.passes] == [True, True, False]
    assert torch.equal(torch.from_numpy(load(result.output).weights["output.bias"].copy()), kept[1])
    assert load(result.output).config.data["best_epoch"] == 2


def test_early_stopping(request_for, listener, tiny, monkeypatch) -> None:
    from peephole.training import loop

    scores = iter([0.6, 0.5, 0.6, 0.9])
    real = loop.judge

    def judge(*arguments):
        return dataclasses.replace(real(*arguments), accuracy=next(scores, 0.0), log_loss=1.0)

    monkeypatch.setattr(loop, "judge", judge)
    result = train(request_for(recipe=dataclasses.replace(tiny, patience=2, epochs=9)), progress=listener())
    assert result.ending == "patience"
    assert len(result.history) == 3
    assert not has_checkpoint(checkpoint_folder(result.output))


@pytest.mark.parametrize("evaluate", ["average", "raw"])
def test_the_weights_that_are_judged_are_the_ones_that_are_kept(
    request_for, listener, tiny, evaluate
) -> None:
    from peephole.training import loop

    recipe = dataclasses.replace(tiny, evaluate=evaluate, epochs=1)
    learners = []

    class Watched(loop.Learner):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            learners.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peephole.training.run.Learner", Watched)
        result = train(request_for(recipe=recipe), progress=listener())
    expected = learners[0].average if evaluate == "average" else learners[0].parameters
    other = learners[0].parameters if evaluate == "average" else learners[0].average
    written = load(result.output).weights["output.weight"]
    assert np.array_equal(written, expected["output.weight"].detach().numpy())
    assert not np.array_equal(written, other["output.weight"].detach().numpy())


def test_a_time_budget_stops_in_good_order(request_for, listener, monkeypatch) -> None:
    from peephole.training import run

    whole = train(request_for("whole"), progress=listener())

    class Clock(run.Clock):
        steps = 0

        @property
        def over(self):
            Clock.steps += 1
            return Clock.steps >= 20

    monkeypatch.setattr(run, "Clock", Clock)
    result = train(request_for("short", time_budget=60.0), progress=listener())
    assert result.ending == "time"
    assert "after 20 of 51 steps; run the same command with --resume" in result.notes[0]
    assert load(result.output).config.data["ending"] == "time"
    assert has_checkpoint(checkpoint_folder(result.output))
    monkeypatch.undo()
    heard = listener()
    finished = train(request_for("short", resume=True), progress=heard)
    assert heard.steps[0].step == 21
    assert finished.ending == "complete"
    assert (finished.output / "model.safetensors").read_bytes() == (
        whole.output / "model.safetensors"
    ).read_bytes()
    assert not has_checkpoint(checkpoint_folder(result.output))


def test_a_time_budget_that_is_over_at_once_still_leaves_a_model(request_for, listener) -> None:
    result = train(request_for(time_budget=1e-9), progress=listener())
    assert result.ending == "time"
    assert result.history == ()
    assert "after 1 of 51 steps" in result.notes[0]
    assert 0 <= result.metrics["accuracy"] <= 1
    assert load(result.output).labels == ("negative", "positive")


def test_resuming_a_stopped_run_whose_checkpoint_is_gone(request_for, listener) -> None:
    import shutil

    result = train(request_for(time_budget=1e-9), progress=listener())
    shutil.rmtree(checkpoint_folder(result.output))
    with pytest.raises(OptionError, match="its checkpoint is no longer beside it"):
        train(request_for(resume=True), progress=listener())


def test_a_run_that_stays_at_chance_says_so_once(request_for, listener, corpus, tiny) -> None:
    import csv

    with corpus.open(newline="") as file:
        lines = list(csv.reader(file))
    random = np.random.default_rng(0)
    with corpus.open("w", newline="") as file:
        csv.writer(file).writerows(
            [lines[0], *([text, random.choice(["yes", "no"]), g] for text, _, g in lines[1:])]
        )
    heard = listener()
    train(request_for(recipe=dataclasses.replace(tiny, learning_rate=1e-3)), progress=heard)
    assert len(heard.warnings) == 1
    assert "no better than chance" in heard.warnings[0]
    assert "the labels do not belong to the texts" in heard.warnings[0]


def test_a_run_that_learns_warns_of_nothing(request_for, listener, tiny) -> None:
    heard = listener()
    train(request_for(recipe=dataclasses.replace(tiny, epochs=6)), progress=heard)
    assert heard.warnings == []


def test_a_run_that_diverges_names_the_step_and_the_remedy(request_for, listener, monkeypatch) -> None:
    from peephole.training import loop

    real, calls = loop.add_gradients, []

    def add_gradients(*arguments, **options):
        calls.append(real(*arguments, **options))
        return math.nan if len(calls) == 23 else calls[-1]

    monkeypatch.setattr(loop, "add_gradients", add_gradients)
    with pytest.raises(
        TrainingDiverged, match=r"got loss nan and .* in step 23 \(epoch 2, batch 6, learning rate"
    ) as caught:
        train(request_for(), progress=listener())
    assert "hint: train anew with a lower learning rate" in str(caught.value)
    assert isinstance(caught.value, FloatingPointError)


def test_weights_that_became_undefined_do_not_reach_a_checkpoint(request_for, listener, monkeypatch) -> None:
    from peephole.training import loop
    from peephole.training.checkpoint import load_checkpoint

    real = loop.add_gradients

    def add_gradients(learner, *arguments, **options):
        loss = real(learner, *arguments, **options)
        if learner.state.step == 4:
            next(iter(learner.parameters.values())).grad[5, 0] = math.inf
        return loss

    monkeypatch.setattr(loop, "add_gradients", add_gradients)
    with pytest.raises(TrainingDiverged, match=r"gradient norm (inf|nan) in step 5"):
        train(request_for(checkpoint_steps=1), progress=listener())
    checkpoint = load_checkpoint(checkpoint_folder(request_for().output), State)
    assert checkpoint.state.step == 4
    assert all(torch.isfinite(tensor).all() for tensor in checkpoint.tensors.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "gru", "cell_options": {"reset": "before"}},
        {"cell": "peephole-lstm", "bidirectional": False, "pooling": ("last",)},
        {"cell": "rnn", "layers": 2, "recurrent_dropout": 0.1},
        {"adversarial": 0.0, "average": 0.0, "evaluate": "raw", "head": 0, "embeddings": "random"},
        {"tokenizer": "word", "class_weights": "balanced", "score": "macro_f1", "word_dropout": 0.0},
        {"precision": "no", "max_length": 2, "head_tokens": 2, "batch_rows": 1, "epochs": 1},
    ],
    ids=str,
)
def test_other_recipes_train_too(request_for, listener, tiny, changes) -> None:
    result = train(request_for(recipe=dataclasses.replace(tiny, **changes)), progress=listener())
    assert result.ending == "complete"
    assert load(result.output).config.data["recipe"]["cell"] == changes.get("cell", "lstm")


def test_texts_without_a_single_token(
    request_for, listener, tiny, corpus, small_corpus, tmp_path, monkeypatch
) -> None:
    """Markup alone is a text without tokens; here such texts fill whole batches, the first one too."""
    from peephole.training import loop

    held_out = small_corpus(tmp_path / "held out.csv")
    monkeypatch.setattr("peephole.training.prepare.drop_repeats", lambda train, _: (train, 0))
    with corpus.open("a") as file:
        file.writelines(f"<br />,{('positive', 'negative')[n % 2]},g\n" for n in range(1, 40))
    recipe = dataclasses.replace(tiny, batch_rows=4, epochs=2)
    tokens: list[int] = []
    real = loop.gather

    def gather(corpus, rows):
        batch = real(corpus, rows)
        tokens.append(len(batch.ids))
        return batch

    monkeypatch.setattr(loop, "gather", gather)

    def plan_batches(lengths, *arguments):
        from peephole.training.planning import plan_batches as plan

        return [
            sorted(batches, key=lambda batch: lengths[batch].sum()) for batches in plan(lengths, *arguments)
        ]

    monkeypatch.setattr("peephole.training.run.plan_batches", plan_batches)
    whole = train(request_for("whole", recipe=recipe, dev_sources=(held_out,)), progress=listener())
    assert tokens[0] == 0
    assert whole.metrics["accuracy"] > 0.3

    def crash() -> None:
        raise ZeroDivisionError

    request = request_for("cut", recipe=recipe, dev_sources=(held_out,), checkpoint_steps=1)
    with pytest.raises(ZeroDivisionError):
        train(request, progress=listener(2, crash))
    again = train(dataclasses.replace(request, resume=True), progress=listener())
    assert (again.output / "model.safetensors").read_bytes() == (
        whole.output / "model.safetensors"
    ).read_bytes()


def test_the_sizes_that_were_left_open_are_filled_in(request_for, listener, tiny) -> None:
    recipe = dataclasses.replace(tiny, vocabulary=None, batch_rows=None, batch_tokens=None, epochs=None)
    result = train(request_for(recipe=recipe, time_budget=1e-9), progress=listener())
    assert result.recipe.batch_rows == 16
    assert result.recipe.epochs == 30
    assert result.recipe.vocabulary == 1_000


def test_class_weights_raise_the_recall_of_a_rare_class(tmp_path, listener, tiny) -> None:
    random = np.random.default_rng(0)
    lines = ["text,label"]
    for _ in range(600):  # "odd" says rare in half of its texts: accuracy says never, balance says always
        odd = random.random() < 0.2
        label = "rare" if odd and random.random() < 0.4 else "common"
        lines.append(
            f"{random.choice(['this', 'that'])} is {'odd' if odd else 'plain'} {random.integers(1000)},{label}"
        )
    (tmp_path / "texts.csv").write_text("\n".join(lines))
    recalls = {}
    tiny = dataclasses.replace(tiny, vocabulary=300, epochs=2)
    for kind in ("none", "balanced"):
        recipe = dataclasses.replace(tiny, class_weights=kind, score="macro_f1")
        request = TrainRequest(sources=(tmp_path / "texts.csv",), output=tmp_path / kind, recipe=recipe)
        scores = {each["name"]: each for each in train(request, progress=listener()).metrics["per_class"]}
        recalls[kind] = scores["rare"]["recall"]
    assert recalls["balanced"] > recalls["none"]


def test_word_vectors_are_used(request_for, listener, tmp_path, tiny) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("good " + " ".join(["0.5"] * 8) + "\nbad " + " ".join(["-0.5"] * 8) + "\n")
    heard = listener()
    recipe = dataclasses.replace(tiny, learning_rate=1e-9, epochs=1, weight_decay=0.0)
    result = train(request_for(word_vectors=vectors, recipe=recipe), progress=heard)
    classifier = load(result.output)
    (good,) = classifier.tokenizer.encode("good")
    np.testing.assert_allclose(classifier.weights["embedding.weight"][good], 0.5, atol=1e-6)
    assert any("2 of" in note and "words found" in note for note in heard.notes)
    with pytest.raises(DataError, match="embedding must be the number of features"):
        train(
            request_for("other", word_vectors=vectors, recipe=dataclasses.replace(tiny, embedding=9)),
            progress=listener(),
        )


def test_tensorboard(request_for, listener, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(request_for(tensorboard=tmp_path / "board"), progress=listener())
    board = EventAccumulator(str(tmp_path / "board")).Reload()
    assert len(board.Scalars("training/loss")) == 51
    assert [event.step for event in board.Scalars("development/accuracy")] == [17, 34, 51]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sources": ()}, "sources must name at least one source; got none"),
        ({"time_budget": 0}, "time_budget must be above 0 seconds; got 0"),
        ({"time_budget": math.nan}, "time_budget must be above 0 seconds; got nan"),
        ({"checkpoint_steps": 0}, "checkpoint_steps must be at least 1; got 0"),
        (
            {"dev_sources": ("a",), "group_column": "movie"},
            "one way to hold out development texts may be given; got dev_sources, group_column",
        ),
    ],
    ids=str,
)
def test_requests_that_cannot_be_met(request_for, changes, problem) -> None:
    with pytest.raises(OptionError) as caught:
        request_for(**changes)
    assert str(caught.value) == f"train: this request cannot be met\n  {problem}"


def test_a_cell_that_does_not_exist_is_refused_before_training(request_for, listener, tiny) -> None:
    with pytest.raises(OptionError, match="lstmm"):
        train(request_for(recipe=dataclasses.replace(tiny, cell="lstmm")), progress=listener())


def test_half_precision_needs_a_gpu(request_for, listener, tiny) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(OptionError, match="'fp16' needs a GPU"):
        train(request_for(recipe=dataclasses.replace(tiny, precision="fp16")), progress=listener())


def test_the_recipe_can_be_read_without_torch() -> None:
    import subprocess
    import sys

    program = "import sys; from peephole.training import Recipe; Recipe(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert Recipe().seed == 1


def test_the_callers_generator_stays_as_it_was(request_for, listener) -> None:
    before = torch.get_rng_state()
    train(request_for(), progress=listener())
    assert torch.equal(torch.get_rng_state(), before)


BFLOAT16 = """
import dataclasses, json, sys
from pathlib import Path
from peephole.errors import OptionError
from peephole.training import Progress, Recipe, TrainRequest, train
from peephole.training.state import State

recipe = Recipe.from_json(json.loads(sys.argv[2]))
request = TrainRequest(sources=(sys.argv[1],), output=Path(sys.argv[3]), recipe=recipe)
print(train(request, progress=Progress()).metrics["accuracy"])
other = dataclasses.replace(request, output=Path(sys.argv[4]), recipe=dataclasses.replace(recipe, precision="no"))
try:
    train(other, progress=Progress())
except OptionError as error:
    print(error)
"""


def test_bfloat16_in_a_process_of_its_own(corpus, tiny, tmp_path) -> None:
    import json
    import subprocess
    import sys

    recipe = dataclasses.replace(tiny, precision="bf16", epochs=6, virtual_adversarial=0.5)
    arguments = [str(corpus), json.dumps(recipe.to_json()), str(tmp_path / "model"), str(tmp_path / "other")]
    ended = subprocess.run(
        [sys.executable, "-c", BFLOAT16, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    accuracy, *message = ended.stdout.splitlines()
    assert float(accuracy) > 0.9
    assert "precision 'no', cpu=False cannot be had" in message[0]
    assert (
        message[-1] == "hint: one Python process trains in one precision and on one device: use a new process"
    )
    assert load(tmp_path / "model").weights["output.bias"].dtype == np.float32
