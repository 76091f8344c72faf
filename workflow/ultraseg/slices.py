"""Stacks of slices as the steps need them: at a network's scale, with neighbours, or from propagated gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ultraseg.labelstore import LabelSlices
from ultraseg.slabs import Gap
from ultraseg.splits import context_slices
from ultraseg.store import read_image
from ultraseg.tiles import downsample_image


def image_stack(path: str, start: int, stop: int, downsample: int) -> np.ndarray:
    """Slices start <= z < stop of the image array at ``path``, averaged over blocks; uint8 (n, Y', X').

    One slice is read at a time: only the small ones stay in memory.
    """
    return np.stack([downsample_image(read_image(path, z, z + 1)[0], downsample) for z in range(start, stop)])


def context_stack(
    path: str, start: int, stop: int, n_slices: int, z_context: int, downsample: int
) -> np.ndarray:
    """The same with ``z_context`` neighbours at each end, the end slices of the volume repeated beyond it."""
    low, high = max(start - z_context, 0), min(stop + z_context, n_slices)
    stack = image_stack(path, low, high, downsample)
    first = context_slices(start, z_context, n_slices)[: z_context + 1]
    last = context_slices(stop - 1, z_context, n_slices)[z_context + 1 :]
    return stack[[z - low for z in (*first, *range(start + 1, stop), *last)]]


def propagated_slices(
    folder: str, gaps: Sequence[dict], start: int, stop: int, shape: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """Labels, confidence and whether the user labelled the slice, for start <= z < stop.

    ``gaps`` as ``vars`` of ``slabs.Gap``, all of the volume; their files lie in ``folder``. A volume without cell
    labels has no gaps: its labels are zero everywhere.
    """
    given = {g["first"] for g in gaps if g["first_given"]} | {g["last"] for g in gaps if g["last_given"]}
    for z in range(start, stop):
        gap = next((g for g in gaps if g["first"] <= z <= g["last"]), None)
        if gap is None:
            yield np.zeros(shape, np.uint32), np.zeros(shape, np.uint8), False
            continue
        with LabelSlices(f"{folder}/{Gap(**gap).name}.h5") as slices:
            yield slices.read(z, "labels"), slices.read(z, "confidence"), z in given
