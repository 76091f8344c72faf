"""Courses of the phantom's filopodia: curved tubes that leave a cell and run between its neighbours."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ultraseg.phantom.tissue import Tissue

STEP = 9.0  # voxels between the points of a course at scale 1
LENGTH = (120.0, 270.0)
RADIUS = (4.6, 7.4)
ROOT_DEPTH = 9.0  # a course begins this deep in its cell, so that the tube is joined to the body
BURIED = 15.0  # a course ends this deep in another cell, before it would run through organelles
MIN_OUTSIDE = 36.0
CLEARANCE = 4.0
CANDIDATES = 6


class Courses:
    """Polylines: ``points`` (n, k, 3), ``radius`` (n, k), ``count`` of valid points, ``owner``."""

    def __init__(self, points: np.ndarray, radius: np.ndarray, count: np.ndarray, owner: np.ndarray):
        self.points, self.radius, self.count, self.owner = points, radius, count, owner

    def segments(self) -> tuple[np.ndarray, ...]:
        """All segments: start (m, 3), end (m, 3), radius at both (m,), (m,), index of their course (m,)."""
        valid = np.arange(1, self.points.shape[1]) < self.count[:, None]
        course, k = np.nonzero(valid)
        start, end = self.points[course, k], self.points[course, k + 1]
        return start, end, self.radius[course, k], self.radius[course, k + 1], course


def grow_filopodia(
    tissue: Tissue, per_cell: float, orphans: int, radius_factor: float = 1.0, clearance: float = CLEARANCE
) -> Courses:
    """Grow all filopodia side by side; where two come closer than ``clearance``, the later one is dropped.

    ``per_cell``: tried per cell, fewer remain. ``orphans``: tubes inside the volume that belong to no cell
    body; their owners are numbered on from the number of cells. ``radius_factor`` multiplies all radii.
    ``clearance``: voxels between two surfaces; below 0 tubes may run into each other.
    """
    rng = np.random.default_rng([tissue.seed, 2])
    owner = rng.permutation(np.repeat(np.arange(len(tissue)), int(np.ceil(per_cell))))
    owner = owner[: round(per_cell * len(tissue))]
    root, heading = _roots(tissue, owner, rng)
    if orphans:
        margin = np.array(tissue.shape) * 0.2
        root = np.concatenate([root, rng.uniform(margin, np.array(tissue.shape) - margin, (orphans, 3))])
        heading = np.concatenate([heading, _units(rng, orphans)])
        owner = np.concatenate([owner, len(tissue) + np.arange(orphans)])
    points, own, buried = _grow(tissue, root, heading, owner, rng)
    count, good = _lengths(own, buried, rng)
    good |= owner >= len(tissue)
    radius = _radii(tissue.scale * radius_factor, count, points.shape[1], rng)
    # orphans come first, so that none is dropped for the sake of a cell's filopodium
    order = np.argsort(owner < len(tissue), kind="stable")
    order = order[good[order]]
    courses = Courses(points[order], radius[order], count[order], owner[order])
    keep = _apart(courses, clearance * (1 + tissue.scale) / 2)
    return Courses(courses.points[keep], courses.radius[keep], courses.count[keep], courses.owner[keep])


def _roots(tissue: Tissue, owner: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Point ``ROOT_DEPTH`` below the surface of each owner in a random direction, and that direction."""
    heading = _units(rng, len(owner))
    heading[:, 0] *= 0.6
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    reach = np.arange(1, 40) * 4.0 * tissue.scale
    rays = tissue.cells.centre[owner][:, None] + reach[:, None] * heading[:, None]
    depth, cell = tissue.depth(rays.reshape(-1, 3))
    inside = (depth.reshape(len(owner), -1) > ROOT_DEPTH * tissue.scale) & (
        cell.reshape(len(owner), -1) == owner[:, None]
    )
    last = np.where(inside.all(1), len(reach), np.argmin(inside, axis=1)) - 1
    return rays[np.arange(len(owner)), np.maximum(last, 0)], heading


def _grow(
    tissue: Tissue, root: np.ndarray, heading: np.ndarray, owner: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grow all courses step by step along the borders of cells, where cells are shallow.

    Returns points (n, k, 3), which points lie in the own body and which deep in another cell (n, k).
    """
    steps = int(LENGTH[1] / STEP) + 4
    step = STEP * tissue.scale
    rise = np.where(rng.random(len(root)) < 0.5, -1.0, 1.0)
    points = np.empty((len(root), steps + 1, 3))
    own = np.zeros((len(root), steps + 1), bool)
    points[:, 0], own[:, 0] = root, owner < len(tissue)
    buried = np.zeros_like(own)
    for k in range(steps):
        spread = 0.25 if k < 3 else 0.55
        ahead = heading[:, None] + spread * _units(rng, len(root) * CANDIDATES).reshape(-1, CANDIDATES, 3)
        ahead = _limit_slope(ahead, rise)
        look = points[:, k, None] + 1.3 * step * ahead
        depth, cell = tissue.depth(look.reshape(-1, 3))
        cost = np.clip(depth / tissue.scale, -8, 25).reshape(-1, CANDIDATES)
        mine = cell.reshape(-1, CANDIDATES) == owner[:, None]
        cost += np.where(mine & (cost > -3), 12, 0) + 6 * (1 - (ahead * heading[:, None]).sum(-1))
        best = np.argmin(cost, axis=1)
        heading = ahead[np.arange(len(root)), best]
        points[:, k + 1] = points[:, k] + step * heading
        depth, cell = tissue.depth(points[:, k + 1])
        own[:, k + 1] = (cell == owner) & (depth > 0)
        buried[:, k + 1] = (cell != owner) & (depth > BURIED * tissue.scale)
    return points, own, buried


def _limit_slope(heading: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Unit headings that always rise or always fall, so that a tube moves less than its width between two slices."""
    unit = heading / np.linalg.norm(heading, axis=-1, keepdims=True)
    z = rise[:, None] * np.clip(unit[..., 0] * rise[:, None], 0.28, 0.85)
    flat = unit[..., 1:] / np.maximum(np.linalg.norm(unit[..., 1:], axis=-1, keepdims=True), 1e-6)
    return np.concatenate([z[..., None], flat * np.sqrt(1 - z**2)[..., None]], axis=-1)


def _lengths(own: np.ndarray, buried: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points to keep of each course, and which courses are long enough outside their cell.

    A course ends at its length, where it returns into its own body, or deep in another cell.
    """
    k = np.arange(own.shape[1])
    leaves = np.argmin(own, axis=1)
    returns = own & (k > leaves[:, None])
    stops = returns | buried
    back = np.where(stops.any(1), np.argmax(stops, axis=1), own.shape[1] + 2)
    wanted = leaves + np.round(rng.uniform(*LENGTH, len(own)) / STEP).astype(int)
    count = np.minimum.reduce([wanted, back - 2, np.full(len(own), own.shape[1])])
    good = ~own.all(1) & own[:, 0] & (leaves <= 5) & ((count - leaves) * STEP >= MIN_OUTSIDE)
    return np.maximum(count, 2), good


def _radii(scale: float, count: np.ndarray, points: int, rng: np.random.Generator) -> np.ndarray:
    """Radius along each course: wider at the root, slowly thinner, with slight swellings."""
    k = np.arange(points)
    along = k / np.maximum(count[:, None] - 1, 1)
    base = rng.uniform(*RADIUS, (len(count), 1))
    swell = 0.1 * np.sin(k * rng.uniform(0.6, 1.3, (len(count), 1)) + rng.uniform(0, 6, (len(count), 1)))
    radius = base * (1.08 - 0.22 * along + 0.5 * np.exp(-k / 1.4) + swell)
    return np.maximum(radius * scale, 1.8)


def _apart(courses: Courses, space: float) -> np.ndarray:
    """Which courses to keep so that no two tubes come closer than ``space`` voxels."""
    course, k = np.nonzero(np.arange(courses.points.shape[1]) < courses.count[:, None])
    points, radius = courses.points[course, k], courses.radius[course, k]
    pairs = cKDTree(points).query_pairs(2 * courses.radius.max() + space, output_type="ndarray")
    a, b = pairs.T
    gap = np.linalg.norm(points[a] - points[b], axis=1) - radius[a] - radius[b]
    close = (course[a] != course[b]) & (gap < space)
    ends = np.sort(np.stack([course[a[close]], course[b[close]]], axis=1), axis=1)
    keep = np.ones(len(courses.count), bool)
    for first, second in np.unique(ends, axis=0):
        keep[second] &= not keep[first]
    return keep


def _units(rng: np.random.Generator, n: int) -> np.ndarray:
    v = rng.standard_normal((n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)
