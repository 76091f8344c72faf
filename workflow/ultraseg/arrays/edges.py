"""Edges of labels in a slice."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def label_edges(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """The pixels that have another label among their 4 neighbours: labels (Y, X) to bool (Y, X)."""
    edges = np.zeros(labels.shape, bool)
    for a, b in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        differ = labels[a] != labels[b]
        edges[a] |= differ
        edges[b] |= differ
    return edges


def edge_distance(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Distance in pixels of every pixel to the nearest edge of a label, 1 on the edge itself; (Y, X).

    Without any edge all pixels have Y + X.
    """
    away = cv2.distanceTransform((~label_edges(labels)).astype(np.uint8), cv2.DIST_L2, 5)
    return np.minimum(away + 1, np.float32(sum(labels.shape)))  # OpenCV says 1e38 without an edge
