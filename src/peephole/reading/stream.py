"""From rows to records: every row examined, every problem collected, one error at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

from peephole.errors import DataError
from peephole.reading.columns import Request
from peephole.reading.examine import Examiner, Rules
from peephole.reading.records import Item, Problem, Record, Tally, Unreadable


class Source(NamedTuple):
    """One thing to read.

    Args:
        name: what messages call it.
        check: finds out, without opening it, that it is not there.
        items: opens and reads it.
    """

    name: str
    check: Callable[[], Problem | None]
    items: Callable[[], Iterator[Item]]


class RecordStream(Iterator[Record]):
    """The records of one or several sources, in order, read as they are asked for.

    What it holds at a time does not grow with the sources. At the first problem it stops handing out records, reads
    on to find the others, and raises one `DataError` that lists them. With ``skip_bad`` a bad record is left out and
    counted in `skipped`; a source that cannot be used at all is an error all the same.

    It can be gone through once; `close` (or ``with``) closes the open file if that is not to the end.

    Attributes:
        skipped: how many records were left out so far, and why.
        count: how many records were handed out so far.

    Raises:
        DataError: on the last step, if there was any problem.
    """

    def __init__(self, sources: Sequence[Source], request: Request, rules: Rules) -> None:
        self.skipped = Tally()
        self.count = 0
        self._sources = tuple(sources)
        self._request = request
        self._rules = rules
        self._problems = Tally()
        self._fatal = False  # some problem cannot be skipped
        self._unread = False  # some record could not even be taken apart, so its label is not known
        self._records = self._run()

    def __iter__(self) -> RecordStream:
        return self

    def __next__(self) -> Record:
        return next(self._records)

    def __enter__(self) -> RecordStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file that is open, if any; nothing more is handed out."""
        self._records.close()

    def _run(self) -> Generator[Record, None, None]:
        examiner = Examiner(self._request, self._rules)
        usable: list[Source] = []
        for source in self._sources:
            absent = source.check()
            if absent is None:
                usable.append(source)
            else:
                self._note([absent])
        for source in usable:
            with contextlib.closing(_until_unreadable(source)) as items:
                for item in items:
                    if isinstance(item, Problem):
                        self._unread = True
                        self._note([item])
                        continue
                    found = examiner.examine(item)
                    if isinstance(found, list):
                        self._note(found)
                    elif found is not None and not self._problems.total:
                        self.count += 1
                        yield found
        names = listed_sources(self._sources)
        complete = not self._fatal and (self._rules.skip_bad or not self._unread)
        self._note(examiner.conclude(names, labels_complete=complete))
        if not self._problems.total and not self.count:
            left = f": all {self.skipped.total:,} were skipped ({self.skipped})" if self.skipped.total else ""
            self._note([Problem(names, f"no record is left{left}", "no records", skippable=False)])
        if self._problems.total:
            raise self._error(names)

    def _note(self, problems: list[Problem]) -> None:
        """Count the problems of one record (or of a source): as one record skipped, or each for the error."""
        if not problems:
            return
        if self._rules.skip_bad and all(problem.skippable for problem in problems):
            self.skipped.add(problems[0])
            return
        for problem in problems:
            self._fatal = self._fatal or not problem.skippable
            self._problems.add(problem)

    def _error(self, names: str) -> DataError:
        found = self._problems
        message = f"{names}: {found.total:,} problem{'s' if found.total > 1 else ''} ({found})"
        if found.total > len(found.first):
            message += f"; the first {len(found.first)}:"
        hints = list(dict.fromkeys(problem.hint for problem in found.first if problem.hint is not None))[:2]
        # Where empty texts are kept, each text in is to be one record out: nothing may be left out.
        if not self._fatal and not self._rules.keep_empty:
            hints.append("leave bad records out with --skip-bad (skip_bad=True in Python)")
        return DataError(
            message,
            problems=[(problem.place, problem.rule) for problem in found.first],
            hint="; or ".join(hints) or None,
        )


def listed_sources(sources: Sequence[Source]) -> str:
    """Return the sources' names for the head of a message."""
    names = [source.name for source in sources]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _until_unreadable(source: Source) -> Generator[Item, None, None]:
    try:
        yield from source.items()
    except Unreadable as error:
        yield error.problem
