"""Cuts of a brick (`ultraseg.grid.cut_maps`): planes across the slices, seen by the network that learned on slices.

A volume at the network's scale that is near-isotropic looks alike from all three sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ultraseg.grid.cut_maps import PIXELS, USED_OFFSETS
from ultraseg.networks.channels import cut_of
from ultraseg.networks.sizes import STRIDE
from ultraseg.predict.cut_views import Run, mean_of_cut_views


def predict_across(
    run: Run,
    volume: NDArray[np.uint8],
    axis: int,
    *,
    z_context: int,
    channels: Sequence[str],
    views: int = 1,
) -> Iterator[NDArray[np.uint8]]:
    """Predict all planes perpendicular to ``axis`` (1 = y, 2 = x) of normalised slices (Z, Y, X), one after another.

    Yields uint8 (K, Z, X) or (K, Z, Y), 255 = 1. A plane's neighbours along ``axis`` are its ``z_context`` planes on
    both sides; the edge plane repeats. Planes are reflected to a multiple of the network's stride.
    """
    planes = np.moveaxis(volume, axis, 0)
    n, rows, columns = planes.shape
    pad = ((0, 0), (0, -rows % STRIDE), (0, -columns % STRIDE), (0, 0))
    step = max(1, PIXELS // (rows * columns))
    near = np.arange(-z_context, z_context + 1)
    for first in range(0, n, step):
        at = np.arange(first, min(first + step, n))
        seen = planes[np.clip(at[:, None] + near, 0, n - 1)]  # (planes, C, rows, columns)
        padded = np.pad(seen.transpose(0, 2, 3, 1), pad, mode="symmetric").astype(np.float32)
        # Batches of one size keep the numbers of a plane independent of how many others there are.
        padded = np.pad(padded, ((0, step - len(at)), (0, 0), (0, 0), (0, 0)))
        found = mean_of_cut_views(run, padded, views, channels)[: len(at), :rows, :columns]
        yield from np.rint(255 * found.transpose(0, 3, 1, 2)).astype(np.uint8)


def brick_cuts(
    run: Run,
    volume: NDArray[np.uint8],
    within: NDArray[np.uint8],
    rows: slice,
    *,
    z_context: int,
    channels: Sequence[str],
    views: int = 1,
) -> NDArray[np.uint8]:
    """Cut maps uint8 (3, offsets, n, Y, X) of a brick: each cut is the mean of the two planes that contain its axis.

    volume: normalised slices uint8 (Z, Y, X) of the brick's window, of which ``rows`` are the brick's n; within:
    uint8 (n, K, Y, X), what the network predicted of these slices themselves.
    """
    place = {cut: k for k, channel in enumerate(channels) if (cut := cut_of(channel))}
    shape = (3, len(USED_OFFSETS), *within.shape[:1], *within.shape[2:])
    cuts = np.empty(shape, np.uint8)
    total = np.zeros(shape[2:], np.uint16)
    across = np.empty((2, 2, len(USED_OFFSETS), *shape[2:]), np.uint8)  # plane's axis, row or column, offset
    for side, axis in enumerate((1, 2)):
        planes = predict_across(run, volume, axis, z_context=z_context, channels=channels, views=views)
        for i, plane in enumerate(planes):
            here = (slice(None), i) if axis == 1 else (slice(None), slice(None), i)
            for line in (0, 1):
                for k, offset in enumerate(USED_OFFSETS):
                    across[side, line, k][here] = plane[place[line, offset], rows]
    for k, offset in enumerate(USED_OFFSETS):
        # Planes perpendicular to y hold cuts along z and x, those perpendicular to x along z and y.
        pairs = (
            (across[0, 0, k], across[1, 0, k]),
            (within[:, place[0, offset]], across[1, 1, k]),
            (within[:, place[1, offset]], across[0, 1, k]),
        )
        for axis, (one, other) in enumerate(pairs):
            np.add(one, other, out=total, dtype=np.uint16)
            cuts[axis, k] = (total + 1) // 2
    return cuts
