"""Cuts: whether two pixels at a fixed distance along an axis belong to different cells.

A cut lies at the first of its two pixels: the cut along an axis at offset o of pixel p is between p and p + o. The last
o pixels along the axis have no cut. A slice has cuts along its rows and columns; a volume has cuts along z, y and x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.grid.cut_maps import OFFSETS


def cut_pair(ndim: int, axis: int, offset: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index of the first and of the second pixels of all pairs at ``offset`` along ``axis``."""
    whole = [slice(None)] * ndim
    first, second = list(whole), list(whole)
    first[axis], second[axis] = slice(None, -offset), slice(offset, None)
    return tuple(first), tuple(second)


def cut_targets(
    ids: NDArray[np.integer[Any]],
    known: NDArray[np.bool_] | None = None,
    offsets: Sequence[int] = OFFSETS,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cuts of a slice of cell ids (Y, X), and where they hold; bool (2 * len(offsets), Y, X) each.

    Id 0, which is no cell, is an id like any other. A cut holds where both of its pixels lie in the slice and are
    ``known``. First come the cuts along y, then those along x, by offset.
    """
    target = np.zeros((2 * len(offsets), *ids.shape), bool)
    holds = np.zeros(target.shape, bool)
    for k in range(len(target)):
        axis, offset = divmod(k, len(offsets))
        if ids.shape[axis] <= offsets[offset]:
            continue
        first, second = cut_pair(2, axis, offsets[offset])
        target[k][first] = ids[first] != ids[second]
        holds[k][first] = True if known is None else known[first] & known[second]
    return target, holds
