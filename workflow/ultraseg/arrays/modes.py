"""Modes: the most frequent label of blocks of voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Label = TypeVar("Label", bound=np.integer)


def block_modes(labels: NDArray[Label], step: Sequence[int]) -> NDArray[Label]:
    """Most frequent label of every block of ``step`` voxels; of equally frequent labels the smallest.

    labels: an array of any dimension, not negative; step: voxels of a block along each axis. A block at a far end
    counts only the voxels that exist. The result is ceil(size / step) long along each axis.
    """
    pad = [(0, -size % n) for size, n in zip(labels.shape, step, strict=True)]
    padded = np.pad(labels, pad, mode="edge") if any(after for _, after in pad) else labels
    modes = padded[tuple(slice(None, None, n) for n in step)].copy()
    # Nearly all blocks lie inside one label: only blocks with several labels are counted.
    mixed = np.zeros(modes.shape, bool)
    for _, view in _corners(padded, step):
        mixed |= view != modes
    places = np.nonzero(mixed)
    rows = np.empty((len(places[0]), int(np.prod(step))), np.int64)
    for column, (offset, view) in enumerate(_corners(padded, step)):
        exists = np.ones(len(rows), bool)
        for place, n, shift, size in zip(places, step, offset, labels.shape, strict=True):
            exists &= place * n + shift < size
        rows[:, column] = np.where(exists, view[places].astype(np.int64), -1)
    modes[places] = _row_modes(rows)
    return modes


def _corners(padded: NDArray[Label], step: Sequence[int]) -> Iterator[tuple[tuple[int, ...], NDArray[Label]]]:
    """Each place in a block, and the voxels at this place in all blocks, as a view."""
    for offset in np.ndindex(*step):
        yield offset, padded[tuple(slice(shift, None, n) for shift, n in zip(offset, step, strict=True))]


def _row_modes(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Most frequent value of each row without counting -1; of equally frequent values the smallest."""
    rows = np.sort(rows, axis=1)
    run = np.ones(len(rows), np.int32)
    best, longest = rows[:, 0].copy(), np.where(rows[:, 0] < 0, 0, run)
    for j in range(1, rows.shape[1]):
        run = np.where(rows[:, j] == rows[:, j - 1], run + 1, 1)
        better = (run > longest) & (rows[:, j] >= 0)
        best[better], longest[better] = rows[better, j], run[better]
    return best
