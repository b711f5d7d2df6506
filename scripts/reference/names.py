"""The public names of a package, and where each is described."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType

# In the order of the menu: what is used most comes first.
PACKAGES = (
    "peephole",
    "peephole.nn",
    "peephole.cells",
    "peephole.equations",
    "peephole.classifier",
    "peephole.insight",
    "peephole.insight.explanations",
    "peephole.insight.page",
    "peephole.training",
    "peephole.evaluation",
    "peephole.evaluation.behaviour",
    "peephole.reading",
    "peephole.export",
    "peephole.sklearn",
    "peephole.serve",
    "peephole.scoring",
    "peephole.ops",
    "peephole.studies.tasks",
)


def public(package: str) -> dict[str, object]:
    """Return the public names of a package and what they stand for, classes first.

    Without ``__all__``, the names that the module itself defines.

    Args:
        package: such as ``"peephole.nn"``.
    """
    module = importlib.import_module(package)
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == package
        ]
    found = {name: getattr(module, name) for name in listed if not name.startswith("__")}
    return dict(sorted(found.items(), key=lambda item: (_kind(item[1]), item[0].lower())))


def home(package: str, name: str, value: object) -> str:
    """Return the package whose page describes a name: of those that have it, the one nearest to where it is defined.

    Args:
        package: one that has it.
        name: the name.
        value: what it stands for.
    """
    if isinstance(value, ModuleType):
        return value.__name__
    defined = getattr(value, "__module__", None) or package
    if defined == "peephole.errors":
        return defined
    holding = [
        other
        for other in PACKAGES
        if other != "peephole"
        and (defined == other or defined.startswith(f"{other}."))
        and name in public(other)
    ]
    return max(holding, key=len, default=package)


def _kind(value: object) -> int:
    return 0 if inspect.isclass(value) else 1 if callable(value) else 2
