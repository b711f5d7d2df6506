"""What is timed on a GPU, in groups, the most important first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peephole.errors import check_choice
from peephole.studies.bench.cases import Case, dense, ragged
from peephole.studies.bench.race import Entrant, Race

DTYPES = ("bfloat16", "float32")
SIZES = (128, 256, 512, 1024)  # H, and D with it
BATCH, STEPS = 64, 512

# Steps of 64 reviews: the middles of 64 equal shares of a log-normal distribution with median 210 and σ = 0.6 (tests compute
# them again). Reviews of IMDB are about so long, in words and punctuation.
REVIEW_LENGTHS = (
    896, 692, 604, 549, 508, 477, 451, 429, 410, 393, 378, 364, 351, 340, 329, 319,
    310, 301, 293, 285, 278, 271, 264, 257, 251, 245, 239, 234, 228, 223, 218, 212,
    208, 203, 198, 193, 189, 184, 180, 176, 171, 167, 163, 159, 155, 150, 146, 142,
    138, 134, 130, 125, 121, 117, 112, 108, 103, 98, 93, 87, 80, 73, 64, 49,
)  # fmt: skip
_PACKED_SIZE = _GATES_SIZE = 256
_RESET_SIZES = (128, 512)
_SINGLE_STEPS, _SINGLE_SIZES = 256, (32, 64, 128)


def square(hidden: int) -> Case:
    """64 sequences of 512 steps, D = H."""
    return dense(f"{BATCH}x{STEPS}-{hidden}", STEPS, BATCH, hidden, hidden)


def packed() -> Case:
    """Sequences as long as reviews."""
    return ragged(f"reviews-{_PACKED_SIZE}", REVIEW_LENGTHS, _PACKED_SIZE, _PACKED_SIZE)


def single(hidden: int) -> Case:
    """One sequence."""
    return dense(f"1x{_SINGLE_STEPS}-{hidden}", _SINGLE_STEPS, 1, hidden, hidden)


def race(title: str, training: bool, dtype: str, case: Case, entrants: dict[str, tuple[str, str]]) -> Race:
    """Return a race on one case in one dtype.

    Args:
        title: of the table.
        training: forward and backward.
        dtype: of all.
        case: the shape.
        entrants: label → who and cell.
    """
    made = {label: Entrant(who, case, cell, 1, dtype) for label, (who, cell) in entrants.items()}
    return Race(title, training, made)


def _peephole(training: bool) -> list[Race]:
    cell = "peephole-lstm"
    entrants = {"triton": ("triton", cell), "cudnn lstm": ("cudnn", "lstm")}
    entrants |= {"loop": ("loop", cell), "graph": ("graph", cell)}
    group = "peephole" if training else "forward"
    return [
        race(f"{group} · H {size} · {dtype}", training, dtype, square(size), entrants)
        for size in SIZES
        for dtype in DTYPES
    ]


def _compile() -> list[Race]:
    """Apart from the other rivals: a compiler takes so long that they come first."""
    cell = "peephole-lstm"
    entrants = {"triton": ("triton", cell), "compile": ("compile", cell)}
    return [
        race(f"compile · H {size} · {dtype}", True, dtype, square(size), entrants)
        for size in SIZES
        for dtype in DTYPES
    ]


def _packed() -> list[Race]:
    return [
        race(
            f"packed · {cell} · {dtype}",
            True,
            dtype,
            packed(),
            {
                "triton": ("triton", cell),
                **(
                    {"cudnn lstm": ("cudnn", "lstm")}
                    if cell == "peephole-lstm"
                    else {"cudnn": ("cudnn", cell)}
                ),
            },
        )
        for dtype in DTYPES
        for cell in ("lstm", "gru", "peephole-lstm")
    ]


def _reset() -> list[Race]:
    entrants = {"before": ("triton", "gru-before"), "after": ("triton", "gru")}
    return [
        race(f"reset · H {size} · {dtype}", True, dtype, square(size), entrants)
        for size in _RESET_SIZES
        for dtype in DTYPES
    ]


def _gates() -> list[Race]:
    return [
        race(
            f"gates · {cell} · {dtype}",
            False,
            dtype,
            square(_GATES_SIZE),
            {"plain": ("triton-run", cell), "all values": ("triton-values", cell)},
        )
        for dtype in DTYPES
        for cell in ("peephole-lstm", "lstm", "gru")
    ]


def _dense() -> list[Race]:
    return [
        race(
            f"dense · {cell} · H {size} · {dtype}",
            True,
            dtype,
            square(size),
            {"triton": ("triton", cell), "cudnn": ("cudnn", cell)},
        )
        for size in (128, 512)
        for dtype in DTYPES
        for cell in ("lstm", "gru", "rnn")
    ]


def _latency() -> list[Race]:
    return [
        race(
            f"latency · {cell} · H {size} · float32",
            False,
            "float32",
            single(size),
            {
                "triton": ("triton", cell),
                ("cudnn" if cell == "lstm" else "cudnn lstm"): ("cudnn", "lstm"),
                "graph": ("graph", cell),
                "loop": ("loop", cell),
            },
        )
        for size in _SINGLE_SIZES
        for cell in ("lstm", "peephole-lstm")
    ]


# Group → its races, in the order in which they are run while time is left.
GROUPS: dict[str, Callable[[], list[Race]]] = {
    "peephole": lambda: _peephole(True),
    "packed": _packed,
    "reset": _reset,
    "gates": _gates,
    "compile": _compile,
    "dense": _dense,
    "latency": _latency,
    "forward": lambda: _peephole(False),
}


def chosen(groups: Sequence[str]) -> list[Race]:
    """Return the races of these groups, the most important group first; of all without any.

    Raises:
        OptionError: there is no such group.

    Example:
        >>> [race.title for race in chosen(["reset"])][:2]
        ['reset · H 128 · bfloat16', 'reset · H 128 · float32']
    """
    for name in groups:
        check_choice("bench --device cuda", "case", name, tuple(GROUPS))
    return [one for name, races in GROUPS.items() if name in groups or not groups for one in races()]
