"""Carried ids reconciled with the maps of a slice."""

from __future__ import annotations

import cc3d
import cv2
import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from ultraseg.arrays.edges import edge_distance

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def foreground(interior: np.ndarray, boundary: np.ndarray, *, threshold: float = 0.5) -> np.ndarray:
    """Where the maps see a cell or a membrane rather than background; uint8 (Y, X) each, bool (Y, X)."""
    return interior.astype(np.uint16) + boundary >= threshold * 255


def reconcile(
    carried: np.ndarray,
    boundary: np.ndarray,
    *,
    core_distance: float = 2.0,
    core_fraction: float = 0.5,
    edge_weight: float = 20.0,
) -> np.ndarray:
    """Move the borders of carried labels onto the membranes of the slice they were carried to.

    The core of every connected piece is kept and flooded by watershed over boundary map minus `edge_weight`
    grey values per pixel of distance to the carried border, so that borders without a membrane stay where
    they are. carried: int32 (Y, X), 0 = background, a label like any other; boundary: uint8 (Y, X).
    core_distance: pixels by which a border may move; core_fraction: of a piece's half thickness, which is
    less in thin pieces, so that these keep a core. Returns int32 (Y, X).
    """
    distance = edge_distance(carried)
    pieces = cc3d.connected_components(carried.astype(np.uint32) + 1, connectivity=4)
    thickest = ndimage.maximum(distance, pieces, np.arange(int(pieces.max()) + 1)).astype(np.float32)
    core = distance >= np.minimum(core_distance + 1, core_fraction * thickest)[pieces]
    cost = np.clip(boundary - edge_weight * (distance - 1), 0, 255).astype(np.uint8)
    # Pixels of the core that only touch others of the core take no part; without them flooding is half again as fast.
    deep = cv2.erode(core.astype(np.uint8), CROSS) > 0
    return np.where(deep, carried, watershed(cost, np.where(core, carried + 1, 0), mask=~deep) - 1)


def readable(image: np.ndarray, seen: np.ndarray, carried: np.ndarray, *, max_loss: float = 0.5) -> bool:
    """Whether a slice can be reconciled with: neither blank, nor void where most carried cells lie."""
    if image.min() == image.max():
        return False
    cells = carried > 0
    return bool(np.count_nonzero(cells & ~seen) <= max_loss * np.count_nonzero(cells))
