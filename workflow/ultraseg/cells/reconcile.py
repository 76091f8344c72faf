"""Carried ids reconciled with the maps of a slice."""

from __future__ import annotations

from typing import Any

import cc3d
import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.edges import edge_distance

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def foreground(
    interior: NDArray[np.uint8], boundary: NDArray[np.uint8], *, threshold: float = 0.5
) -> NDArray[np.bool_]:
    """Where the maps see a cell or a membrane rather than background; uint8 (Y, X) each, bool (Y, X)."""
    return interior.astype(np.uint16) + boundary >= threshold * 255


def reconcile(
    carried: NDArray[np.int32],
    boundary: NDArray[np.uint8],
    *,
    core_distance: float = 2.0,
    core_fraction: float = 0.5,
    edge_weight: float = 20.0,
) -> NDArray[np.int32]:
    """Move the borders of carried labels onto the membranes of the slice they were carried to.

    The core of every connected piece is kept and flooded by watershed over boundary map minus `edge_weight`
    grey values per pixel of distance to the carried border. So a border without a membrane stays
    where it is. carried: int32 (Y, X), 0 = background, a label like any other; boundary: uint8 (Y, X).
    core_distance: pixels by which a border may move; core_fraction: of a piece's half thickness, which is
    less in thin pieces, so that these keep a core. Returns int32 (Y, X).
    """
    from scipy import ndimage  # jobs that only ask for the foreground do not wait for it
    from skimage.segmentation import watershed

    distance = edge_distance(carried)
    pieces = cc3d.connected_components(carried.astype(np.uint32) + 1, connectivity=4)
    thickest = ndimage.maximum(distance, pieces, np.arange(int(pieces.max()) + 1)).astype(np.float32)
    core = distance >= np.minimum(core_distance + 1, core_fraction * thickest)[pieces]
    cost = np.clip(boundary - edge_weight * (distance - 1), 0, 255).astype(np.uint8)
    # A core's pixels that touch no others than core pixels take no part: this makes flooding half again as fast.
    deep = cv2.erode(core.astype(np.uint8), CROSS) > 0
    return np.where(deep, carried, watershed(cost, np.where(core, carried + 1, 0), mask=~deep) - 1)


def readable(
    image: NDArray[Any], seen: NDArray[np.bool_], carried: NDArray[Any], *, max_loss: float = 0.5
) -> bool:
    """Whether a slice can be reconciled with: neither blank, nor void where most carried cells lie."""
    if image.min() == image.max():
        return False
    cells = carried > 0
    return bool(np.count_nonzero(cells & ~seen) <= max_loss * np.count_nonzero(cells))
