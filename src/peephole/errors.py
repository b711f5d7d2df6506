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
    ├── WorkerLost          (RuntimeError)  processes that score end again and again
    ├── TrainingDiverged    (FloatingPointError)  the loss or a gradient became infinite or undefined
    ├── ProcessLost         (RuntimeError)  one of several processes that train together has ended
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
    """An array disagrees with the axes that its name promises.

    Remedy: compare the shape in the message with the axes beside it. A batch-first array in a layer that wants time first,
    and sizes of another layer, are the usual causes.

    Example:
        >>> import numpy as np
        >>> from peephole import cells, ops
        >>> weights = {"weight_ih": np.ones((4, 5)), "weight_hh": np.ones((4, 4))}
        >>> ops.run(cells.RNN(), np.zeros((2, 3)), [1, 1], weights, {"h": np.zeros((1, 4))})
        Traceback (most recent call last):
        peephole.errors.ShapeError: run(RNN): weight_ih must be [4, 3]; got [4, 5]
    """


class LengthError(PeepholeError, ValueError):
    """A sequence length is negative, too large, or not one per sequence.

    Remedy: give one whole number for each sequence, from 0 to the number of steps of the batch. A length of 0 is legal.

    Example:
        >>> from peephole.ops import Sequences
        >>> Sequences.from_lengths([3, -1])
        Traceback (most recent call last):
        peephole.errors.LengthError: Sequences: lengths must be at least 0; got lengths[1] = -1
    """


class OptionError(PeepholeError, ValueError):
    """An option, a flag or a field of a config is out of range or unknown.

    Remedy: choose a value that the message allows; where a name was misspelt, it offers the nearest. The program ends with
    status 2.

    Example:
        >>> from peephole import cells
        >>> cells.GRU("late")
        Traceback (most recent call last):
        peephole.errors.OptionError: GRU: reset must be one of 'after', 'before'; got 'late' (did you mean 'after'?)
    """


class EquationError(PeepholeError, TypeError):
    """A cell's equations cannot be expressed in the language of cells.

    Remedy: write the line that the message names with the operations of the language; a choice between two values is a
    `minimum`, a `maximum` or a gate, and no `if`.

    Example:
        >>> from peephole.equations import Cell, Step, emit_latex, tanh
        >>> class Undecided(Cell):
        ...     gates, states = ("a",), ("h",)
        ...     def step(self, pre, prev):
        ...         return Step(h=tanh(pre.a) if prev.h > 0 else prev.h)
        >>> emit_latex(Undecided())
        Traceback (most recent call last):
        peephole.errors.EquationError: ..., line 4: the comparison > cannot be expressed in the language of cells: return ...
        hint: use + - * /, abs(), and sigmoid tanh relu exp log1p minimum maximum from peephole.equations
    """


class BackendUnavailable(PeepholeError, RuntimeError):
    """A backend was named that cannot do what was asked here.

    Remedy: leave ``backend="auto"``, or change what the message gives as the reason. `peephole info` lists the backends, and
    why one is unavailable.

    Example:
        >>> import numpy as np
        >>> from peephole import cells, ops
        >>> weights = {"weight_ih": np.ones((4, 3)), "weight_hh": np.ones((4, 4))}
        >>> ops.run(cells.RNN(), np.zeros((2, 3)), [1, 1], weights, {"h": np.zeros((1, 4))}, backend="torch")
        Traceback (most recent call last):
        peephole.errors.BackendUnavailable: RNN: backend 'torch' cannot run this (it runs torch tensors only, ...); able here: ...
        hint: pass backend='auto' to let peephole choose
    """


class ModelError(PeepholeError, ValueError):
    """A model folder or a checkpoint is missing, damaged, of another format or hostile.

    Remedy: check the path first: ``peephole info`` lists the models of the installation. A folder that was damaged on its way
    is copied again; nothing in one is mended by hand.

    Example:
        >>> import peephole
        >>> peephole.load("no-such-model")
        Traceback (most recent call last):
        peephole.errors.ModelError: no-such-model: no such model folder
    """


class MissingExtra(PeepholeError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it.

    Remedy: the hint is the command to type.

    Example:
        >>> from pathlib import Path
        >>> from unittest import mock
        >>> from peephole.reading import read
        >>> _ = Path("reviews.parquet").write_bytes(b"PAR1")
        >>> with mock.patch.dict("sys.modules", {"pyarrow": None, "pyarrow.parquet": None}):  # as if it were not there
        ...     list(read("reviews.parquet"))
        Traceback (most recent call last):
        peephole.errors.MissingExtra: reading Parquet files needs the package 'pyarrow', which is not installed
        hint: pip install "peephole[parquet]"
    """


class DataError(PeepholeError, ValueError):
    r"""Texts or a table that cannot be used.

    Remedy: mend the places that are listed, all of them at once; or leave them out with ``--skip-bad``, in Python
    ``skip_bad=True``, which counts them. ``problems`` has the places for a program.

    Args:
        message: what cannot be done, and with which source.
        problems: every problem found, each as ``(place, rule)``; the first ``shown`` are printed.
        hint: what to do about it.

    Example:
        >>> from pathlib import Path
        >>> from peephole.reading import read
        >>> _ = Path("reviews.csv").write_text("text,label\ngood,pos\n,neg\nbad\n")
        >>> list(read("reviews.csv", text_column="text", label_column="label"))
        Traceback (most recent call last):
        peephole.errors.DataError: reviews.csv: 2 problems (1 empty text, 1 wrong number of columns)
          reviews.csv, row 2: empty text
          reviews.csv, row 3: the header names 2 columns; got 1 (from 'bad')
        hint: put a field that holds the separator or a line end in double quotes; or leave bad records out with --skip-bad ...
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
    """Something that is no `str` stands where a text must stand.

    Remedy: a missing value of a table, such as `None` or NaN, is the usual cause. Leave it out, or put an empty text in its
    place.

    Example:
        >>> import peephole
        >>> list(peephole.load().predict([3]))
        Traceback (most recent call last):
        peephole.errors.TextTypeError: predict: texts[0]: must be a str; got 3 (int)
        hint: leave missing texts out, or put an empty text in their place
    """


class WorkerLost(PeepholeError, RuntimeError):
    """Processes that score end again and again with the same texts in hand.

    Remedy: find out what ends them; for want of memory, give fewer ``--workers``. What was scored stays, and the same command
    goes on.
    """


class TrainingDiverged(PeepholeError, FloatingPointError):
    """The loss or a gradient became infinite or undefined.

    Remedy: train with a smaller learning rate. The message says at which step it happened, and what is kept.
    """


class ProcessLost(PeepholeError, RuntimeError):
    """One of several processes that train together has ended, so that the others cannot go on.

    Remedy: give the same command with ``--resume``, with as many processes as there are now; it goes on from the last checkpoint.
    """


class NotCompiledWarning(UserWarning):
    """A cell of your own runs step by step through its equations, since it could not be compiled; the message says why.

    Given once for each cell and process.

    Remedy: install a C++ compiler; or, if step by step is fast enough, ask for it by name: ``backend="reference"`` is silent.
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the allowed name nearest to `name`, or ``""``."""
    close = closest(name, allowed)
    return "" if close is None else f" (did you mean {close!r}?)"


def closest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name nearest to `name`, or None where none is near."""
    import difflib  # only messages need it

    close = difflib.get_close_matches(name, list(allowed), n=1)
    return close[0] if close else None


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
