"""A labelled slice that is left out to compare methods: the part of it they work on, and what they make of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.edges import label_edges
from ultraseg.cells.fragments import Place
from ultraseg.cells.gap_ends import GapEnd, read_end
from ultraseg.storage.label_slices import LabelSlices

log = logging.getLogger(__name__)

STEPS = 8  # a window moves by this share of its side


def read_left_out(labels: str, z: int, downsample: int, most_pixels: int) -> tuple[Place, GapEnd]:
    """The part of a labelled slice that shows most of its cells (`busiest_place`), and the labels of this part.

    labels: file of the checked labels; downsample: of the network of the cells, at whose scale all of this is.
    """
    with LabelSlices(labels) as given:
        whole = read_end(given, z, downsample)
    place = busiest_place(whole.ids, whole.known, most_pixels)
    y, x = place
    log.info("slice %d, rows %d to %d, columns %d to %d", z, y.start, y.stop - 1, x.start, x.stop - 1)
    return place, whole.within(place)


def busiest_place(ids: NDArray[Any], known: NDArray[np.bool_] | None, most_pixels: int) -> Place:
    """The rows and columns, of at most ``most_pixels`` pixels, in which most outlines of cells lie.

    ids: (Y, X), 0 = no cell; known: where they are labelled, None for everywhere. A window is a square where the slice
    is large enough. All of the slice where it has no more pixels; the first of equal places.
    """
    rows, columns = ids.shape
    height = min(rows, max(1, int(most_pixels**0.5)))
    width = min(columns, max(1, most_pixels // height))
    height = min(rows, max(1, most_pixels // width))
    outlines = label_edges(ids)
    if known is not None:
        outlines &= known
    sums = np.pad(outlines.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    corners = [*product(_starts(rows, height), _starts(columns, width))]
    inside = [
        sums[y + height, x + width] - sums[y, x + width] - sums[y + height, x] + sums[y, x]
        for y, x in corners
    ]
    y, x = corners[int(np.argmax(inside))]
    return slice(y, y + height), slice(x, x + width)


def _starts(size: int, side: int) -> list[int]:
    return sorted({*range(0, size - side + 1, max(1, side // STEPS)), size - side})


def tried_slice(
    slices: Iterable[tuple[int, dict[str, Any]]], z: int, left_out: GapEnd
) -> list[tuple[int, dict[str, Any]]]:
    """What is written of a slice that was left out: its labels, beside those that the user drew, where these are known.

    slices: of its gap; left_out: the user's labels of the same part of the slice.
    """
    _, _, known = left_out.proposal()
    drawn = {"drawn": left_out.ids, "known": known.astype(np.uint8)}
    return [(at, {"labels": arrays["labels"]} | drawn) for at, arrays in slices if at == z]
