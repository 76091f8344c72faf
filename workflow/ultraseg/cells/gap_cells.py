"""Cells of a gap from its cut maps and from the ids on its labelled slices, in all three dimensions at once."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.agglomerate import AgglomerationSettings, agglomerate
from ultraseg.cells.cuts import set_labelled_plane
from ultraseg.cells.fragments import (
    Given,
    Place,
    grow_fragments,
    place_within,
    regrow_fragments,
    widened,
    within_place,
)
from ultraseg.cells.gap_ends import GapEnd, as_end
from ultraseg.cells.region_graph import region_graph

log = logging.getLogger(__name__)

# Near a labelled slice its ids tell more than a minimum of the maps. From trials on fib25, not from held-out slices.
SHORT_GAP, CLEARANCE = 20, 3
# The chance of being right by margin: measured on fib25 with labels on every 40th slice, where truth was looked at.
MARGINS, CHANCES = (0.0, 0.05, 0.15, 0.25, 0.35, 0.45), (0.33, 0.35, 0.72, 0.88, 0.95, 0.97)
OVERLAP = 64  # columns that a tile sees around its inner part
DOUBTFUL = 0.2  # margins below are counted as differences


@dataclass(frozen=True)
class GapCells:
    """Cells of the slices of a gap.

    labels: uint32 (n, Y, X), the user's ids, 0 = background or a cell that no label shows. confidence: uint8, 255 on
    labelled slices, elsewhere about the chance of being right times 255. doubtful: bool, where another id has nearly as
    strong a claim. new: uint32, cells that no label shows, numbered from 1 within the gap.
    """

    labels: NDArray[np.uint32]
    confidence: NDArray[np.uint8]
    doubtful: NDArray[np.bool_]
    new: NDArray[np.uint32]

    @property
    def differ(self) -> NDArray[np.int64]:
        """Doubtful pixels of each slice (n,)."""
        return np.count_nonzero(self.doubtful, axis=(1, 2)).astype(np.int64)


def cells_of_gap(
    cuts: NDArray[np.uint8],
    first: NDArray[Any] | GapEnd | None,
    last: NDArray[Any] | GapEnd | None,
    *,
    blur: float = 1.0,
    regrow: int = 2,
    side: int = 512,
    seeds: Sequence[Given] = (),
    planes: Sequence[Given] = (),
    settings: AgglomerationSettings = AgglomerationSettings(),  # noqa: B008 - frozen
) -> GapCells:
    """Cells of a gap from its cut maps uint8 (3, offsets, n, Y, X) and the ids on its first slice, its last, or both.

    Fragments grow from every given id and from what no cut crosses (`grow_fragments`); average linkage unites them, and
    two ids never meet (`agglomerate`); the outlines of cells are then found anew (`regrow_fragments`, with the reach
    ``regrow``). first, last: ids (Y, X), a `GapEnd`, or None at an open end of the stack; id 0
    is what the user left out and grows like a cell. Where a labelled slice is labelled in part, the ids of its other
    part come from the maps. seeds: what may be known of slices between. planes: what the user drew on planes across the
    slices; where a labelled slice says otherwise, the slice holds. Raises ValueError for shapes that do not fit.
    ``cuts`` is overwritten on labelled slices and planes.
    """
    n, ends = cuts.shape[2], (as_end(first), as_end(last))
    given = [*planes, *_given(ends, cuts.shape[2:])]
    for one in given:
        set_labelled_plane(cuts, one.at, one.ids, one.known, one.axis)
    clearance = CLEARANCE if n - 1 <= SHORT_GAP else 0
    fragments = grow_fragments(cuts, [*seeds, *given], blur=blur, clearance=clearance, side=side)
    graph = region_graph(fragments.labels, fragments.count, cuts)
    size = np.bincount(fragments.labels.ravel(), minlength=fragments.count)
    within = _reaching_no_border(fragments.labels, fragments.count, ends)
    cell, margin = agglomerate(graph, len(fragments.ids), size, settings, within)
    labels = regrow_fragments(fragments.labels, cell, cuts, given, reach=regrow, side=side)
    result = _result(labels, fragments.labels, fragments.ids, cell, margin)
    _restore_planes(result, planes)
    _restore(result, ends)
    log.info(
        "gap of %d slices: %d ids, %d fragments, %d edges, %d new cells",
        n, len(fragments.ids), fragments.count, len(graph.first), int(result.new.max(initial=0)),
    )  # fmt: skip
    return result


def cells_of_tiles(
    cuts: NDArray[np.uint8],
    first: GapEnd | None,
    last: GapEnd | None,
    *,
    most_voxels: int,
    overlap: int = OVERLAP,
    seeds: Sequence[Given] = (),
    planes: Sequence[Given] = (),
    **settings: Any,
) -> GapCells:
    """`cells_of_gap` in tiles of a slice where the gap has more than ``most_voxels`` voxels, which bounds its memory.

    Each tile sees ``overlap`` more columns on all sides and gives its inner part. The user's ids are the same in all
    tiles; new cells of two tiles are one where each has most of the other's voxels in what both tiles see. settings:
    of `cells_of_gap`.
    """
    n, *plane = cuts.shape[2:]
    tiles = tiles_of(n, plane, most_voxels, overlap)
    if len(tiles) == 1:
        return cells_of_gap(cuts, first, last, seeds=seeds, planes=planes, **settings)
    labels, confidence, new = (np.zeros(cuts.shape[2:], kind) for kind in (np.uint32, np.uint8, np.uint32))
    doubtful = np.zeros(cuts.shape[2:], bool)
    for inner, wide in tiles:
        ends = [None if end is None else end.within(wide) for end in (first, last)]
        near, drawn = within_place(seeds, wide), within_place(planes, wide)
        part = cells_of_gap(cuts[..., *wide].copy(), *ends, seeds=near, planes=drawn, **settings)
        numbers = _new_numbers(part.new, new[:, *wide], int(new.max(initial=0)))
        here, place = (slice(None), *inner), (slice(None), *place_within(inner, wide))
        labels[here], confidence[here] = part.labels[place], part.confidence[place]
        new[here], doubtful[here] = numbers[part.new[place]], part.doubtful[place]
    return GapCells(labels, confidence, doubtful, new)


def tiles_of(n: int, plane: Sequence[int], most_voxels: int, overlap: int) -> list[tuple[Place, Place]]:
    """The inner and the whole part of each tile (y, x) of n slices; as few tiles as hold ``most_voxels`` voxels each.

    A tile is never narrower than its overlaps.
    """
    counts = [1, 1]

    def sides() -> list[int]:
        return [-(-size // count) for size, count in zip(plane, counts, strict=True)]

    def voxels() -> int:
        return n * math.prod(
            min(size, side + 2 * overlap * (count > 1))
            for size, side, count in zip(plane, sides(), counts, strict=True)
        )

    while voxels() > most_voxels:
        longer = int(np.argmax(sides()))
        if sides()[longer] <= 2 * overlap:
            break
        counts[longer] += 1
    (height, width), (rows, columns) = sides(), plane
    found = []
    for y in range(0, rows, height):
        for x in range(0, columns, width):
            inner = slice(y, min(y + height, rows)), slice(x, min(x + width, columns))
            found.append((inner, widened(inner, plane, overlap)))
    return found


def _new_numbers(new: NDArray[np.uint32], seen: NDArray[np.uint32], last: int) -> NDArray[np.uint32]:
    """The number in the gap of each new cell of a tile (entry 0 is 0), from the numbers ``seen`` where tiles overlap.

    Cells that no other tile has seen are numbered above ``last``.
    """
    count = int(new.max(initial=0)) + 1
    numbers = np.zeros(count, np.uint32)
    both = (new > 0) & (seen > 0)
    known, place = np.unique(seen[both], return_inverse=True)
    if len(known):
        common = np.zeros((count, len(known)), np.int64)
        np.add.at(common, (new[both], place), 1)
        best, backwards = common.argmax(1), common.argmax(0)
        for cell in range(1, count):
            if common[cell, best[cell]] > 0 and backwards[best[cell]] == cell:
                numbers[cell] = known[best[cell]]
    rest = np.flatnonzero(numbers[1:] == 0) + 1
    numbers[rest] = last + 1 + np.arange(len(rest))
    return numbers


def _given(ends: Sequence[GapEnd | None], shape: tuple[int, ...]) -> list[Given]:
    """What the ends tell, as seeds: the user's ids, and elsewhere what came from beyond the gap."""
    if all(end is None for end in ends):
        raise ValueError("a gap needs labels on its first or its last slice")
    given = []
    for z, end in zip((0, shape[0] - 1), ends, strict=True):
        if end is None:
            continue
        if end.ids.shape != shape[1:]:
            raise ValueError(f"labels {end.ids.shape} do not match slices {shape[1:]}")
        ids, _, reached = end.proposal()
        given.append(Given(z, ids, None if end.known is None else reached))
    if len(given) == 2 and shape[0] < 2:
        raise ValueError("first and last labels need a gap of at least two slices")
    return given


def _reaching_no_border(
    fragments: NDArray[np.int32], count: int, ends: Sequence[GapEnd | None]
) -> NDArray[np.bool_]:
    """Whether each fragment (Z, Y, X) touches none of the sides, nor an end of the gap that is not labelled.

    What reaches the side of a tile may go on there, like what reaches the side of the volume.
    """
    sides = [fragments[:, 0], fragments[:, -1], fragments[:, :, 0], fragments[:, :, -1]]
    for end, plane in zip(ends, (fragments[0], fragments[-1]), strict=True):
        if end is None:
            sides.append(plane)
        elif end.known is not None:
            sides.append(plane[~end.known])
    within = np.ones(count, bool)
    for side in sides:
        within[side] = False
    return within


def _result(
    fragments: NDArray[np.int32],
    before: NDArray[np.int32],
    ids: NDArray[Any],
    cell: NDArray[np.int64],
    margin: NDArray[np.float64],
) -> GapCells:
    """Cells and margins of fragments as arrays of voxels.

    before: the fragments before their outlines moved; a voxel that changed its fragment is as doubtful as either.
    """
    named = cell < len(ids)
    id_of = np.zeros(len(cell), np.uint32)
    id_of[named] = ids.astype(np.uint32)[cell[named]]
    new_of = np.where(named | (cell < 0), 0, cell - len(ids) + 1).astype(np.uint32)
    sure = chance_of_right(margin)
    sure[cell < 0] = 0
    doubtful = named & (margin < DOUBTFUL)
    confidence = np.rint(255 * sure).astype(np.uint8)
    least = np.minimum(confidence[fragments], confidence[before])
    return GapCells(id_of[fragments], least, doubtful[fragments] | doubtful[before], new_of[fragments])


def chance_of_right(margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance that a fragment got the right cell, 0..1, from its margin."""
    return np.interp(np.nan_to_num(margin, nan=0.0, posinf=1.0), MARGINS, CHANCES)


def _restore_planes(result: GapCells, planes: Sequence[Given]) -> None:
    """What the user drew across the slices is final."""
    for plane in planes:
        here = np.ones(plane.ids.shape, bool) if plane.known is None else plane.known
        plane.seen_in(result.labels)[here] = plane.ids[here]
        plane.seen_in(result.confidence)[here] = 255
        plane.seen_in(result.new)[here] = 0
        plane.seen_in(result.doubtful)[here] = False


def _restore(result: GapCells, ends: Sequence[GapEnd | None]) -> None:
    """What the user drew is final."""
    for z, end in zip((0, len(result.labels) - 1), ends, strict=True):
        if end is None:
            continue
        here = np.ones(end.ids.shape, bool) if end.known is None else end.known
        result.labels[z][here] = end.ids[here]
        result.confidence[z][here] = 255
        result.new[z][here] = 0
        result.doubtful[z] = False
        if end.known is not None:
            _, certain, reached = end.proposal()
            beyond = reached & ~end.known
            result.confidence[z][beyond] = np.minimum(certain, result.confidence[z])[beyond]
