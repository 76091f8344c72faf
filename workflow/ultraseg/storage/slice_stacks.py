"""Stacks of slices as the steps need them: images at a network's scale, and labels from propagated gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.scale import downsample_image
from ultraseg.grid.gaps import Gap
from ultraseg.storage.arrays import read_image_slice
from ultraseg.storage.label_slices import LabelSlices


class Propagated(NamedTuple):
    """Labels and confidence (Y, X) of a slice, and whether or where (bool (Y, X)) the user labelled it.

    new: cells without an id, numbers (Y, X), 0 elsewhere; None where the method finds none. gap: the first slice of the
    gap within which these numbers hold.
    """

    labels: NDArray[np.uint32]
    confidence: NDArray[np.uint8]
    given: bool | NDArray[np.bool_]
    new: NDArray[np.uint32] | None = None
    gap: int = 0


def image_stack(
    path: str, zs: Sequence[int], downsample: int, place: tuple[slice, slice] | None = None
) -> NDArray[np.uint8]:
    """The slices ``zs`` of the image array at ``path``, averaged over blocks of pixels: (len(zs), Y', X').

    place: the rows and columns of the result that are read; None for all. One slice is in memory at full size at a
    time. A slice that repeats in ``zs`` is read once.
    """
    box = tuple(slice(s.start * downsample, s.stop * downsample) for s in place or ())
    small = {z: downsample_image(read_image_slice(path, z, box), downsample) for z in dict.fromkeys(zs)}
    return np.stack([small[z] for z in zs])


def image_slices(path: str, zs: Sequence[int], downsample: int) -> Iterator[NDArray[np.uint8]]:
    """The slices of ``image_stack`` one after another, each (Y', X'). A slice that follows itself is read once."""
    for z, times in groupby(zs):
        small = downsample_image(read_image_slice(path, z), downsample)
        for _ in times:
            yield small


def propagated_slices(
    folder: str, gaps: Sequence[Gap], zs: Iterable[int], shape: tuple[int, int]
) -> Iterator[Propagated]:
    """What was carried to each slice of ``zs``.

    folder: holds the files of the gaps; gaps: all that hold any of the slices; shape: (Y, X).
    A volume without labelled cells has no gaps: its labels are zero everywhere.
    """
    given = {gap.first for gap in gaps if gap.first_given} | {gap.last for gap in gaps if gap.last_given}
    for z in zs:
        holding = next((gap for gap in gaps if gap.first <= z <= gap.last), None)
        if holding is None:
            yield Propagated(np.zeros(shape, np.uint32), np.zeros(shape, np.uint8), False)
            continue
        with LabelSlices(f"{folder}/{holding.name}.h5") as slices:
            labelled: bool | NDArray[np.bool_] = z in given
            if labelled and slices.has("known"):
                labelled = slices.read(z, "known") > 0
            new = slices.read(z, "new") if slices.has("new") else None
            yield Propagated(
                slices.read(z, "labels"), slices.read(z, "confidence"), labelled, new, holding.first
            )
