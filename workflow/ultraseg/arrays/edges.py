"""Outlines of labels."""

from __future__ import annotations

import cv2
import numpy as np


def label_edges(labels: np.ndarray) -> np.ndarray:
    """Pixels with a pixel of another label among their 4 neighbours; integers (Y, X) to bool (Y, X)."""
    edges = np.zeros(labels.shape, bool)
    for a, b in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        differ = labels[a] != labels[b]
        edges[a] |= differ
        edges[b] |= differ
    return edges


def edge_distance(labels: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the nearest label edge, 1 on the edge itself; float32 (Y, X)."""
    away = cv2.distanceTransform((~label_edges(labels)).astype(np.uint8), cv2.DIST_L2, 5)
    return np.minimum(away + 1, np.float32(sum(labels.shape)))  # without any edge OpenCV answers 1e38
