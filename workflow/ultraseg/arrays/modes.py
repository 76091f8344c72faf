"""The most frequent label of blocks of voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def block_modes(labels: np.ndarray, step: Sequence[int]) -> np.ndarray:
    """Most frequent value of every block of ``step`` voxels; the smallest wins a tie.

    labels: integers of any dimension, step: voxels per axis. Blocks at the far ends count only the voxels
    that exist. Returns the type of ``labels``, ceil(size / step) long in each axis.
    """
    pad = [(0, -size % n) for size, n in zip(labels.shape, step, strict=True)]
    padded = np.pad(labels, pad, mode="edge") if any(after for _, after in pad) else labels
    modes = padded[tuple(slice(None, None, n) for n in step)].copy()
    # Nearly all blocks lie inside one label: only the others are looked at closely.
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


def _corners(padded: np.ndarray, step: Sequence[int]) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Each place in a block, and the view of the voxels at that place in all blocks."""
    for offset in np.ndindex(*step):
        yield offset, padded[tuple(slice(shift, None, n) for shift, n in zip(offset, step, strict=True))]


def _row_modes(rows: np.ndarray) -> np.ndarray:
    """Most frequent value of each row that is not -1; among equally frequent ones the smallest."""
    rows = np.sort(rows, axis=1)
    run = np.ones(len(rows), np.int32)
    best, longest = rows[:, 0].copy(), np.where(rows[:, 0] < 0, 0, run)
    for j in range(1, rows.shape[1]):
        run = np.where(rows[:, j] == rows[:, j - 1], run + 1, 1)
        better = (run > longest) & (rows[:, j] >= 0)
        best[better], longest[better] = rows[better, j], run[better]
    return best
