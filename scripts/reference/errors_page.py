"""The page of the errors: every exception of the package, when it is raised and what to do."""

from __future__ import annotations

import inspect
import re

from peephole import errors
from peephole.training import TrainingInterrupted
from reference.docstrings import markdown, summary
from reference.texts import filled


def errors_page() -> str:
    """Every exception, with its remedy and an example."""
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")[1]
    described: list[str] = []
    for kind in kinds():
        doc = inspect.cleandoc(kind.__doc__ or "")
        builtin = ", ".join(
            f"`{base.__name__}`"
            for base in kind.__mro__
            if base.__module__ == "builtins" and base not in _COMMON
        )
        described += [f"## `{kind.__name__}`", ""]
        if builtin:
            described += [f"Also a {builtin}.", ""]
        described += [re.sub(r"^Remedy: ", "**Remedy** ", line) for line in markdown(doc)]
    rows = [
        f"| [`{kind.__name__}`](#{kind.__name__.lower()}) | {summary(inspect.cleandoc(kind.__doc__ or ''))} |"
        for kind in kinds()
    ]
    return filled("errors.md", tree=inspect.cleandoc(tree).split("\n"), names=rows, described=described[:-1])


def kinds() -> list[type[BaseException]]:
    """Return the exceptions and warnings of the package, in the order of their file."""
    own = [
        kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, BaseException)
    ]
    return [*own, TrainingInterrupted]


_COMMON = (object, Exception, BaseException, Warning)
