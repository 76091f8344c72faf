"""Cells of the phantom as a power diagram of warped ellipsoids, and how deep a point lies in its cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ultraseg.phantom.noise import LatticeNoise

CELL_SPACING = 165.0  # voxels between cell centres at scale 1
CELL_RADIUS = (84.0, 126.0)  # semi-axes of a cell before its neighbours cut it
REACH = 30.0  # a cell matters this far beyond its ellipsoid


class CellTable(NamedTuple):
    """One row per cell: centre (n, 3), map to its unit ball (n, 3, 3), mean radius, half box (n, 3), tone."""

    centre: np.ndarray
    to_ball: np.ndarray
    radius: np.ndarray
    half_box: np.ndarray
    tone: np.ndarray


class Tissue:
    """Where the cells are: tables and fields, no voxels. ``scale`` multiplies every size."""

    def __init__(self, shape: tuple[int, int, int], seed: int, scale: float):
        self.shape, self.seed, self.scale = shape, seed, scale
        self.cells = _place_cells(shape, scale, np.random.default_rng([seed, 1]))
        self._tree = cKDTree(self.cells.centre)
        self.bend = [LatticeNoise(shape, 48 * scale, [seed, 10 + a]) for a in range(3)]
        self.wobble = [LatticeNoise(shape, 13 * scale, [seed, 20 + a]) for a in range(3)]
        self.gap = LatticeNoise(shape, (50 * scale, 60 * scale, 60 * scale), [seed, 30])
        self.bend_size, self.wobble_size = 13.0 * scale, 1.2 * scale

    def __len__(self) -> int:
        return len(self.cells.centre)

    def gap_width(self, noise: np.ndarray) -> np.ndarray:
        """Width of the extracellular space between two cells, voxels: 0 over more than half of the tissue."""
        return (13 * self.scale) * np.clip(noise - 0.35, 0, 1.6)

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Depth of ``points`` (n, 3) below the surface of their cell (negative outside all), and cell index.

        Without the fine wobble and the exact scaling of the rendered surface: for placing things only.
        """
        offsets = [noise.at_points(points) for noise in self.bend]
        warped = points + self.bend_size * np.stack(offsets, axis=-1)
        _, near = self._tree.query(warped, k=min(10, len(self)))
        near = near.reshape(len(points), -1)
        local = np.einsum(
            "nkij,nkj->nki", self.cells.to_ball[near], warped[:, None] - self.cells.centre[near]
        )
        distance = (np.linalg.norm(local, axis=-1) - 1) * self.cells.radius[near]
        order = np.argsort(distance, axis=1)[:, :2]
        first, second = np.take_along_axis(distance, order, axis=1).T
        wall = (second - first) / 2 - self.gap_width(self.gap.at_points(points)) / 2
        return np.minimum(wall, -first), near[np.arange(len(points)), order[:, 0]]


def _place_cells(shape: tuple[int, int, int], scale: float, rng: np.random.Generator) -> CellTable:
    """Jittered, staggered grid around the middle of the volume; the middle cell lies near the centre."""
    spacing = CELL_SPACING * scale
    middle = np.array(shape) / 2
    count = np.ceil((middle + 1.32 * spacing) / spacing).astype(int)
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in count], indexing="ij"), -1).reshape(-1, 3)
    stagger = 0.5 * (grid[:, :1] % 2) * np.array([0, 1, 1])
    jitter = rng.uniform(-0.27, 0.27, grid.shape) * np.where((grid == 0).all(1), 0.3, 1.0)[:, None]
    centre = middle + spacing * (grid + stagger + jitter)
    # farther away a cell neither reaches the volume nor cuts one that does
    reach = 1.32 * spacing
    centre = centre[((centre > -reach) & (centre < np.array(shape) + reach)).all(1)]
    radii = scale * rng.uniform(*CELL_RADIUS, centre.shape)
    turn = Rotation.random(len(centre), rng=rng).as_matrix()
    to_ball = np.swapaxes(turn, 1, 2) / radii[:, :, None]
    mean = radii.prod(1) ** (1 / 3)
    grown = radii * (1 + REACH * scale / mean)[:, None]
    half_box = np.sqrt(((turn * grown[:, None]) ** 2).sum(2))
    tone = rng.normal(0, 0.03, len(centre))
    return CellTable(centre, to_ball, mean, half_box, tone)
