"""A whole training step of the classifier, ours and with `torch.nn.LSTM`, in turn in one process.

    python benchmarks/training_step.py imdb_train.csv.gz --group-column movie

The model is that of `peephole train` with its default sizes: embedding, one bidirectional LSTM, pooling (max and mean), head,
loss, backward pass, clipping, AdamW. The batches are the trainer's: its tokens, texts of like length together, 8,000 tokens at
most. Dropout and adversarial steps are left out, so that all compute the same. The rivals are the same model with `torch.nn.LSTM`

- on packed sequences, and
- on padded batches, as long as their longest text. There the direction from right to left begins in the padding, so that its
  numbers are not those of the model; it is timed all the same, since many people train like that.

Before anything is timed, the loss and every gradient are compared with those on packed sequences, in float64: ours on a real
batch, those with padding on one that needs none (every text cut to the shortest). Who is wrong gets no time.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from peephole.errors import OptionError
from peephole.nn.classifier import ClassifierModule
from peephole.studies.bench.machine import command_line, machine, today, versions
from peephole.studies.bench.problem import error_of
from peephole.studies.bench.table import Table, number, times
from peephole.studies.bench.timing import Contestant, take_turns
from peephole.training import Progress, Recipe, TrainRequest
from peephole.training.batches import Batch, Budget, epoch_batches, gather
from peephole.training.losses import label_loss
from peephole.training.machine import Machine
from peephole.training.network import make_config, make_network
from peephole.training.prepare import Prepared, prepare

ROUNDS = 5


class TorchClassifier(nn.Module):
    """The classifier as a user of torch would write it; its parameters have the names of ours.

    Args:
        like: the classifier whose sizes and weights it takes.
        packed: run the LSTM on packed sequences, not on padded batches.
    """

    def __init__(self, like: ClassifierModule, *, packed: bool) -> None:
        super().__init__()
        weights = like.state_dict()
        vocabulary, width = weights["embedding.weight"].shape
        hidden = weights["recurrent.weight_hh_l0"].shape[1]
        self.packed = packed
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = nn.LSTM(width, hidden, bidirectional=True)
        self.hidden = nn.Linear(4 * hidden, weights["hidden.weight"].shape[0])
        self.output = nn.Linear(*reversed(weights["output.weight"].shape))
        self.load_state_dict(weights)

    def forward(self, batch: Batch) -> Tensor:
        sequences = batch.sequences
        ids, lengths = torch.from_numpy(batch.ids), torch.from_numpy(sequences.lengths[sequences.order])
        time, place = torch.from_numpy(sequences.row_time), torch.from_numpy(sequences.row_sorted)
        if self.packed:
            rows = PackedSequence(self.embedding(ids), torch.from_numpy(sequences.batch_sizes))
            outputs = pad_packed_sequence(self.recurrent(rows)[0])[0]
        else:
            padded = torch.zeros(int(lengths.max()), len(lengths), dtype=torch.int64)
            padded[time, place] = ids
            outputs = self.recurrent(self.embedding(padded))[0]
        real = (torch.arange(len(outputs)).unsqueeze(1) < lengths).unsqueeze(2)
        largest = outputs.masked_fill(~real, -math.inf).max(dim=0).values
        mean = outputs.masked_fill(~real, 0.0).sum(dim=0) / lengths.unsqueeze(1)
        logits = self.output(torch.relu(self.hidden(torch.cat([largest, mean], dim=1))))
        return logits[torch.from_numpy(sequences.inverse)]


def loss_with(model: nn.Module, batch: Batch, smoothing: float) -> Tensor:
    """The loss of a batch, on our classifier or on torch's."""
    ours = isinstance(model, ClassifierModule)
    logits = model(torch.from_numpy(batch.ids), batch.sequences) if ours else model(batch)
    return label_loss(logits, torch.from_numpy(batch.labels), None, smoothing)


def gradients(model: nn.Module, batch: Batch, smoothing: float) -> dict[str, Tensor]:
    """The loss, and its gradient for each parameter."""
    model.zero_grad()
    loss = loss_with(model, batch, smoothing)
    loss.backward()
    return {
        "loss": loss.detach(),
        **{name: p.grad for name, p in model.named_parameters() if p.grad is not None},
    }


def check(
    models: dict[str, nn.Module], batch: Batch, level: Batch, recipe: Recipe
) -> dict[str, dict[str, float]]:
    """How far each is from torch on packed sequences, in float64: name → largest error of loss and gradients, and the bound."""
    bound = (
        4 * torch.finfo(torch.float64).eps * math.ceil(math.log2(256 * int(batch.sequences.lengths.max())))
    )
    errors: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        on = level if name == "padded" else batch
        right = gradients(models["packed"].double(), on, recipe.label_smoothing)
        right = {key: value.clone() for key, value in right.items()}
        found = gradients(model.double(), on, recipe.label_smoothing)
        errors[name] = {
            "error": max(error_of(found.get(key), value) for key, value in right.items()),
            "bound": bound,
        }
    for model in models.values():
        model.float().zero_grad()
    return errors


def stepper(model: nn.Module, batches: list[Batch], recipe: Recipe) -> Callable[[], None]:
    """All steps on these batches, from the embedding to the optimiser."""
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(
        parameters,
        lr=1e-4,  # small, so that a long run of steps on a few batches stays where real training is
        betas=(recipe.momentum, recipe.second_momentum),
        weight_decay=recipe.weight_decay,
        fused=True,
    )

    def steps() -> None:
        for batch in batches:
            loss_with(model, batch, recipe.label_smoothing).backward()
            torch.nn.utils.clip_grad_norm_(parameters, recipe.clip)
            optimizer.step()
            optimizer.zero_grad()

    return steps


def level(data: Prepared, rows: np.ndarray[Any, Any]) -> Batch:
    """The texts of a batch, each cut to the shortest of them."""
    shortest = int(data.train.lengths[rows].min())
    return gather(data.train.cropped(shortest, shortest), rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a labelled file, in any format that peephole reads")
    parser.add_argument("--group-column", help="keep the rows of one group on the same side")
    parser.add_argument(
        "--batches", type=int, default=4, help="batches of each call that is timed; 4 by default"
    )
    parser.add_argument("--json", type=Path, help="write results, versions and machine here")
    arguments = parser.parse_args()
    if arguments.batches < 1:
        raise OptionError(f"--batches: must be at least 1; got {arguments.batches}")
    return arguments


def measure(
    models: dict[str, nn.Module], batches: list[Batch], errors: dict[str, dict[str, float]], recipe: Recipe
) -> list[dict[str, Any]]:
    """Time those whose results are right; one entry for each."""
    fit = {
        name: Contestant(stepper(model, batches, recipe))
        for name, model in models.items()
        if errors[name]["error"] <= errors[name]["bound"]
    }
    timed = take_turns(fit, 0.0, rounds=ROUNDS)
    results: list[dict[str, Any]] = []
    for name in models:
        entry: dict[str, Any] = {"model": name, **errors[name]}
        if name in timed:
            measured = timed[name].to_json()
            entry["calls"] = measured.pop("calls")
            entry["seconds_a_step"] = {key: value / len(batches) for key, value in measured.items()}
        results.append(entry)
    return results


def table(report: dict[str, Any]) -> Table:
    """The results, for a person."""
    facts = report["batches"]
    first = report["results"][0].get("seconds_a_step")
    rows: list[tuple[str, ...]] = []
    for entry in report["results"]:
        error = f"{entry['error']:.0e}"
        if "seconds_a_step" not in entry:
            rows.append((entry["model"], "wrong: no time", "", "", error))
            continue
        median = entry["seconds_a_step"]["median"]
        ratio = "" if first is None else times(median / first["median"])
        speed = facts["tokens"] / facts["count"] / median
        rows.append((entry["model"], number(1e3 * median), ratio, f"{speed:,.0f}", error))
    title = (
        f"{facts['count']} batches, {facts['texts']} texts, {facts['tokens']:,} tokens, of the padded steps "
        f"{facts['tokens'] / facts['padded_steps']:.0%} real · {report['machine']['threads']} threads"
    )
    return Table(title, ("<model", "ms a step", "×", "tokens a second", "error"), tuple(rows))


def main() -> None:
    arguments = parse()
    recipe = Recipe(
        word_dropout=0.0,
        embedding_dropout=0.0,
        pool_dropout=0.0,
        head_dropout=0.0,
        adversarial=0.0,
        embeddings="random",
    )
    request = TrainRequest(
        sources=(arguments.data,),
        output=Path("unused"),
        recipe=recipe,
        group_column=arguments.group_column,
        cpu=True,
    )
    data = prepare(request, Progress(), Machine(cpu=True))
    recipe = data.recipe
    assert recipe.batch_tokens is not None
    assert recipe.batch_rows is not None
    budget = Budget(recipe.batch_tokens, recipe.batch_rows)
    dealt = epoch_batches(data.train.lengths, budget, seed=recipe.seed, epoch=0)[: arguments.batches]
    batches = [gather(data.train, rows) for rows in dealt]
    ours = make_network(make_config(recipe, data.tokenizer.vocabulary_size, data.labels), recipe).train()
    models: dict[str, nn.Module] = {
        "peephole": ours,
        "packed": TorchClassifier(ours, packed=True),
        "padded": TorchClassifier(ours, packed=False),
    }
    errors = check(models, batches[0], level(data, dealt[0]), recipe)
    report = {
        "command": command_line("benchmarks/training_step.py"),
        "date": today(),
        "machine": machine() | {"threads": torch.get_num_threads()},
        "versions": versions(),
        "batches": {
            "count": len(batches),
            "texts": sum(len(batch.labels) for batch in batches),
            "tokens": sum(len(batch.ids) for batch in batches),
            "padded_steps": int(sum(b.sequences.lengths.max() * len(b.labels) for b in batches)),
        },
        "rounds": ROUNDS,
        "results": measure(models, batches, errors, recipe),
    }
    print(table(report).plain())
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
