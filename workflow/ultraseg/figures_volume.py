"""A simple 3D view of labels: surfaces seen along z, y, x and from a corner, shaded by their slope and depth."""

import numpy as np
from scipy import ndimage

from ultraseg.figure_style import INK, empty_figure, id_colours, new_figure, save, scale_bar

FAR = np.iinfo(np.int64).max
HEAD, GAP = 30, 10


def cells_3d(
    labels: np.ndarray,
    voxel_size_nm: tuple[float, float, float],
    path: str,
    width: int = 1400,
    max_fraction: float = 0.25,
    grid: int = 320,
) -> list[int]:
    """Write views of the surfaces of labels (z, y, x) along the three axes and from a corner; return the ids shown.

    ``voxel_size_nm`` is that of ``labels``, which should be small (a pyramid level). In tissue without gaps cells
    hide each other: where they fill more than ``max_fraction`` of the volume, only the largest that together stay
    below it are shown. ``grid``: voxels along the longest side of the cubic grid that is drawn.
    """
    shown = choose_cells(labels, max_fraction)
    if not shown:
        empty_figure(path, "No cells to show.", width)
        return []
    cubes, edge_nm = _cubic_grid(labels, voxel_size_nm, grid)
    cubes = np.where(np.isin(cubes, shown), cubes, 0)
    points, ids = _surface(cubes)
    panel = (width - GAP) // 2
    figure = new_figure(width, 2 * (panel + HEAD) + 10)
    span = float(np.linalg.norm(cubes.shape))
    for index, (title, rotation) in enumerate(_views().items()):
        picture = render(points - np.array(cubes.shape) / 2, ids, rotation, panel, span)
        left, top = (index % 2) * (panel + GAP), (index // 2) * (panel + HEAD) + HEAD
        total = 2 * (panel + HEAD) + 10
        if index == 0:
            bar, text = scale_bar(panel, edge_nm * span / panel)
            picture[-14:-9, 12 : 12 + bar] = 34
            figure.text((left + 12) / width, 1 - (top + panel - 18) / total, text, va="bottom", color=INK)
        figure.figimage(picture, left, total - top - panel, origin="upper", resize=False)
        figure.text((left + 6) / width, 1 - (top - 6) / total, title, va="bottom", color=INK, fontsize=11)
    save(figure, path)
    return shown


def choose_cells(labels: np.ndarray, max_fraction: float = 0.25) -> list[int]:
    """All ids if they fill no more than ``max_fraction`` of the volume, else the largest that fit into it."""
    ids, voxels = np.unique(labels, return_counts=True)
    voxels, ids = voxels[ids != 0], ids[ids != 0]
    if voxels.sum() <= max_fraction * labels.size:
        return [int(cell) for cell in ids]
    chosen, filled = [], 0
    for index in np.argsort(-voxels, kind="stable"):
        if filled + voxels[index] <= max_fraction * labels.size:
            filled += voxels[index]
            chosen.append(int(ids[index]))
    return sorted(chosen)


def render(points: np.ndarray, ids: np.ndarray, rotation: np.ndarray, size: int, span: float) -> np.ndarray:
    """Orthographic picture (size, size, 3) of points (n, 3) around 0, seen along the first axis after rotation.

    Points are those of a cubic grid; ``span`` grid steps fill the picture. The background is white.
    """
    steps = int(np.ceil(span)) + 2  # one pixel per grid step, enlarged afterwards
    turned = points @ rotation.T + steps / 2
    depth = np.round(turned[:, 0] * 16).astype(np.int64)  # sixteenths of a step
    y, x = (np.clip(turned[:, axis].astype(np.int64), 0, steps - 1) for axis in (1, 2))
    nearest = np.full(steps * steps, FAR)
    np.minimum.at(nearest, y * steps + x, (depth << 32) | ids.astype(np.int64))
    # turned grids leave holes of single pixels: the nearest of the 8 neighbours closes them
    nearest = ndimage.minimum_filter(nearest.reshape(steps, steps), size=3)
    index = np.minimum(np.arange(size) * steps // size, steps - 1)
    nearest = nearest[np.ix_(index, index)]
    visible = nearest != FAR
    cell = np.where(visible, nearest & 0xFFFFFFFF, 0)
    depth = np.where(visible, (nearest >> 32) / 16.0, float(steps))
    return _shade(cell, depth, visible, size / steps)


def _shade(cell: np.ndarray, depth: np.ndarray, visible: np.ndarray, enlarged: float) -> np.ndarray:
    smooth = ndimage.gaussian_filter(depth, 1.5 * max(enlarged, 1))
    slope_y, slope_x = np.gradient(smooth * enlarged)
    # light from the upper left, in front
    facing = (
        (1 + 0.6 * slope_y + 0.6 * slope_x) / np.sqrt(1 + slope_y**2 + slope_x**2) / np.sqrt(1 + 2 * 0.36)
    )
    near, far = np.percentile(depth[visible], [1, 99]) if visible.any() else (0.0, 1.0)
    haze = np.clip((depth - near) / max(far - near, 1e-9), 0, 1)
    light = (0.45 + 0.55 * np.clip(facing, 0, 1)) * (1 - 0.45 * haze)
    edge = np.zeros(cell.shape, bool)
    edge[1:] |= cell[1:] != cell[:-1]
    edge[:, 1:] |= cell[:, 1:] != cell[:, :-1]
    picture = np.round(id_colours(cell) * light[..., None]).astype(np.uint8)
    picture[~visible] = 255
    picture[edge] //= 3
    return picture


def _cubic_grid(labels: np.ndarray, voxel_size_nm: tuple[float, ...], grid: int) -> tuple[np.ndarray, float]:
    """Labels on a cubic grid by nearest neighbour, with one empty layer around, and the grid's step in nm."""
    extent = np.array(labels.shape) * np.asarray(voxel_size_nm, float)
    edge_nm = float(extent.max() / grid)
    steps = np.maximum(1, np.round(extent / edge_nm)).astype(int)
    index = [np.arange(n) * size // n for n, size in zip(steps, labels.shape, strict=True)]
    return np.pad(labels[np.ix_(*index)], 1), edge_nm


def _surface(cubes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _views() -> dict[str, np.ndarray]:
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
