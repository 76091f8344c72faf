"""The labelled slices at the ends of a gap, where only a part of such a slice may be labelled, and planes across it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.scale import downsample_ids, downsample_known
from ultraseg.cells.fragments import Given, Place, within_place
from ultraseg.grid.gaps import Gap
from ultraseg.grid.planes import AXES, plane_rows
from ultraseg.storage.label_slices import LabelSlices


class GapEnd(NamedTuple):
    """User's ids of a slice (Y, X) at the scale of the cells, and where they are known (None: everywhere).

    Elsewhere ids may have come from beyond the gap: ``carried`` with their ``confidence`` (uint8, 0 = nothing came).
    """

    ids: NDArray[Any]
    known: NDArray[np.bool_] | None = None
    carried: NDArray[Any] | None = None
    confidence: NDArray[np.uint8] | None = None

    def within(self, place: tuple[slice, slice]) -> GapEnd:
        """A part (y, x) of the slice."""
        known = None if self.known is None else self.known[place]
        carried = None if self.carried is None else self.carried[place]
        confidence = None if self.confidence is None else self.confidence[place]
        return GapEnd(self.ids[place], known, carried, confidence)

    def proposal(self) -> tuple[NDArray[Any], NDArray[np.uint8], NDArray[np.bool_]]:
        """Ids, confidence (255 where the user labelled) and where anything is known at all; all (Y, X)."""
        if self.known is None:
            return self.ids, np.full(self.ids.shape, 255, np.uint8), np.ones(self.ids.shape, bool)
        carried, confidence = self.carried, self.confidence
        if carried is None or confidence is None:
            carried, confidence = np.zeros_like(self.ids), np.zeros(self.ids.shape, np.uint8)
        ids = np.where(self.known, self.ids, carried)
        certain = np.where(self.known, 255, confidence).astype(np.uint8)
        return ids, certain, self.known | (certain > 0)


def as_end(end: NDArray[Any] | GapEnd | None) -> GapEnd | None:
    """The end of a gap from plain ids (Y, X), which are then known everywhere; an end passes as it is."""
    return GapEnd(end) if isinstance(end, np.ndarray) else end


def read_end(given: LabelSlices, z: int, downsample: int, carried_file: str | None = None) -> GapEnd:
    """The end of a gap from the user's labels of slice z and from what the neighbouring gap carried there.

    A pixel counts as known at the scale of the cells where all its pixels at full size are.
    """
    ids, known = downsample_ids(given.read(z), downsample), given.known(z)
    if known is None:
        return GapEnd(ids)
    known = downsample_known(known, downsample)
    if carried_file is None:
        return GapEnd(ids, known)
    with LabelSlices(carried_file) as carried:
        return GapEnd(ids, known, carried.read(z, "labels"), carried.read(z, "confidence"))


def known_slices(ends: Sequence[GapEnd | None], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Where the user labelled the slices of a gap of ``shape`` (n, Y, X), from its first and last end; uint8 0/1."""
    known = np.zeros(shape, np.uint8)
    for z, end in zip((0, shape[0] - 1), ends, strict=True):
        if end is not None:
            known[z] = 1 if end.known is None else end.known
    return known


def read_ends(
    labels: str,
    gap: Gap,
    downsample: int,
    direction: str = "",
    up: Sequence[str] = (),
    down: Sequence[str] = (),
) -> list[GapEnd | None]:
    """The first and the last labelled slice of a gap, None at an open end.

    labels: file of the checked labels; direction: "up" leaves out the last end, "down" the first one; up, down: files
    with what neighbouring gaps carried to the first and to the last slice, at most one each.
    """
    wanted = (
        (gap.first, gap.first_given and direction != "down", up),
        (gap.last, gap.last_given and gap.last > gap.first and direction != "up", down),
    )
    with LabelSlices(labels) as given:
        return [
            read_end(given, z, downsample, next(iter(files), None)) if is_given else None
            for z, is_given, files in wanted
        ]


def read_planes(
    files: Sequence[str],
    planes: Sequence[str],
    zs: Sequence[int],
    *,
    n_slices: int,
    step: int,
    downsample: int,
    hidden: Sequence[int] = (),
    place: Place | None = None,
) -> list[Given]:
    """The user's ids on planes across the slices ``zs`` of a gap, at the scale of the cells.

    files: of the checked labels of each kind of ``planes``, xz and yz, of which one plane is read at a time. n_slices,
    step, downsample: as of `plane_rows`. Nothing is known on the slices ``hidden``. place: the rows and columns that
    are meant; None for all.
    """
    found, rows = [], plane_rows(zs, n_slices, step, downsample)
    for file, plane in zip(files, planes, strict=True):
        with LabelSlices(file) as given:
            for at in given.zs:
                ids, known = given.read(at), given.known(at)
                known = np.ones(ids.shape, bool) if known is None else known
                known[list(hidden)] = False
                seen = downsample_known(known[rows], downsample)
                if seen.any():
                    small = downsample_ids(np.ascontiguousarray(ids[rows]), downsample)
                    found.append(Given(at // downsample, small, seen, AXES[plane]))
    return found if place is None else within_place(found, place)
