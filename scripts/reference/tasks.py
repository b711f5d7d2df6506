"""The page of the tasks of long dependencies."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from peephole.studies.compare.wording import table, title
from peephole.studies.tasks import TASKS, Task, adding, make_task, variants_of
from reference.texts import filled

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "long-dependencies.json"


def tasks_page() -> str:
    """Every task of long dependencies, its budget, what a comparison writes, and what the cells make of the tasks."""
    every = [(name, variant) for name in TASKS for variant in variants_of(name)]
    document = json.loads(RESULTS.read_text("utf-8"))
    return filled(
        "tasks.md",
        tasks=[task_row(name, variant) for name, variant in every],
        sources=[f"- {kind.title}: {source_of(kind)}" for own in TASKS.values() for kind in own],
        budgets=[budget_row(name, variant) for name, variant in every],
        made=[made(document)],
        results="\n\n".join(
            f"### {title(task)}\n\n{table(task).markdown()}" for task in document["tasks"]
        ).split("\n"),
    )


def task_row(name: str, variant: str) -> str:
    """What is asked, and when it is right."""
    task = make_task(name, variant=variant)
    loss = "mean squared error" if task.loss == "squared" else "nats a step"
    return (
        f"| `{name}` | `{variant}` | {task.length} | {task.definition} | {task.criterion} | {task.needed:.0%} | "
        f"{task.chance:.4g} {loss} |"
    )


def budget_row(name: str, variant: str) -> str:
    """What a network is given to learn a task."""
    budget = make_task(name, variant=variant).budget
    rates = "".join(f"; {who} {rate:g}" for who, rate in budget.rates.items())
    return (
        f"| `{name}`, `{variant}` | {budget.sequences:,} | {budget.batch} | {budget.hidden_size} | "
        f"{budget.learning_rate:g}{rates} | {budget.init} |"
    )


def source_of(kind: type[Task]) -> str:
    """What a docstring says of its source, and how we differ."""
    of_kind, of_adding = inspect.getdoc(kind) or "", inspect.getdoc(adding.batch) or ""
    source = of_kind.partition("Source: ")[2] or of_adding.partition("Source: ")[2]
    return " ".join(source.replace("``", "`").split())


def made(document: dict[str, Any]) -> str:
    """What made the committed results, when and on what."""
    machine, versions, tasks = document["machine"], document["versions"], document["tasks"]
    threads = tasks[0]["machine"]["threads"]
    many = "s" if threads > 1 else ""
    return f"`{document['command']}`, {machine['cpu']}, {threads} thread{many}, torch {versions['torch']}, {document['date']}"
