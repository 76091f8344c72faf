"""Stacks of slices as the steps need them: at a network's scale, with neighbours, or from propagated gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ultraseg.arrays.scale import downsample_image
from ultraseg.grid.gaps import Gap
from ultraseg.storage.arrays import read_image_slice
from ultraseg.storage.label_slices import LabelSlices


def image_stack(path: str, zs: Sequence[int], downsample: int) -> np.ndarray:
    """The slices ``zs`` of the image array at ``path``, averaged over blocks; uint8 (len(zs), Y', X').

    One slice is read at a time, and a repeated one only once: only the small ones stay in memory.
    """
    small = {z: downsample_image(read_image_slice(path, z), downsample) for z in dict.fromkeys(zs)}
    return np.stack([small[z] for z in zs])


def image_slices(path: str, zs: Sequence[int], downsample: int) -> Iterator[np.ndarray]:
    """The same slices one after another, each uint8 (Y', X'); one that follows itself is read once."""
    last = small = None
    for z in zs:
        if z != last:
            last, small = z, downsample_image(read_image_slice(path, z), downsample)
        yield small


def propagated_slices(
    folder: str, gaps: Sequence[dict], zs: Iterable[int], shape: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, bool | np.ndarray]]:
    """Labels, confidence and whether (or where, bool (Y, X)) the user labelled the slice, for each of ``zs``.

    ``gaps`` as ``vars`` of ``slabs.Gap``, all that hold any of these slices; their files lie in ``folder``. A volume
    without cell labels has no gaps: its labels are zero everywhere.
    """
    given = {g["first"] for g in gaps if g["first_given"]} | {g["last"] for g in gaps if g["last_given"]}
    for z in zs:
        gap = next((g for g in gaps if g["first"] <= z <= g["last"]), None)
        if gap is None:
            yield np.zeros(shape, np.uint32), np.zeros(shape, np.uint8), False
            continue
        with LabelSlices(f"{folder}/{Gap(**gap).name}.h5") as slices:
            labelled = z in given
            if labelled and "known" in slices.file:
                labelled = slices.read(z, "known") > 0
            yield slices.read(z, "labels"), slices.read(z, "confidence"), labelled
