"""The orders in which other systems stack gates, and rows of weights put from our order into theirs and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]

# A row that the foreign system has and we have not: zeros.
ABSENT = -1


def rows_to(ours: Sequence[str], theirs: Sequence[str], hidden_size: int) -> Rows:
    """Return where each row of a foreign stack of gates lies in ours: `foreign = ours[rows]`.

    Args:
        ours: our gates, in our order.
        theirs: the same gates by our letters, in the foreign order; a letter that we have not marks rows of zeros, `ABSENT`.
        hidden_size: H, rows of a gate.

    Example:
        >>> rows_to("ifgo", "iofg", 2).tolist()
        [0, 1, 6, 7, 2, 3, 4, 5]
        >>> rows_to("igo", "iofg", 1).tolist()
        [0, 2, -1, 1]
    """
    places = {gate: k * hidden_size for k, gate in enumerate(ours)}
    steps = np.arange(hidden_size)
    parts = [
        places[gate] + steps if gate in places else np.full(hidden_size, ABSENT, np.intp) for gate in theirs
    ]
    return np.concatenate(parts).astype(np.intp)


def rows_from(theirs: Sequence[str], ours: Sequence[str], hidden_size: int) -> Rows:
    """Return where each row of our stack lies in the foreign one: `ours = foreign[rows]`.

    Example:
        >>> rows_from("zrn", "rzn", 1).tolist()
        [1, 0, 2]
    """
    return rows_to(theirs, ours, hidden_size)
