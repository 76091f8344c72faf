"""Cells that move through a gap, with perfect maps."""

import numpy as np
from scipy import ndimage
from ultraseg.arrays.edges import label_edges

SHAPE = (96, 112)


YX = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)


def ellipse(y, x, a, b, angle=0.0):
    u, v = YX[0] - y, YX[1] - x
    s, c = np.sin(angle), np.cos(angle)
    return ((u * c + v * s) / a) ** 2 + ((v * c - u * s) / b) ** 2 <= 1


def maps(truth):
    """Perfect interior and boundary maps, and an image with dark membranes over texture that stands still."""
    edges = np.stack([label_edges(t) for t in truth])
    boundary = np.where(edges, 255, 0).astype(np.uint8)
    interior = np.where((truth > 0) & ~edges, 255, 0).astype(np.uint8)
    image = 150 + 30 * (truth % 3) - 100.0 * edges
    image = ndimage.gaussian_filter(image, (0, 1, 1)) + np.random.default_rng(0).normal(0, 2, truth.shape)
    return np.clip(image, 0, 255).astype(np.uint8), interior, boundary


def dice(a, b, ids=None):
    ids = np.unique(b[b > 0]) if ids is None else ids
    return min(2 * ((a == i) & (b == i)).sum() / ((a == i).sum() + (b == i).sum()) for i in ids)
