"""A simple 3D view of labels: surfaces along z, y, x and from a corner, shaded by their slope and depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ultraseg.arrays.edges import label_edges
from ultraseg.base.colours import id_colours
from ultraseg.figures.pixels import place_view
from ultraseg.figures.style import MAX_WIDTH, empty_figure, new_figure, save, scale_bar

FAR = 1 << 52  # behind everything, and still exact where SciPy's filter computes in double precision
HEAD, GAP = 30, 10
ID_BITS = 32


def cells_3d(
    labels: NDArray[Any],
    voxel_size_nm: tuple[float, float, float],
    path: str,
    width: int = 1400,
    max_fraction: float = 0.25,
    grid: int = 320,
) -> list[int]:
    """Write views of the surfaces of labels (z, y, x) along the axes and from a corner; return the ids shown.

    ``voxel_size_nm`` is that of ``labels``, which should be small (a pyramid level). In tissue without gaps
    cells hide each other: see ``choose_cells`` for ``max_fraction``. ``grid``: voxels along the longest side
    of the cubic grid that is drawn.
    """
    width = min(width, MAX_WIDTH)
    shown = choose_cells(labels, max_fraction)
    if not shown:
        empty_figure(path, "No cells to show.", width)
        return []
    cubes, edge_nm = _cubic_grid(labels, voxel_size_nm, grid)
    points, ids = surface_points(np.where(np.isin(cubes, shown), cubes, 0))
    seen = {title: points @ rotation.T for title, rotation in views_of_a_cube().items()}
    span = max(float(np.ptp(view[:, 1:], axis=0).max(initial=0)) for view in seen.values()) * 1.06 + 4
    panel = (width - GAP) // 2
    figure = new_figure(width, 2 * (panel + HEAD))
    for index, (title, view) in enumerate(seen.items()):
        picture = render(view, ids, panel, span)
        left, top = (index % 2) * (panel + GAP), (index // 2) * (panel + HEAD) + HEAD
        bar = scale_bar(panel, edge_nm * span / panel) if index == 0 else None
        place_view(figure, picture, left, top, title, bar)
    save(figure, path)
    return shown


def choose_cells(labels: NDArray[Any], max_fraction: float = 0.25) -> list[int]:
    """All ids if they fill no more than ``max_fraction`` of the volume (z, y, x), else a choice that does.

    The choice takes the largest first, but none of more than a third of ``max_fraction``, so that no single
    cell hides all others; where every cell is larger than that, the smallest one.
    """
    ids, voxels = np.unique(labels, return_counts=True)
    ids, voxels = ids[ids != 0], voxels[ids != 0]
    room = max_fraction * labels.size
    if voxels.sum() <= room:
        return [int(cell) for cell in ids]
    chosen: list[int] = []
    filled = 0
    for index in np.argsort(-voxels, kind="stable"):
        if voxels[index] <= room / 3 and filled + voxels[index] <= room:
            filled += voxels[index]
            chosen.append(int(ids[index]))
    return sorted(chosen) or [int(ids[voxels.argmin()])]


def render(
    points: NDArray[np.floating],
    ids: NDArray[Any],
    size: int,
    span: float,
    colours: Callable[[NDArray[Any]], NDArray[np.uint8]] = id_colours,
    around: NDArray[np.floating] | None = None,
) -> NDArray[np.uint8]:
    """Orthographic picture (size, size, 3) of points (n, 3): depth, down, right, in steps of a cubic grid.

    ``span`` steps fill the picture, whose middle is that of the points ``around``, or else of these. ``colours`` gives
    RGB for ids. The background is white.
    """
    steps = int(np.ceil(span))  # one pixel per grid step, enlarged afterwards
    framed = points if around is None else around
    low, high = framed.min(axis=0), framed.max(axis=0)
    depth = np.round((points[:, 0] - low[0]) * 16).astype(np.int64)  # sixteenths of a step
    offset = (steps - low - high) / 2
    y, x = (np.clip((points[:, axis] + offset[axis]).astype(np.int64), 0, steps - 1) for axis in (1, 2))
    nearest = np.full(steps * steps, FAR)
    np.minimum.at(nearest, y * steps + x, (depth << ID_BITS) | ids.astype(np.int64))
    # turned grids leave holes of single pixels: the nearest of the 8 neighbours closes them
    nearest = ndimage.minimum_filter(nearest.reshape(steps, steps), size=3)
    index = np.minimum(np.arange(size) * steps // size, steps - 1)
    nearest = nearest[np.ix_(index, index)]
    visible = nearest != FAR
    cell = np.where(visible, nearest & ((1 << ID_BITS) - 1), 0)
    depth_seen = np.where(visible, (nearest >> ID_BITS) / 16.0, 0.0)
    return _shade(cell, depth_seen, visible, size / steps, colours(cell))


def _shade(
    cell: NDArray[Any],
    depth: NDArray[np.floating],
    visible: NDArray[np.bool_],
    enlarged: float,
    colours: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    sigma = 1.5 * max(enlarged, 1)
    weight = ndimage.gaussian_filter(visible.astype(float), sigma)
    smooth = ndimage.gaussian_filter(depth, sigma) / np.maximum(weight, 1e-6)  # of visible surfaces only
    slope_y, slope_x = np.gradient(smooth * enlarged)
    # light from the upper left, in front
    facing = (1 + 0.6 * slope_y + 0.6 * slope_x) / np.sqrt((1 + slope_y**2 + slope_x**2) * (1 + 2 * 0.36))
    near, far = np.percentile(depth[visible], [1, 99])
    haze = np.clip((depth - near) / max(far - near, 1e-9), 0, 1)
    light = (0.5 + 0.6 * np.clip(facing, 0, 1)) * (1 - 0.35 * haze)
    picture = np.clip(np.round(colours * light[..., None]), 0, 255).astype(np.uint8)
    picture[~visible] = 255
    picture[label_edges(cell) & visible] //= 3
    return picture


def _cubic_grid(
    labels: NDArray[Any], voxel_size_nm: tuple[float, ...], grid: int
) -> tuple[NDArray[Any], float]:
    """Labels on a cubic grid by nearest neighbour, with one empty layer around, and the grid's step in nm."""
    extent = np.array(labels.shape) * np.asarray(voxel_size_nm, float)
    edge_nm = float(extent.max() / grid)
    steps = np.maximum(1, np.round(extent / edge_nm)).astype(int)
    index = [np.arange(n) * size // n for n, size in zip(steps, labels.shape, strict=True)]
    return np.pad(labels[np.ix_(*index)], 1), edge_nm


def surface_points(cubes: NDArray[Any]) -> tuple[NDArray[np.floating], NDArray[Any]]:
    """Coordinates (n, 3) and ids of the labelled voxels that have a neighbour of another id."""
    border = np.zeros(cubes.shape, bool)
    for axis in range(3):
        first = [slice(None)] * 3
        second = [slice(None)] * 3
        first[axis], second[axis] = slice(1, None), slice(None, -1)
        differs = cubes[tuple(first)] != cubes[tuple(second)]
        border[tuple(first)] |= differs
        border[tuple(second)] |= differs
    points = np.argwhere(border & (cubes != 0))
    return points + 0.5, cubes[tuple(points.T)]


def views_of_a_cube() -> dict[str, NDArray[np.float64]]:
    """Rotations whose first row looks into the picture; the rows below point down and right in it."""
    along_z = np.eye(3)
    along_y = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    along_x = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0.0]])
    turn, tilt = np.deg2rad(35), np.deg2rad(30)
    right = np.array([np.sin(turn), 0, np.cos(turn)])
    into = np.array([np.cos(turn) * np.cos(tilt), np.sin(tilt), -np.sin(turn) * np.cos(tilt)])
    corner = np.stack([into, np.cross(right, into), right])
    return {
        "seen along z": along_z,
        "seen along y": along_y,
        "seen along x": along_x,
        "from a corner": corner,
    }
