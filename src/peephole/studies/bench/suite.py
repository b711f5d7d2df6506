"""Which races a name on the command line stands for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from peephole.errors import OptionError, check_choice, nearest
from peephole.studies.bench.cases import CASES, CELLS, Case, custom
from peephole.studies.bench.comparisons import COMPARISONS, DTYPES, PASSES, TORCH_CELLS
from peephole.studies.bench.race import Entrant, Race

RIVALS = ("torch", "compile", "onnxruntime", "jax", "reference")
MEMORY = "memory"  # measured, not raced


@dataclasses.dataclass(frozen=True, slots=True)
class Suite:
    """What one run of the bench does.

    Attributes:
        races: what is timed, in this order; those of one table stand together.
        memory: whose peak memory is measured, after the races.
        threads: how many threads are used, unless a race says otherwise, at least 1.
    """

    races: tuple[Race, ...]
    memory: tuple[Entrant, ...]
    threads: int


def default_threads() -> int:
    """Return how many threads torch uses: ``OMP_NUM_THREADS``, or one for each core."""
    return torch.get_num_threads()


def against_rivals(
    case: Case, cell: str, rivals: Sequence[str], threads: int, dtype: str = "float32"
) -> list[Race]:
    """Both passes of a cell on a case, ours first."""
    title = f"{case.name} · {cell}" + (f" · {dtype}" if dtype != "float32" else "")
    entrants = {who: Entrant(who, case, cell, threads, dtype) for who in ("peephole", *rivals)}
    return [Race(title, training, entrants) for training in PASSES]


def memory_entrants(threads: int) -> list[Entrant]:
    """Whose peak memory is measured: ours and torch's, on every case that is compared with torch."""
    return [
        Entrant(who, case, cell, threads)
        for case in _table_cases()
        for cell in TORCH_CELLS
        for who in ("peephole", "torch")
    ]


def everything(threads: int) -> Suite:
    """All cases, rivals and comparisons: `peephole bench --all`."""
    races: list[Race] = []
    for case in _table_cases():
        for cell in CELLS:
            rivals = [
                *(["torch"] if cell in TORCH_CELLS else []),
                *(["onnxruntime"] if cell != "own" else []),
            ]
            if case.name in ("review", "review-256"):
                rivals += ["reference", *(["jax"] if cell != "own" else [])]
            if rivals:
                races += [
                    Race(race.title, race.training, _able(race))
                    for race in against_rivals(case, cell, rivals, threads)
                    if len(_able(race)) > 1
                ]
    races += against_rivals(CASES["short"], "lstm", ["torch", "compile", "reference"], threads)
    for name, races_of in COMPARISONS.items():
        if name != "threads" or threads > 1:
            races += races_of(threads)
    return Suite(tuple(races), tuple(memory_entrants(threads)), threads)


def _able(race: Race) -> dict[str, Entrant]:
    """The entrants without those that only do inference, where the race is about training."""
    return {
        label: entrant
        for label, entrant in race.entrants.items()
        if not (race.training and entrant.who == "onnxruntime")
    }


def _table_cases() -> list[Case]:
    return [case for name, case in CASES.items() if name != "short"]


def chosen(
    names: Sequence[str], cells: Sequence[str], rivals: Sequence[str], dtypes: Sequence[str], threads: int
) -> Suite:
    """Return what cases and comparisons named on the command line stand for.

    Args:
        names: of cases (or ``T,N,D,H``) and comparisons.
        cells: names in `CELLS`; comparisons have cells of their own.
        rivals: names in `RIVALS`, or ``"none"``.
        dtypes: names in `DTYPES`; comparisons have dtypes of their own.
        threads: how many each may use, at least 1.

    Raises:
        OptionError: a name is unknown.

    Example:
        >>> suite = chosen(["review", "gates"], ["gru"], ["torch"], ["float32"], 1)
        >>> [race.title for race in suite.races][:3]
        ['review · gru', 'review · gru', 'gates · review · lstm']
    """
    for option, given, allowed in (
        ("--cells", cells, tuple(CELLS)),
        ("--rival", rivals, (*RIVALS, "none")),
        ("--dtype", dtypes, DTYPES),
    ):
        for value in given:
            check_choice("bench", option, value, allowed)
    wanted = [rival for rival in rivals if rival != "none"]
    races: list[Race] = []
    for name in dict.fromkeys(names):
        if name in COMPARISONS:
            races += COMPARISONS[name](threads)
            continue
        if name == MEMORY:
            continue
        case = _case(name)
        for cell in cells:
            for dtype in dtypes:
                races += against_rivals(case, cell, wanted, threads, dtype)
    return Suite(tuple(races), tuple(memory_entrants(threads)) if MEMORY in names else (), threads)


def _case(name: str) -> Case:
    if name in CASES:
        return CASES[name]
    if name[:1].isdigit():
        return custom(name)
    known = (*CASES, *COMPARISONS, MEMORY)
    raise OptionError(
        f"bench: no case is named {name!r}{nearest(name, known)}; there are the cases {', '.join(CASES)}, "
        f"the comparisons {', '.join((*COMPARISONS, MEMORY))}, and T,N,D,H"
    )
