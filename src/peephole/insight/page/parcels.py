"""What lies on a belt while a text is read: for each parcel, what is left of it after every later one."""

from __future__ import annotations

import numpy as np

from peephole.insight.belt import Belt
from peephole.insight.page.columns import Columns
from peephole.insight.page.packing import pack_unit, shorts
from peephole.insight.page.schema import Parcels

MOST = 96  # bands that an eye can still tell apart


def parcels_of(belt: Belt, columns: Columns, reverse: bool) -> Parcels:
    """Return the parcels of a belt: what each column put on it, or each run of columns where there are more than `MOST`.

    The size of what is carried is the sum over units of its absolute values: signs are left out.

    Args:
        belt: of one text.
        columns: of that text.
        reverse: whether the text is read from its end.
    """
    edges = np.unique(np.linspace(0, columns.count, min(columns.count, MOST) + 1).round().astype(int))
    count = len(edges) - 1
    steps = columns.edges[edges]
    put, kept, added = (
        np.zeros(count),
        np.zeros((count, belt.keep.shape[1])),
        np.zeros((count, belt.keep.shape[1])),
    )
    for b in range(count):
        order = slice(steps[b], steps[b + 1])
        keep, write = np.abs(belt.keep[order]), np.abs(belt.write[order])
        if reverse:
            keep, write = keep[::-1], write[::-1]
        later = np.cumprod(keep[::-1], axis=0)[
            ::-1
        ]  # what is kept from before each step to the end of the parcel
        put[b], kept[b] = write.sum(), later[0]
        added[b] = write[-1] + (write[:-1] * later[1:]).sum(axis=0)
    share = np.zeros((count, count))
    carried = np.zeros_like(added)
    for e in range(count - 1, -1, -1) if reverse else range(count):
        carried *= kept[e]
        carried[e] = added[e]
        share[:, e] = carried.sum(axis=1)
    share /= np.where(put > 0, put, 1.0)[:, None]
    return {"edges": edges.tolist(), "put": shorts(put), "share": pack_unit(share)}
