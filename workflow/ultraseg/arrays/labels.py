"""Label images: runs, overlaps, renumbering and smooth enlargement, shared by objects, link and measure."""

from __future__ import annotations

import numpy as np


def label_runs(*slices: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Cut the rows of one or more equally shaped label slices into runs in which no slice changes.

    slices: integers (Y, X). Returns the value of every slice per run, the flat index where each run starts
    and its length (int64). Runs end with their row. All sums over pixels become sums over far fewer runs.
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


def overlap_counts(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels that every pair of labels of two slices shares: joint histogram without background.

    a, b: non-negative integers (Y, X). Returns int64 arrays (labels of a, labels of b, pixels), sorted by a,
    b.
    """
    (value_a, value_b), _, lengths = label_runs(a, b)
    both = (value_a > 0) & (value_b > 0)
    return sum_pairs(value_a[both], value_b[both], lengths[both])


def sum_pairs(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum `counts` over equal pairs (a, b) of non-negative integers; int64, sorted by a, then b."""
    a, b = a.astype(np.int64), b.astype(np.int64)
    if not len(a):
        empty = np.zeros(0, np.int64)
        return empty, empty, empty
    base = int(b.max()) + 1
    if int(a.max()) >= 2**62 // base:
        raise ValueError(f"labels too large to pair: {int(a.max())} and {base - 1}")
    keys, inverse = np.unique(a * base + b, return_inverse=True)
    # Exact: a slice has far fewer than 2**53 pixels.
    total = np.bincount(inverse, weights=counts, minlength=len(keys)).astype(np.int64)
    return keys // base, keys % base, total


def label_sizes(labels: np.ndarray, count: int) -> np.ndarray:
    """Voxels of the labels 1..count of a stack (n, Y, X), as int64 (count + 1,) with index 0 set to 0."""
    sizes = np.zeros(count + 1, np.int64)
    for one in labels:
        (values,), _, lengths = label_runs(one)
        inside = values > 0
        sizes += np.bincount(values[inside], weights=lengths[inside], minlength=count + 1).astype(np.int64)
    return sizes


def relabel(labels: np.ndarray, lut: np.ndarray) -> np.ndarray:
    """Replace every label by `lut[label]`: labels (n, Y, X) or (Y, X), lut uint32 with lut[0] == 0.

    Raises ValueError when a label is beyond the table.
    """
    if labels.size and int(labels.max()) >= len(lut):
        raise ValueError(f"label {int(labels.max())} is beyond the table of {len(lut)} entries")
    if lut[0] != 0:
        raise ValueError(f"background must stay 0, the table maps it to {lut[0]}")
    return np.take(lut.astype(np.uint32, copy=False), labels)


def relabel_in_place(labels: np.ndarray, lut: np.ndarray) -> None:
    """The same for uint32 labels (n, Y, X), overwritten slice by slice, so that they are in memory once."""
    for one in labels:
        one[:] = relabel(one, lut)


def count_ids(labels: np.ndarray) -> int:
    """Number of different labels above 0 in a stack (n, Y, X), slice by slice."""
    found: set[int] = set()
    for one in labels:
        found.update(np.unique(label_runs(one)[0][0]).tolist())
    return len(found - {0})
