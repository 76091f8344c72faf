"""Cut maps of a gap: what the labelled planes say about them, and the height that fragments grow over.

Cut maps are uint8 (3, offsets, Z, Y, X), 255 = the two voxels lie in different cells, along z, y and x for each of
`ultraseg.grid.cut_maps.USED_OFFSETS`; `ultraseg.arrays.cuts` tells where a cut lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import cut_pair, cut_targets
from ultraseg.grid.cut_maps import USED_OFFSETS
from ultraseg.storage.arrays import read_listed


def set_labelled_plane(
    cuts: NDArray[np.uint8],
    at: int,
    ids: NDArray[np.integer[Any]],
    known: NDArray[np.bool_] | None,
    axis: int = 0,
) -> None:
    """Set the cuts within a labelled plane, in place, to what its ids say, where these are ``known``.

    axis: the axis that the plane lies across, at place ``at``: ids are (Y, X) for 0, (Z, X) for 1, (Z, Y) for 2.
    """
    target, holds = cut_targets(ids, known, USED_OFFSETS)
    shape = (2, len(USED_OFFSETS), *ids.shape)
    lines = (one for one in range(3) if one != axis)
    for line, said, here in zip(lines, target.reshape(shape), holds.reshape(shape), strict=True):
        within = np.moveaxis(cuts[line], axis + 1, 0)[at]
        within[here] = np.where(said[here], np.uint8(255), np.uint8(0))


def height(cuts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of the six shortest cuts around each voxel; uint8 (Z, Y, X). There is no cut beyond the edge of the maps."""
    total = np.zeros(cuts.shape[2:], np.uint16)
    for axis in range(3):
        first, second = cut_pair(3, axis, 1)
        total[first] += cuts[axis, 0][first]
        total[second] += cuts[axis, 0][first]
    return (total // 6).astype(np.uint8)


def read_cuts(path: str, zs: Sequence[int], place: tuple[slice, slice] | None = None) -> NDArray[np.uint8]:
    """Cut maps of the slices ``zs`` of the array at ``path`` (Z, 3 * offsets, Y, X), as this package takes them.

    place: the rows and columns that are read; None for all.
    """
    maps = read_listed(path, zs, () if place is None else (slice(None), *place))
    by_axis = maps.reshape(len(maps), 3, len(USED_OFFSETS), *maps.shape[2:])
    return np.ascontiguousarray(np.moveaxis(by_axis, 0, 2))
