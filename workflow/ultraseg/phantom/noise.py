"""Smooth random fields that are evaluated anywhere in a volume without being stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.ndimage import map_coordinates

PAD = 8  # lattice nodes beyond each face: drift and cells that stick out of the volume stay on the lattice
SPLINE_STD = 0.479**1.5  # standard deviation of a 3D cubic B-spline sum of unit normals, mean over positions


class LatticeNoise:
    """Random field of mean 0 and standard deviation about 1: cubic B-spline over a lattice of normals.

    ``spacing``: voxels between lattice nodes, one number or (z, y, x). Lattice planes are drawn when they are
    needed, each from its own seed, so the value at a point does not depend on what was asked for before.
    """

    def __init__(self, shape: Sequence[int], spacing: float | Sequence[float], seed: Sequence[int]):
        self.spacing = tuple(float(s) for s in np.broadcast_to(spacing, 3))
        self.nodes = tuple(math.ceil(n / s) + 2 * PAD for n, s in zip(shape, self.spacing, strict=True))
        self._seed = [int(s) for s in seed]
        self._plane = lru_cache(maxsize=6)(self._draw_plane)

    def on_slice(self, z: float, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Values at the grid of coordinates ``y`` (Y,) and ``x`` (X,) of plane ``z``: float32 (Y, X)."""
        first, weights = _spline_weights(np.array([z]), self.spacing[0])
        index = np.clip(first[0] + np.arange(4), 0, self.nodes[0] - 1)
        nodes = sum(w * self._plane(int(k)) for k, w in zip(index, weights[0], strict=True))
        rows = _spline_matrix(y, self.spacing[1], self.nodes[1]) @ nodes
        columns = _spline_matrix(x, self.spacing[2], self.nodes[2]) @ np.ascontiguousarray(rows.T)
        return np.ascontiguousarray(columns.T) / np.float32(SPLINE_STD)

    def at_points(self, points: np.ndarray) -> np.ndarray:
        """Values at ``points`` (..., 3); keeps the whole lattice in memory, so for wide spacings only."""
        if not hasattr(self, "_lattice"):
            self._lattice = np.stack([self._draw_plane(k) for k in range(self.nodes[0])])
        index = np.moveaxis(points / np.array(self.spacing) + PAD, -1, 0)
        value = map_coordinates(self._lattice, index, order=3, prefilter=False, mode="nearest")
        return value / np.float32(SPLINE_STD)

    def _draw_plane(self, k: int) -> np.ndarray:
        return np.random.default_rng([*self._seed, k]).standard_normal(self.nodes[1:], np.float32)


def _spline_weights(position: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """First of the four lattice nodes around each position (n,), and their cubic B-spline weights (n, 4)."""
    u = np.asarray(position, np.float64) / spacing + PAD
    base = np.floor(u)
    t = u - base
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=-1
    )
    return base.astype(np.int64) - 1, (weights / 6).astype(np.float32)


def _spline_matrix(position: np.ndarray, spacing: float, nodes: int) -> sparse.csr_array:
    first, weights = _spline_weights(position, spacing)
    columns = np.clip(first[:, None] + np.arange(4), 0, nodes - 1)
    starts = np.arange(0, 4 * len(position) + 1, 4)
    return sparse.csr_array((weights.ravel(), columns.ravel(), starts), shape=(len(position), nodes))
