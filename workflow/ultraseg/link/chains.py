"""Courses of pieces through the slices: chains of clear overlaps, and where each is heading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_IOU = 0.15  # overlaps of less are no link of a chain
SURE_IOU = 0.5  # overlaps that tell how a slice is shifted against the one before
REACH = 4  # pieces over which the heading of a chain is taken
PIXEL = np.array([1, 0, 1]) / 12  # variance within a pixel
LONG = 8  # longer chains count as so long


@dataclass(frozen=True)
class Pieces:
    """The table of pieces as arrays, one entry per row.

    order: number of the slice among those with pieces. place (n, 2): centroid y, x; spread (n, 3): variance along y,
    covariance, variance along x of its pixels.
    """

    z: NDArray[np.int64]
    order: NDArray[np.int64]
    area: NDArray[np.float64]
    place: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, nodes: pd.DataFrame) -> Pieces:
        """From a table as `nodes.sorted_nodes` returns it. Pieces without a measured shape count as discs."""
        area = nodes["area"].to_numpy(float)
        if {"yy", "yx", "xx"} <= set(nodes):
            spread = nodes[["yy", "yx", "xx"]].to_numpy(float) + PIXEL
        else:
            spread = np.stack([area, 0 * area, area], axis=1) / (4 * np.pi)
        z = nodes["z"].to_numpy()
        order = np.unique(z, return_inverse=True)[1].astype(np.int64)
        return cls(z, order, area, nodes[["y", "x"]].to_numpy(float), spread)

    def __len__(self) -> int:
        return len(self.z)


@dataclass(frozen=True)
class Heading:
    """Movement per slice (n, 2) by one side of each piece, and over how many slices it was taken (0: unknown)."""

    speed: NDArray[np.float64]
    slices: NDArray[np.int64]


@dataclass(frozen=True)
class Chains:
    """Chains of pieces, at most one piece per slice.

    member: which of the overlaps link a chain. after, before: row of the next and the last piece of the chain, -1 at
    its ends. place: centroids without the shift of the slices. arriving, leaving: heading by the pieces before and by
    the pieces after each piece. length_before, length_after: pieces of the chain up to and from each piece, itself
    included.
    """

    member: NDArray[np.bool_]
    after: NDArray[np.int64]
    before: NDArray[np.int64]
    place: NDArray[np.float64]
    arriving: Heading
    leaving: Heading
    length_before: NDArray[np.float64]
    length_after: NDArray[np.float64]


def chains_of(
    pieces: Pieces,
    a: NDArray[np.integer],
    b: NDArray[np.integer],
    iou: NDArray[np.float64],
    shifts: NDArray[np.float64] | None = None,
) -> Chains:
    """Chains of the overlaps (a, b) of neighbouring slices in which both pieces are each other's best.

    shifts: how far each slice lies from the first of the volume, y and x, where the pieces are a part of it.
    """
    rows = _mutual(pieces, a, b, iou)
    member = np.zeros(len(iou), bool)
    member[rows] = True
    after, before = np.full((2, len(pieces)), -1, np.int64)
    after[a[rows]], before[b[rows]] = b[rows], a[rows]
    if shifts is None:
        shifts = np.cumsum(slice_steps(pieces, a, b, iou), axis=0)
    place = pieces.place - shifts[pieces.order]
    return Chains(
        member,
        after,
        before,
        place,
        _heading(pieces, place, before),
        _heading(pieces, place, after),
        _length(before),
        _length(after),
    )


def _best(index: NDArray[np.integer], value: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Row of the largest value of each of `count` indices, -1 for those without one; of equal ones the last."""
    order = np.lexsort((value, index))
    last = np.flatnonzero(np.diff(index[order], append=-1))
    best = np.full(count, -1, np.int64)
    best[index[order][last]] = order[last]
    return best


def _mutual(
    pieces: Pieces, a: NDArray[np.integer], b: NDArray[np.integer], iou: NDArray[np.float64]
) -> NDArray[np.intp]:
    """The overlaps that link a chain."""
    good = np.flatnonzero(iou >= LEAST_IOU)
    best_a, best_b = (_best(end[good], iou[good], len(pieces)) for end in (a, b))
    mutual = (best_a[a[good]] == np.arange(len(good))) & (best_b[b[good]] == np.arange(len(good)))
    return good[mutual]


def slice_steps(
    pieces: Pieces, a: NDArray[np.integer], b: NDArray[np.integer], iou: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each slice lies from the one before, by the median movement of the pieces that clearly go on (n, 2)."""
    rows = _mutual(pieces, a, b, iou)
    sure = rows[iou[rows] >= SURE_IOU]
    moved = pd.DataFrame(pieces.place[b[sure]] - pieces.place[a[sure]], columns=["y", "x"])
    median = moved.groupby(pieces.order[b[sure]]).median()
    step = np.zeros((int(pieces.order.max(initial=0)) + 1, 2))
    step[median.index.to_numpy(dtype=np.int64)] = median.to_numpy()
    return step


def _heading(pieces: Pieces, place: NDArray[np.float64], step: NDArray[np.int64]) -> Heading:
    at = np.arange(len(pieces))
    for _ in range(REACH):
        at = np.where(step[at] >= 0, step[at], at)
    slices = pieces.z[at] - pieces.z
    speed = (place[at] - place) / np.where(slices == 0, 1, slices)[:, None]
    return Heading(speed, np.abs(slices))


def _length(step: NDArray[np.int64]) -> NDArray[np.float64]:
    at, length = np.arange(len(step)), np.ones(len(step))
    for _ in range(LONG):
        more = step[at] >= 0
        length += more
        at = np.where(more, step[at], at)
    return length
