"""Courses of protrusions as in real tumour tissue: bundles beside bodies, many nearly in the plane of the slice.

The figures behind the constants are of a breast tumour imaged with 4 nm voxels, at half size (docs/data.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from ultraseg.phantom.filopodia import Courses
from ultraseg.phantom.tissue import Tissue

BODIES = 7.2  # bodies are so much larger, relative to the protrusions, than in the friendly tissue
UNIT = 2.0  # the sizes below are in so many voxels, at scale 1
STEP = 6.0  # between the points of a course
RADIUS, RADIUS_SPREAD = 6.5, 0.30  # median, and standard deviation of the logarithm
LENGTH, LENGTH_SPREAD = 210.0, 0.55
DENSITY = 1.6e-6  # tubes per cubed unit
TUBES_PER_BUNDLE = 6.0
OWNED = 0.34  # share of the tubes that belong to a body of the volume
ROOT_DEPTH = 10.0
CANDIDATES = 8
RELAXATIONS = 12


class Plan(NamedTuple):
    """Which part of which bundle each tube follows: bundle, first point, number of points, radius."""

    bundle: NDArray[np.int64]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    radius: NDArray[np.float64]


def grow_bundles(tissue: Tissue, scale: float, difficulty: float = 0.5) -> Courses:
    """Tubes in bundles along the bodies of a tissue; ``scale`` multiplies their sizes, not those of the bodies.

    Tubes of a body have its number as owner. The other tubes (orphans) are numbered on from the number of cells.
    ``difficulty`` 0..1: closer tubes, more tubes in the plane, rougher courses.
    """
    rng, scale = np.random.default_rng([tissue.seed, 7]), UNIT * scale
    tubes = max(round(DENSITY * float(np.prod(tissue.shape)) / scale**3), 2)
    bundles = max(round(tubes / TUBES_PER_BUNDLE), 1)
    guide = _guides(tissue, bundles, scale, rng)
    plan = _plan(tubes, bundles, guide.shape[1], scale, rng)
    points = _beside(guide, plan, scale, difficulty, rng)
    valid = np.arange(points.shape[1]) < plan.length[:, None]
    points = _relaxed(points, valid, plan.radius, (3.0 - 2.5 * difficulty) * scale)
    owned = rng.random(tubes) < OWNED
    return _rooted(tissue, points, plan, owned, scale, rng)


def _guides(tissue: Tissue, bundles: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Middle lines of the bundles (n, k, 3): they wander along the borders of bodies in every direction."""
    shape = np.array(tissue.shape, float)
    tries = rng.uniform(-0.1, 1.1, (bundles * 40, 3)) * shape
    depth, _ = tissue.depth(tries)
    start = tries[np.argsort(np.abs(depth + 4 * scale))[: bundles * 4]]
    start = start[rng.permutation(len(start))[:bundles]]
    steps = int(2.2 * LENGTH / STEP)
    heading = _units(rng, bundles)
    points = np.empty((bundles, 2 * steps + 1, 3))
    points[:, steps] = start
    for sign in (1, -1):
        ahead = sign * heading
        for k in range(1, steps + 1):
            look = ahead[:, None] + 0.42 * _units(rng, bundles * CANDIDATES).reshape(bundles, CANDIDATES, 3)
            look /= np.linalg.norm(look, axis=-1, keepdims=True)
            here = points[:, steps + sign * (k - 1)]
            depth, _ = tissue.depth((here[:, None] + 2.5 * STEP * scale * look).reshape(-1, 3))
            cost = np.abs(depth.reshape(bundles, -1) / scale + 5) / 8 + 3 * (
                1 - (look * ahead[:, None]).sum(-1)
            )
            ahead = look[np.arange(bundles), np.argmin(cost, axis=1)]
            points[:, steps + sign * k] = here + STEP * scale * ahead
    return points


def _plan(tubes: int, bundles: int, points: int, scale: float, rng: np.random.Generator) -> Plan:
    """Tubes are spread unevenly over bundles; each follows a random part of its bundle."""
    weight = rng.gamma(1.2, 1.0, bundles)
    bundle = rng.choice(bundles, tubes, p=weight / weight.sum())
    length = np.clip(LENGTH * np.exp(LENGTH_SPREAD * rng.standard_normal(tubes)), 50, 900)
    count = np.clip(np.round(length / STEP).astype(int) + 1, 6, points)
    # The middle of a bundle lies at its start, so parts near the middle are as likely as all others.
    first = (rng.random(tubes) * (points - count + 1)).astype(int)
    radius = scale * RADIUS * np.exp(RADIUS_SPREAD * rng.standard_normal(tubes))
    return Plan(bundle, first, count, np.clip(radius, 2.2 * scale, 14 * scale))


def _beside(
    guide: NDArray[np.float64], plan: Plan, scale: float, difficulty: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points (n, k, 3) of every tube: its part of the guide, moved sideways by a slowly changing offset."""
    longest = int(plan.length.max())
    index = np.minimum(plan.first[:, None] + np.arange(longest), guide.shape[1] - 1)
    points = guide[plan.bundle[:, None], index]
    crowd = np.bincount(plan.bundle, minlength=len(guide))[plan.bundle]
    width = scale * RADIUS * 1.25 * np.sqrt(np.maximum(crowd * 0.45, 1))
    drift = gaussian_filter1d(rng.standard_normal((len(points), longest, 3)), 7, axis=1) * np.sqrt(
        2 * 7 * np.sqrt(np.pi)
    )
    rough = gaussian_filter1d(rng.standard_normal((len(points), longest, 3)), 2, axis=1) * 2.6
    offset = (0.8 * _units(rng, len(points))[:, None] + 0.6 * drift) * width[:, None, None]
    points = points + offset + scale * (1.0 + 1.6 * difficulty) * rough
    # Difficult tissue is flattened into the slice in places: tubes run within few slices there.
    flat = np.clip(
        gaussian_filter1d(rng.standard_normal((len(points), longest)), 6, axis=1) * 3.6 - 1.1 + difficulty,
        0,
        1,
    )
    rise = np.diff(points[..., 0], axis=1, prepend=points[:, :1, 0]) * (1 - flat)
    points[..., 0] = points[:, :1, 0] + np.cumsum(rise, axis=1)
    return points


def _relaxed(
    points: NDArray[np.float64], valid: NDArray[np.bool_], radius: NDArray[np.float64], space: float
) -> NDArray[np.float64]:
    """Points pushed apart until tubes keep about ``space`` voxels between their surfaces."""
    points = points.copy()
    tube, k = np.nonzero(valid)
    for _ in range(RELAXATIONS):
        flat = points[tube, k]
        pairs = cKDTree(flat).query_pairs(2 * radius.max() + space, output_type="ndarray")
        a, b = pairs[tube[pairs[:, 0]] != tube[pairs[:, 1]]].T
        away = flat[a] - flat[b]
        distance = np.maximum(np.linalg.norm(away, axis=1), 1e-3)
        lack = np.clip(radius[tube[a]] + radius[tube[b]] + space - distance, 0, None)
        push = 0.3 * (lack / distance)[:, None] * away
        moved = np.zeros_like(points)
        np.add.at(moved, (tube[a], k[a]), push)
        np.add.at(moved, (tube[b], k[b]), -push)
        points += gaussian_filter1d(moved, 1.2, axis=1)
    return points


def _rooted(
    tissue: Tissue,
    points: NDArray[np.float64],
    plan: Plan,
    owned: NDArray[np.bool_],
    scale: float,
    rng: np.random.Generator,
) -> Courses:
    """Courses with a root in the body beside their start, for those that belong to one; radii along all."""
    _, cell = tissue.depth(points[:, 0])
    way = tissue.cells.centre[cell] - points[:, 0]
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    reach = np.arange(1, 13) * 0.8 * STEP * scale
    rays = points[:, :1] + reach[:, None] * way[:, None]
    depth, found = tissue.depth(rays.reshape(-1, 3))
    deep = (depth.reshape(len(points), -1) > ROOT_DEPTH * scale) & (
        found.reshape(len(points), -1) == cell[:, None]
    )
    owned = owned & deep.any(1)
    roots = np.where(owned, np.argmax(deep, axis=1) + 1, 0)
    longest = points.shape[1] + int(roots.max(initial=0))
    full = np.repeat(points[:, :1], longest, axis=1)
    for i, n in enumerate(roots):
        full[i, :n] = rays[i, :n][::-1]
        full[i, n : n + points.shape[1]] = points[i, : longest - n]
    count = plan.length + roots
    owner = np.where(owned, cell, 0)
    owner[~owned] = len(tissue) + np.arange(np.count_nonzero(~owned))
    swell = gaussian_filter1d(rng.standard_normal((len(points), longest)), 1.5, axis=1) * 2.3
    radius = plan.radius[:, None] * np.clip(1 + 0.22 * swell, 0.55, 1.7)
    return Courses(full, np.maximum(radius, 1.6 * scale), count, owner)


def _units(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    v = rng.standard_normal((n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)
