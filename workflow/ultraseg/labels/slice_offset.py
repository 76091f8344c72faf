"""Do labels lie on the slice that they were drawn on? How well they fit its image and that of its neighbours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.edges import label_edges

log = logging.getLogger(__name__)

REACH = 6  # pixels from a label's edge that are looked at
WINDOW = 2048  # side of the part of a slice that is looked at, around its middle
# Measured on FIB-SEM, serial sections and the phantom (docs/results/cells.md): labels on their own slice never lose to
# a neighbour by these limits; those off by one lose by 7 % of the score or more, and by 3.7 standard errors or more,
# unless structures are few or blurred.
SHARE, GAIN, T = 0.8, 0.05, 3.0
COLUMNS = ("z", "before", "own", "after")
Fits = Mapping[str, NDArray[Any]]  # the columns of the table, by name


def edge_fit(image: NDArray[Any], labels: NDArray[Any], known: NDArray[Any] | None = None) -> float:
    """Share of the variance of the grey values near label edges that the place relative to the edge explains, 0..1.

    image: uint8, labels: integers, known: bool or None; all (Y, X). The place is the distance to the nearest edge, on
    the inside or on the outside (0) of the structure; it does not matter whether edges are dark or bright. NaN without
    any edge.
    """
    edges = label_edges(labels)
    if known is not None:
        edges &= cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if not edges.any():
        return float("nan")
    distance = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, 5)
    near = distance <= REACH
    if known is not None:
        near &= known
    place = np.rint(distance[near]).astype(np.int64) + (REACH + 1) * (labels[near] > 0)
    grey = cv2.GaussianBlur(image, (0, 0), 1).astype(np.float64)[near]
    count, total = np.bincount(place), np.bincount(place, grey)
    between = (total[count > 0] ** 2 / count[count > 0]).sum() - grey.sum() ** 2 / grey.size
    whole = ((grey - grey.mean()) ** 2).sum()
    return float(between / whole) if whole > 0 else 0.0


def fit_table(
    slices: Iterable[tuple[int, NDArray[Any], NDArray[Any] | None]],
    read_image: Callable[[int], NDArray[Any]],
    n_slices: int,
) -> dict[str, NDArray[Any]]:
    """Fit of each label slice (z, labels, known) to its own image and to both neighbours, as columns: ``COLUMNS``.

    ``read_image(z)`` gives the image (Y, X) as uint8. NaN beyond the ends of the stack. The middle of slices counts.
    """
    rows = []
    for z, labels, known in slices:
        cut = tuple(
            slice(max(0, (n - WINDOW) // 2), max(0, (n - WINDOW) // 2) + WINDOW) for n in labels.shape
        )
        labels, known = labels[cut], None if known is None else known[cut]
        if not label_edges(labels).any():
            continue
        row: dict[str, float] = {"z": z}
        for name, other in (("before", z - 1), ("own", z), ("after", z + 1)):
            inside = 0 <= other < n_slices
            row[name] = edge_fit(read_image(other)[cut], labels, known) if inside else float("nan")
        rows.append(row)
    types = {"z": np.int64} | dict.fromkeys(COLUMNS[1:], np.float64)
    return {name: np.array([row[name] for row in rows], kind) for name, kind in types.items()}


def mean_fits(table: Fits) -> dict[str, float]:
    """The mean of each fit over the slices that have it; NaN where none has."""
    known = {name: table[name][~np.isnan(table[name])] for name in COLUMNS[1:]}
    return {name: float(values.mean()) if len(values) else float("nan") for name, values in known.items()}


def _both(table: Fits, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The fits to a neighbour and to the own slice, of the slices that have both."""
    known = ~(np.isnan(table[name]) | np.isnan(table["own"]))
    return table[name][known], table["own"][known]


def offset_of(table: Fits) -> int:
    """By how many slices all labels seem off: -1 or 1 where the slice before or after fits clearly better, else 0.

    Clearly: on at least 80 % of three or more slices, by 5 % of the score on average, and by three standard errors.
    """
    for step, name in ((-1, "before"), (1, "after")):
        other, own = _both(table, name)
        gain = other - own
        if len(gain) < 3 or (gain > 0).mean() < SHARE or gain.mean() < GAIN * own.mean():
            continue
        if gain.mean() >= T * max(gain.std(ddof=1) / np.sqrt(len(gain)), 1e-9):
            return step
    return 0


def offset_warning(structure: str, where: str, table: Fits, first_slice_number: int) -> str | None:
    """What to tell the user of labels that seem to be off by one, with both scores and the cure; None where they fit.

    ``where``: the key of the labels in the configuration, 'volumes.a.labels.cells'.
    """
    step = offset_of(table)
    if not step:
        return None
    name = {-1: "before", 1: "after"}[step]
    other, own = _both(table, name)
    wanted = first_slice_number - step
    cure = f"set {where}.first_slice_number: {wanted} (it is {first_slice_number} now)"
    if wanted < 0:
        cure = f"raise the number in the name of each file of {where} by 1"
    return (
        f"{structure}: the labels seem to be off by one slice. On {len(own)} labelled slices they fit the image of "
        f"the slice {name} better than their own: score {other.mean():.3f} against {own.mean():.3f} "
        f"(share of the variance of the grey values near label edges that the labels explain). If so, {cure}; in a "
        "multi-page TIFF give the slice of each page with 'slices'. Look at an overlay first."
    )
