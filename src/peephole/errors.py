"""The exceptions of Peephole.

    PeepholeError
    ├── ShapeError          (ValueError)    an array disagrees with the axes its name promises
    ├── LengthError         (ValueError)    a sequence length out of range
    ├── OptionError         (ValueError)    an option, flag or config field out of range, or unknown
    ├── EquationError       (TypeError)     a cell that the language of cells cannot express
    ├── BackendUnavailable  (RuntimeError)  a backend was named that cannot do what was asked
    ├── DataError           (ValueError)    texts or tables that cannot be used; lists every problem
    │   └── TextTypeError   (TypeError)     something that is no str stands where a text must stand
    ├── ModelError          (ValueError)    a model folder or checkpoint that is refused
    ├── TrainingDiverged    (FloatingPointError)  the loss or a gradient became infinite or undefined
    └── MissingExtra        (ImportError)   an optional dependency is needed; names the extra

Beside the tree stand `peephole.training.TrainingInterrupted` (KeyboardInterrupt), a run that was stopped in good order, and
`NotCompiledWarning` (UserWarning), a cell of your own that runs step by step.

Each also derives from the built-in exception that one would guess. A message reads
``<where>: <rule, with names>; got <values>``, then a line ``hint: <what to do>``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from types import ModuleType


class PeepholeError(Exception):
    """The root of the tree: catch it to catch everything that Peephole raises by itself.

    Args:
        message: ``<where>: <rule>; got <values>``.
        hint: what to do about it; printed on a line of its own.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\nhint: {hint}")
        self.message = message
        self.hint = hint


class ShapeError(PeepholeError, ValueError):
    """An array disagrees with the axes that its name promises."""


class LengthError(PeepholeError, ValueError):
    """A sequence length is negative, too large, or not one per sequence."""


class OptionError(PeepholeError, ValueError):
    """An option, a flag or a field of a config is out of range or unknown."""


class EquationError(PeepholeError, TypeError):
    """A cell's equations cannot be expressed in the language of cells."""


class BackendUnavailable(PeepholeError, RuntimeError):
    """A backend was named that cannot do what was asked here."""


class ModelError(PeepholeError, ValueError):
    """A model folder or a checkpoint is missing, damaged, of another format or hostile."""


class MissingExtra(PeepholeError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class DataError(PeepholeError, ValueError):
    """Texts or a table that cannot be used.

    Args:
        message: what cannot be done, and with which source.
        problems: every problem found, each as ``(place, rule)``; the first ``shown`` are printed.
        hint: what to do about it.
    """

    shown = 20

    def __init__(
        self, message: str, *, problems: Sequence[tuple[str, str]] = (), hint: str | None = None
    ) -> None:
        lines = [f"  {place}: {rule}" for place, rule in problems[: self.shown]]
        if len(problems) > self.shown:
            lines.append(f"  … and {len(problems) - self.shown} more")
        super().__init__("\n".join([message, *lines]), hint=hint)
        self.problems = tuple(problems)


class TextTypeError(DataError, TypeError):
    """Something that is no `str` stands where a text must stand."""


class TrainingDiverged(PeepholeError, FloatingPointError):
    """The loss or a gradient became infinite or undefined."""


class NotCompiledWarning(UserWarning):
    """A cell of your own runs step by step through its equations, since it could not be compiled; the message says why.

    Given once for each cell and process. ``backend="reference"`` asks for that run by name, and is silent.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the allowed name nearest to `name`, or ``""``."""
    import difflib  # only messages need it

    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_choice(where: str, name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise `OptionError` unless `value` is one of `allowed`, offering the nearest."""
    if value not in allowed:
        listed = ", ".join(repr(choice) for choice in allowed)
        raise OptionError(
            f"{where}: {name} must be one of {listed}; got {value!r}{nearest(str(value), allowed)}"
        )


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or raise `MissingExtra` naming the extra that brings it.

    Args:
        module: the module to import, for example ``"pyarrow.parquet"``.
        extra: the extra of this package that installs it, for example ``"parquet"``.
        purpose: what it is needed for, for example ``"reading Parquet files"``.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.split(".")[0]
        if error.name is not None and error.name.split(".")[0] != top:
            raise
        raise MissingExtra(
            f"{purpose} needs the package {top!r}, which is not installed",
            hint=f'pip install "peephole[{extra}]"',
        ) from error
