"""Fragments of a gap: small pieces of cells in three dimensions, which no strong cut crosses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bioimage_cpp.segmentation
import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import local_minima

from ultraseg.arrays.cuts import cut_pair
from ultraseg.cells.cuts import height

NEAREST = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
REGROWN = 8  # times as far as it is given up, a part may grow back from within a block's margin
TIE = 0.1
Place = tuple[slice, slice]  # rows and columns of a slice
AFFINITY = (1 - np.arange(256) / 255).astype(np.float32)


@dataclass(frozen=True)
class Fragments:
    """Fragments int32 (Z, Y, X), numbered from 0. The first ``len(ids)`` ones are terminals: those of the given ids."""

    labels: NDArray[np.int32]
    ids: NDArray[Any]
    count: int


@dataclass(frozen=True)
class Given:
    """Ids of one plane of the gap, and where they are known (bool, of the shape of the ids); None: everywhere.

    axis: the axis that the plane lies across: 0 for slice ``at`` (Y, X), 1 for the plane of row ``at`` (Z, X), 2 for
    that of column ``at`` (Z, Y).
    """

    at: int
    ids: NDArray[Any]
    known: NDArray[np.bool_] | None = None
    axis: int = 0

    def within(self, place: Place) -> Given | None:
        """What it tells of some rows and columns, counted from their first ones; None where it does not meet them."""
        at = self.at
        if self.axis:
            across = place[self.axis - 1]
            if not across.start <= at < across.stop:
                return None
            at -= across.start
        here = (slice(None), place[2 - self.axis]) if self.axis else place
        return replace(
            self, at=at, ids=self.ids[here], known=None if self.known is None else self.known[here]
        )

    def line_in(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values of a plane across the slices in an array of one slice (Y, X); a view."""
        return values[self.at] if self.axis == 1 else values[:, self.at]

    def seen_in(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values of the plane in an array (Z, Y, X); a view."""
        return np.moveaxis(values, self.axis, 0)[self.at]


def minima_seeds(smooth: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Plateaus (6 neighbours) of a height (Z, Y, X) from which every way leads up; uint32, numbered from 1."""
    # Without a rim a plateau at the edge would be no minimum.
    minima = local_minima(smooth, connectivity=1, allow_borders=True)
    return cc3d.connected_components(minima.astype(np.uint8), connectivity=6).astype(np.uint32)


def blocks(shape: Sequence[int], side: int) -> Iterator[tuple[slice, slice, slice]]:
    """Blocks of ``side`` x ``side`` columns that cover a volume (Z, Y, X) without overlap."""
    for y in range(0, shape[1], side):
        for x in range(0, shape[2], side):
            yield slice(None), slice(y, min(y + side, shape[1])), slice(x, min(x + side, shape[2]))


def _unseeded(n: int, given: Sequence[Given], clearance: int) -> NDArray[np.bool_]:
    """Slices without seeds of their own: those near a slice that is labelled as a whole; bool (n,)."""
    near = np.zeros(n, bool)
    for end in given:
        if end.known is None and not end.axis:
            near[max(0, end.at - clearance) : end.at + clearance + 1] = True
    return near


def grow_fragments(
    cuts: NDArray[np.uint8],
    given: Sequence[Given],
    *,
    blur: float = 1.0,
    clearance: int = 0,
    side: int = 512,
) -> Fragments:
    """Fragments by a watershed over cuts, seeded by every given id and by the minima of the blurred height.

    cuts: uint8 (3, offsets, Z, Y, X), in which the labelled planes are set (`cuts.set_labelled_plane`). The edges
    between neighbouring voxels are taken in order of their cut; an edge unites two parts unless both hold a seed. One
    seed per id, on whatever planes, of which later ones hold: what grows from it is a terminal. No other seed lies
    within `clearance` slices of a slice that is labelled as a whole. blur: standard deviation in voxels. side: the
    watershed sees blocks of so many columns at a time, which bounds its memory to about 40 bytes per voxel of a block;
    agglomeration joins what a block's edge parts.
    """
    shape = cuts.shape[2:]
    ids = np.unique(np.concatenate([_known_ids(end) for end in given])) if given else np.zeros(0, np.uint32)
    markers = np.zeros(shape, np.uint32)
    bare = _unseeded(shape[0], given, clearance)
    smooth = ndimage.gaussian_filter(height(cuts).astype(np.float32), blur).astype(np.uint8)
    labels, count = np.zeros(shape, np.int32), len(ids)
    for block in blocks(shape, side):
        seeds = minima_seeds(smooth[block])
        seeds[bare] = 0
        seeds, found = _renumber(seeds)
        markers = np.where(seeds > 0, seeds + np.uint32(count), 0).astype(np.uint32)
        for end in within_place(given, block[1:]):
            _mark(end.seen_in(markers), end, ids)
        if not markers.any():  # nothing to grow from: the block is one fragment
            markers[0, 0, 0], found = count + 1, 1
        affinity = _affinity(cuts[(slice(None), 0, *block)], smooth[block])
        grown = bioimage_cpp.segmentation.watershed_from_affinities(affinity, NEAREST, markers)
        labels[block] = grown.astype(np.int32) - 1
        count += found
    return Fragments(labels, ids, count)


def regrow_fragments(
    labels: NDArray[np.int32],
    cell: NDArray[np.integer[Any]],
    cuts: NDArray[np.uint8],
    given: Sequence[Given],
    *,
    reach: int,
    side: int = 512,
) -> NDArray[np.int32]:
    """Fragments (Z, Y, X) whose outlines between cells are found anew on the sharp maps.

    A seed on the blurred height tells well what belongs together, and badly where it ends. What lies within ``reach``
    voxels of another cell, along all axes, is given up but for what is known of planes; it grows back by a watershed
    over the height that is not blurred. Parts of cells that are thinner go to their neighbours. cell: the cell of every
    fragment. side: as of `grow_fragments`; blocks overlap, so no outline depends on them.
    """
    if reach == 0:
        return labels
    result = np.empty_like(labels)
    for block in blocks(labels.shape, side):
        wide = widened(block[1:], labels.shape[1:], REGROWN * reach)
        own = labels[:, *wide]
        owner = cell[own].astype(np.int32)
        size = 2 * reach + 1
        kept = ndimage.maximum_filter(owner, size) == ndimage.minimum_filter(owner, size)
        for end in within_place(given, wide):
            plane = end.seen_in(kept)
            plane |= True if end.known is None else end.known
        ground = height(cuts[..., *wide]).astype(np.float32)
        # Heights are few whole numbers; the blurred ones bring voxels of one height into an order.
        ground += np.float32(TIE) * ndimage.gaussian_filter(ground, 1.0)
        markers = np.where(kept, own + 1, 0).astype(np.uint32)
        grown = bioimage_cpp.segmentation.watershed(ground, markers) if kept.any() else own + 1
        result[block] = grown[:, *place_within(block[1:], wide)].astype(np.int32) - 1
    return result


def widened(place: Place, plane: Sequence[int], margin: int) -> Place:
    """A place (y, x) with ``margin`` more rows and columns on all sides, as far as the plane has them."""
    y, x = (
        slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(place, plane, strict=True)
    )
    return y, x


def place_within(place: Place, wide: Place) -> Place:
    """Where a place (y, x) lies in a wider one."""
    y, x = (slice(s.start - w.start, s.stop - w.start) for s, w in zip(place, wide, strict=True))
    return y, x


def _affinity(cut: NDArray[np.uint8], smooth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """1 - cut of the edges between neighbours (3, Z, Y, X); among equal cuts the edge with the lower ground leads.

    Cells are wide plateaus of equal cuts. Without an order among these the seeds that come first, those of whole
    labelled slices, flood them before any minimum does.
    """
    affinity = AFFINITY[cut]
    for axis in range(3):
        first, second = cut_pair(3, axis, 1)
        affinity[axis][first] -= np.maximum(smooth[first], smooth[second]) * np.float32(1 / 255 / 256)
    return affinity


def _known_ids(end: Given) -> NDArray[Any]:
    return np.unique(end.ids if end.known is None else end.ids[end.known])


def within_place(given: Sequence[Given], place: Place) -> list[Given]:
    """What is given of some rows and columns."""
    return [part for one in given if (part := one.within(place)) is not None]


def _mark(markers: NDArray[np.uint32], end: Given, ids: NDArray[Any]) -> None:
    """Write the numbers of a plane's ids, from 1, over the seeds of that plane."""
    numbers = (np.searchsorted(ids, end.ids) + 1).astype(np.uint32)
    here = np.ones(numbers.shape, bool) if end.known is None else end.known
    markers[here] = numbers[here]


def _renumber(seeds: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], int]:
    """Seeds numbered from 1 without gaps, and how many there are."""
    present = np.bincount(seeds.ravel()) > 0
    present[0] = False
    return (np.cumsum(present) * present).astype(np.uint32)[seeds], int(present.sum())
