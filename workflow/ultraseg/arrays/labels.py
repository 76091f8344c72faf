"""Label images: runs of equal labels, overlaps of two slices, sizes and renumbering. Labels are not negative."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOOKED_UP = 65_536  # labels that are looked up at a time
# Labels a, labels b, and a number for each pair of them.
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def label_runs(
    *slices: NDArray[np.integer],
) -> tuple[list[NDArray[np.integer]], NDArray[np.int64], NDArray[np.int64]]:
    """Cut the rows of label slices (Y, X) of one shape into runs of pixels along which no slice changes.

    Returns the labels of every slice, one per run, the flat index where each run starts, and the length of each run.
    A run ends with its row at the latest. Sums over pixels become sums over far fewer runs. Raises ValueError for
    slices of several shapes.
    """
    shape = slices[0].shape
    if any(s.shape != shape for s in slices):
        raise ValueError(f"slices differ in shape: {[s.shape for s in slices]}")
    change = np.ones(shape, bool)
    if len(slices) and shape[1:] and shape[1] > 1:
        np.not_equal(slices[0][:, 1:], slices[0][:, :-1], out=change[:, 1:])
        for s in slices[1:]:
            change[:, 1:] |= s[:, 1:] != s[:, :-1]
    starts = np.flatnonzero(change)
    lengths = np.diff(starts, append=change.size)
    return [np.ascontiguousarray(s).reshape(-1)[starts] for s in slices], starts, lengths


def overlap_counts(a: NDArray[np.integer], b: NDArray[np.integer]) -> Pairs:
    """Pixels that every pair of labels of two slices (Y, X) shares; background is left out.

    Returns (labels of a, labels of b, pixels), sorted by a, then b.
    """
    (value_a, value_b), _, lengths = label_runs(a, b)
    both = (value_a > 0) & (value_b > 0)
    return sum_pairs(value_a[both], value_b[both], lengths[both])


def sum_pairs(a: NDArray[np.integer], b: NDArray[np.integer], counts: NDArray[np.integer]) -> Pairs:
    """Sum ``counts`` over equal pairs (a, b) of numbers that are not negative; sorted by a, then b.

    Raises ValueError for labels so large that a pair of them does not fit 62 bits.
    """
    a, b = a.astype(np.int64), b.astype(np.int64)
    if not len(a):
        empty = np.zeros(0, np.int64)
        return empty, empty, empty
    base = int(b.max()) + 1
    if int(a.max()) >= 2**62 // base:
        raise ValueError(f"labels too large to pair: {int(a.max())} and {base - 1}")
    keys, inverse = np.unique(a * base + b, return_inverse=True)
    # The float weights are exact: a slice has far fewer than 2**53 pixels.
    total = np.bincount(inverse, weights=counts, minlength=len(keys)).astype(np.int64)
    return keys // base, keys % base, total


def label_sizes(labels: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Voxels of the labels 0 .. count of a stack (n, Y, X); those of background are given as 0."""
    sizes = np.zeros(count + 1, np.int64)
    for one in labels:
        (values,), _, lengths = label_runs(one)
        inside = values > 0
        sizes += np.bincount(values[inside], weights=lengths[inside], minlength=count + 1).astype(np.int64)
    return sizes


def relabel(labels: NDArray[np.integer], lut: NDArray[np.integer]) -> NDArray[np.uint32]:
    """Replace every label of (n, Y, X) or (Y, X) by ``lut[label]``; lut[0] is 0.

    Raises ValueError for a label beyond the table, and for a table that changes the background.
    """
    _check_table(labels, lut)
    out = np.empty(labels.shape, np.uint32)
    _look_up(labels, lut.astype(np.uint32, copy=False), out)
    return out


def _check_table(labels: NDArray[np.integer], lut: NDArray[np.integer]) -> None:
    if labels.size and int(labels.max()) >= len(lut):
        raise ValueError(f"label {int(labels.max())} is beyond the table of {len(lut)} entries")
    if lut[0] != 0:
        raise ValueError(f"background must stay 0, the table maps it to {lut[0]}")


def _look_up(labels: NDArray[np.integer], table: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """Write ``table[label]`` of every label to ``out``, which may be the labels themselves."""
    if labels.ndim > 2:
        for one, target in zip(labels, out, strict=True):
            _look_up(one, table, target)
        return
    # NumPy makes 64-bit indices of labels: of some rows at a time, they stay in the processor's cache.
    rows = max(LOOKED_UP // max(labels[:1].size, 1), 1)
    for start in range(0, len(labels), rows):
        part = slice(start, start + rows)
        out[part] = np.take(table, labels[part])


def relabel_in_place(labels: NDArray[np.uint32], lut: NDArray[np.integer]) -> None:
    """Do as ``relabel`` to the labels (n, Y, X) themselves, slice by slice, so that they are in memory once."""
    for one in labels:
        _check_table(one, lut)
        _look_up(one, lut.astype(np.uint32, copy=False), one)


def count_ids(labels: NDArray[np.integer]) -> int:
    """Number of different labels above 0 in a stack (n, Y, X), read slice by slice."""
    found: set[int] = set()
    for one in labels:
        found.update(np.unique(label_runs(one)[0][0]).tolist())
    return len(found - {0})
