"""Tasks of long dependencies with known answers: a file for each, and NumPy alone.

`make_task` finds one by name. `adding.batch` also gives the true contribution of every step, against which explanations can be
held.
"""

from __future__ import annotations

from peephole.errors import OptionError, nearest
from peephole.studies.tasks.adding import Adding
from peephole.studies.tasks.copy_memory import CopyMemory
from peephole.studies.tasks.counting import Counting
from peephole.studies.tasks.order import Order
from peephole.studies.tasks.periodic import Periodic
from peephole.studies.tasks.spikes import Spikes
from peephole.studies.tasks.task import Batch as Batch
from peephole.studies.tasks.task import Budget as Budget
from peephole.studies.tasks.task import Task as Task

# Name → its classes; a task of several has the variants of them all.
TASKS: dict[str, tuple[type[Task], ...]] = {
    "adding": (Adding,),
    "order": (Order,),
    "copy": (CopyMemory,),
    "count": (Counting,),
    "timing": (Spikes, Periodic),
}

__all__ = ["TASKS", "Batch", "Budget", "Task", "make_task", "variants_of"]


def variants_of(name: str) -> dict[str, str]:
    """Return what variants a task has, the usual one first, and what each is.

    Example:
        >>> list(variants_of("timing"))
        ['gts', 'msd', 'cosine', 'triangle', 'rectangle']
    """
    return {variant: meaning for kind in _kinds(name) for variant, meaning in kind.variants.items()}


def make_task(name: str, *, length: int | None = None, variant: str | None = None) -> Task:
    """Return a task by its name.

    Args:
        name: one of ``adding order copy count timing``.
        length: the dependency's length in steps; None takes the task's usual one.
        variant: one of the task's variants; None takes the first.

    Raises:
        OptionError: the task, the variant or the length cannot be had.

    Example:
        >>> make_task("order", variant="three")
        Order(length=100, variant='three')
    """
    kinds, known = _kinds(name), variants_of(name)
    if variant is not None and variant not in known:
        raise OptionError(
            f"task {name}: variant must be one of {', '.join(map(repr, known))}; got {variant!r}{nearest(variant, known)}"
        )
    chosen = next(iter(known)) if variant is None else variant
    kind = next(kind for kind in kinds if chosen in kind.variants)
    return kind(kind.usual_length if length is None else length, chosen)


def _kinds(name: str) -> tuple[type[Task], ...]:
    if name not in TASKS:
        raise OptionError(
            f"task: must be one of {', '.join(map(repr, TASKS))}; got {name!r}{nearest(name, TASKS)}"
        )
    return TASKS[name]
