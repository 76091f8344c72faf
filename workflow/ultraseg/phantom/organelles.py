"""Organelles of one cell of the phantom: nucleus, nucleoli and chains of round segments for all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ultraseg.phantom.tissue import Tissue

MITOCHONDRION, ENDOSOME, LYSOSOME = 0, 1, 2
KINDS = {
    # radius and length at scale 1, mean number per cell, number tried
    MITOCHONDRION: ((5.6, 8.2), (30.0, 66.0), 26, 300),
    ENDOSOME: ((6.2, 9.8), (0.0, 0.0), 28, 160),
    LYSOSOME: ((6.2, 10.5), (3.0, 8.0), 28, 160),
}
MAX_PER_CELL = 40  # of one kind; ids are cell index * MAX_PER_CELL + number
NODES = 6  # points of a chain


class Nucleus(NamedTuple):
    """Ellipsoid: centre (3,), map to its unit ball (3, 3), mean radius, half box (3,); nucleoli."""

    centre: np.ndarray
    to_ball: np.ndarray
    radius: float
    half_box: np.ndarray
    nucleoli: np.ndarray
    nucleolus_radius: np.ndarray


class Organelles(NamedTuple):
    """What lies in one cell: its nucleus or None, and n chains of 6 points with radius, kind and number."""

    nucleus: Nucleus | None
    points: np.ndarray
    radius: np.ndarray
    kind: np.ndarray
    number: np.ndarray


def place_organelles(tissue: Tissue, cell: int) -> Organelles:
    """Fill one cell, the same way whenever it is asked for: the seed is that of the cell."""
    rng = np.random.default_rng([tissue.seed, 3, cell])
    points = _points_within(tissue, cell, 240, rng)
    if len(points) < 4:
        empty = np.zeros(0, int)
        return Organelles(None, np.zeros((0, NODES, 3)), np.zeros(0), empty, empty)
    nucleus = _place_nucleus(tissue, cell, rng)
    chains, radius, kind = _propose(tissue, points, rng)
    fits = _fits(tissue, cell, nucleus, chains, radius)
    keep = _keep_apart(chains, radius, kind, fits, max(3.0 * tissue.scale, 2.0), rng)
    number = np.concatenate([np.arange((kind[keep] == k).sum()) for k in KINDS])
    return Organelles(nucleus, chains[keep], radius[keep], kind[keep], number)


def _points_within(tissue: Tissue, cell: int, n: int, rng: np.random.Generator) -> np.ndarray:
    ball = rng.standard_normal((3 * n, 3))
    ball *= (rng.random(3 * n) ** (1 / 3) / np.linalg.norm(ball, axis=1))[:, None]
    points = tissue.cells.centre[cell] + ball @ np.linalg.inv(tissue.cells.to_ball[cell]).T
    depth, owner = tissue.depth(points)
    return points[(owner == cell) & (depth > 7 * tissue.scale)][:n]


def _place_nucleus(tissue: Tissue, cell: int, rng: np.random.Generator) -> Nucleus | None:
    scale = tissue.scale
    tries = tissue.cells.centre[cell] + 14 * scale * rng.standard_normal((24, 3))
    tries[0] = tissue.cells.centre[cell]
    depth, owner = tissue.depth(tries)
    depth[owner != cell] = -np.inf
    best = int(np.argmax(depth))
    if depth[best] < 30 * scale or rng.random() < 0.06:
        return None
    radii = np.clip(0.66 * depth[best] * rng.uniform(0.85, 1.2, 3), 24 * scale, 46 * scale)
    turn = Rotation.random(rng=rng).as_matrix()
    # radii of nucleoli follow the nucleus, so that they fit into it
    n = 1 + int(rng.random() < 0.7)
    side = rng.standard_normal(3)
    side /= np.linalg.norm(side)
    away = (0.3 if n == 1 else 0.48) * np.array([1.0, -1.0])[:n, None] * side
    size = np.minimum(rng.uniform(9.0, 12.5, n) * scale, 0.33 * radii.min())
    half_box = np.sqrt(((turn * radii) ** 2).sum(1))
    nucleoli = tries[best] + (away * radii) @ turn.T
    return Nucleus(tries[best], turn.T / radii[:, None], radii.prod() ** (1 / 3), half_box, nucleoli, size)


def _propose(
    tissue: Tissue, points: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chains around random points: arcs for mitochondria, short ones for lysosomes, points for endosomes."""
    kind = np.concatenate([np.full(spec[3], k) for k, spec in KINDS.items()])
    low, high = (np.array([spec[0][i] for spec in KINDS.values()])[kind] for i in (0, 1))
    shortest, longest = (np.array([spec[1][i] for spec in KINDS.values()])[kind] for i in (0, 1))
    radius = tissue.scale * rng.uniform(low, high)
    half = 0.5 * np.maximum(rng.uniform(shortest, np.maximum(longest, shortest)) * tissue.scale - radius, 0)
    half[kind == ENDOSOME] = 0
    half = np.where(kind == MITOCHONDRION, half - radius / 2, half)
    along, side = rng.standard_normal((2, len(kind), 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side -= (side * along).sum(1, keepdims=True) * along
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    t = np.linspace(-1, 1, NODES)
    bend = rng.uniform(0.1, 0.55, len(kind)) * half
    middle = points[rng.integers(0, len(points), len(kind))]
    chains = (
        middle[:, None]
        + (half[:, None] * t)[..., None] * along[:, None]
        + (bend[:, None] * (0.5 - t**2))[..., None] * side[:, None]
    )
    return chains, radius, kind


def _fits(
    tissue: Tissue, cell: int, nucleus: Nucleus | None, chains: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    ends = chains[:, [0, NODES // 2, -1]]
    depth, owner = tissue.depth(ends.reshape(-1, 3))
    need = np.repeat(0.9 * radius + 2 * tissue.scale, 3)
    fits = ((owner == cell) & (depth > need)).reshape(-1, 3).all(1)
    if nucleus is not None:
        away = np.linalg.norm((chains - nucleus.centre) @ nucleus.to_ball.T, axis=-1) - 1
        fits &= (away * nucleus.radius > (radius + 3 * tissue.scale)[:, None]).all(1)
    return fits


def _keep_apart(
    chains: np.ndarray,
    radius: np.ndarray,
    kind: np.ndarray,
    fits: np.ndarray,
    space: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Indices of the chains to keep, ordered by kind: none within ``space`` of another, numbers as wanted."""
    wanted = {k: min(int(rng.poisson(spec[2])), MAX_PER_CELL - 1) for k, spec in KINDS.items()}
    kept: list[int] = []
    # mitochondria first: they are the largest and would find no room later
    for i in sorted(rng.permutation(np.flatnonzero(fits)), key=lambda i: kind[i] != MITOCHONDRION):
        if wanted[kind[i]] == 0:
            continue
        others = chains[kept].reshape(-1, 1, 3)
        reach = np.repeat(radius[kept], NODES)[:, None] + radius[i] + space
        if (((others - chains[i]) ** 2).sum(-1) > reach**2).all():
            kept.append(int(i))
            wanted[kind[i]] -= 1
    return np.array(sorted(kept), int)
