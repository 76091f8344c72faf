"""The graph of fragments: which ones touch, and how much the cuts between them speak for one cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastremap
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import cut_pair
from ultraseg.grid.cut_maps import USED_OFFSETS

WEIGHTS = (1.0, 0.5)  # of a pair of voxels, by offset


@dataclass(frozen=True)
class RegionGraph:
    """Edges between regions 0 .. n - 1: ends first < second, the sum of 1 - cut and of 1 over pairs of voxels.

    touches: pairs of direct neighbours among them; an edge without any only adds to others.
    """

    n: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    support: NDArray[np.float64]
    pairs: NDArray[np.float64]
    touches: NDArray[np.float64]

    def contracted(self, to: NDArray[np.integer[Any]], n: int) -> RegionGraph:
        """The graph of ``n`` unions of regions: region i belongs to union ``to[i]``."""
        first, second = to[self.first], to[self.second]
        values = np.stack([self.support, self.pairs, self.touches])
        return graph_of(n, first, second, values)


def _edges(
    n: int, one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edge of each link between two different regions, and each edge as first * n + second, in order."""
    low, high = np.minimum(one, other).astype(np.uint64), np.maximum(one, other)
    # A hash table numbers the pairs, from 1, several times as fast as a sort does.
    numbered, numbers = fastremap.renumber(low * np.uint64(n) + high.astype(np.uint64), preserve_zero=False)
    keys = np.zeros(len(numbers), np.int64)
    place = np.fromiter(numbers.values(), np.int64, len(numbers)) - 1
    keys[place] = np.fromiter(numbers, np.int64, len(numbers))
    order = np.argsort(keys)
    rank = np.empty(len(keys), np.int64)
    rank[order] = np.arange(len(keys))
    return rank[numbered.astype(np.int64) - 1], keys[order]


def graph_of(
    n: int, one: NDArray[np.integer[Any]], other: NDArray[np.integer[Any]], values: NDArray[np.floating[Any]]
) -> RegionGraph:
    """Sum up values (support, pairs, touches; (3, m)) of m links, in any order and with repeats, into edges."""
    apart = one != other
    edge, keys = _edges(n, one[apart], other[apart])
    support, pairs, touches = (
        np.bincount(edge, row[apart], minlength=len(keys)).astype(np.float64) for row in values
    )
    return RegionGraph(n, keys // n, keys % n, support, pairs, touches)


def region_graph(labels: NDArray[np.int32], n: int, cuts: NDArray[np.uint8]) -> RegionGraph:
    """The graph of regions 0 .. n - 1 (Z, Y, X) under cut maps uint8 (3, offsets, Z, Y, X)."""
    graphs = [
        _links(labels, n, cuts[axis, k], axis, offset, WEIGHTS[k])
        for k, offset in enumerate(USED_OFFSETS)
        for axis in range(3)
        if labels.shape[axis] > offset
    ]
    first, second = (np.concatenate([getattr(g, end) for g in graphs]) for end in ("first", "second"))
    values = np.concatenate([np.stack([g.support, g.pairs, g.touches]) for g in graphs], axis=1)
    return graph_of(n, first, second, values)


def _links(
    labels: NDArray[np.int32], n: int, cut: NDArray[np.uint8], axis: int, offset: int, weight: float
) -> RegionGraph:
    """The edges of all pairs of voxels at one offset along one axis."""
    first, second = cut_pair(3, axis, offset)
    one, other = labels[first], labels[second]
    apart = one != other
    edge, keys = _edges(n, one[apart], other[apart])
    pairs = np.bincount(edge, minlength=len(keys)).astype(np.float64)
    support = pairs - np.bincount(edge, cut[first][apart], minlength=len(keys)) / 255
    touches = pairs if offset == 1 else np.zeros_like(pairs)
    return RegionGraph(n, keys // n, keys % n, weight * support, weight * pairs, touches)
