"""What a gap's job writes: ids on every slice of the gap, bad slices included, by either method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.agglomerate import AgglomerationSettings
from ultraseg.cells.evidence import Evidence, carried_seeds
from ultraseg.cells.fragments import Given
from ultraseg.cells.gap_cells import cells_of_tiles
from ultraseg.cells.gap_ends import GapEnd, known_slices
from ultraseg.cells.propagate import propagate_gap
from ultraseg.cells.trust import fill_bad
from ultraseg.grid.cut_maps import nearest

Slices = Iterator[tuple[int, dict[str, Any]]]


def carried_slices(
    evidence: Evidence,
    ends: Sequence[GapEnd | None],
    stand_ins: Sequence[int],
    *,
    first: int,
    direction: str = "",
    partial: bool = False,
    planes: Sequence[Given] = (),
    **settings: Any,
) -> Slices:
    """Slice number and arrays of each slice of a gap: labels, confidence, differ, and known where labels are partial.

    evidence: of the good slices of the gap; ends: the labelled slices of the gap; stand_ins: for each slice from
    ``first`` on the good slice whose ids it shows; direction: "up" or "down" for the one slice that the ids arrive at;
    planes, settings: of `propagate_gap`.
    """
    # Only good slices are walked over; the others show the labels of the nearest one.
    walk, image, flow, interior, boundary = evidence
    count = np.zeros(len(walk), np.int64)
    labels, confidence = propagate_gap(
        image, flow, interior, boundary, *ends, zs=walk, differ=count, planes=planes, **settings
    )
    labels, confidence = fill_bad(labels, confidence, walk, first, stand_ins)
    differ = np.zeros(len(labels), np.int64)
    differ[np.array(walk) - first] = count
    arrays: dict[str, NDArray[Any]] = {"labels": labels, "confidence": confidence, "differ": differ}
    return _each(arrays, ends, first, direction, partial)


def seeds_near(
    read: Callable[[Sequence[int]], Evidence],
    near: Sequence[Sequence[int]],
    ends: Sequence[GapEnd | None],
    steps: Sequence[int],
    min_confidence: float,
    **settings: Any,
) -> list[Given]:
    """Seeds that optical flow brings from both ends of a gap to the steps near them (`carried_seeds`).

    near: the slices near the first end and those near the last one; the end alone where nothing is carried. read: gives
    the evidence of slices, and is called for an end only that has labels to carry.
    """
    found: list[Given] = []
    for zs, end, upwards in zip(near, ends, (True, False), strict=True):
        if end is not None and len(zs) > 1:
            found += carried_seeds(
                read(zs), end, steps, upwards=upwards, min_confidence=min_confidence, **settings
            )
    return found


def volume_slices(
    cuts: NDArray[np.uint8],
    ends: Sequence[GapEnd | None],
    steps: Sequence[int],
    stand_ins: Sequence[int],
    *,
    first: int,
    direction: str = "",
    partial: bool = False,
    blur: float = 1.0,
    regrow: int = 2,
    max_voxels: int = 100_000_000,
    seeds: Sequence[Given] = (),
    planes: Sequence[Given] = (),
    **settings: Any,
) -> Slices:
    """As `carried_slices`, in three dimensions at once (`cells_of_tiles`), with the array new of cells without an id.

    cuts: uint8 (3, offsets, n, Y, X) of the n slices ``steps``, in which the stand-ins of bad slices were seen; every
    slice shows the nearest of the steps, less than a pixel's length away. max_voxels: of one tile. blur, regrow, seeds,
    planes: of `cells_of_gap`; settings: of `AgglomerationSettings`.
    """
    found = cells_of_tiles(
        cuts, *ends, most_voxels=max_voxels, blur=blur, regrow=regrow, seeds=seeds, planes=planes,
        settings=AgglomerationSettings(**settings),
    )  # fmt: skip
    shown = nearest(steps, stand_ins)
    arrays = {name: getattr(found, name)[shown] for name in ("labels", "confidence", "differ", "new")}
    bad = np.array(stand_ins) != first + np.arange(len(stand_ins))
    arrays["confidence"][bad], arrays["differ"][bad] = 0, 0
    return _each(arrays, ends, first, direction, partial)


def _each(
    arrays: dict[str, NDArray[Any]],
    ends: Sequence[GapEnd | None],
    first: int,
    direction: str,
    partial: bool,
) -> Slices:
    """The arrays of a gap slice by slice."""
    labels = arrays["labels"]
    if partial:
        arrays = arrays | {"known": known_slices(ends, labels.shape)}
    # Of ids for the next gap only what arrives at the far end is asked for.
    wanted = {"": range(len(labels)), "up": [len(labels) - 1], "down": [0]}[direction]
    for i in wanted:
        yield first + i, {name: values[i] for name, values in arrays.items()}
