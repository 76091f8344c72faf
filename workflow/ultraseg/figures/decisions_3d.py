"""Figure of what linking decided, in three dimensions: a fragment with the cells that claimed it, in a cube around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.figures.cells_3d import render, surface_points, views_of_a_cube
from ultraseg.figures.pixels import DARK, place_array, place_text
from ultraseg.figures.style import MAX_WIDTH, empty_figure, new_figure, save, scale_bar
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.grid.paths import VolumeFiles
from ultraseg.grid.slabs import ceil_div
from ultraseg.link.examples import KINDS
from ultraseg.storage.arrays import read_slice, shape_of

EACH = 10  # examples per kind
NODE_COLUMNS = ["z", "piece", "area", "y", "x", "yy", "xx", "fragment"]
GRID = 96  # steps along each side of a cube
ROOM = 1.5  # side of a cube, as a multiple of the extent of its fragment
LEAST, MOST = 4.0, 16.0  # side of a cube, in diameters of the fragment's largest piece
FRAGMENT, BEST, SECOND, OTHER = 1, 2, 3, 4  # what a voxel of a cube shows
COLOURS = np.array(
    [(255, 255, 255), (60, 20, 30), (0, 114, 178), (230, 159, 0), (150, 150, 150)], np.uint8
)  # of these, told apart without colour vision as well
WORDS = {
    FRAGMENT: "the fragment",
    BEST: "the best cell, its own where it was given to one",
    SECOND: "the runner-up",
    OTHER: "the largest other cell around it",
}
GLASS = 0.6  # how strong the colours of cells are beside that of the fragment
PANEL, GAP, CAPTION, TITLE, HEAD = 150, 10, 30, 30, 26
VIEW = "from a corner"


@dataclass(frozen=True)
class Cube:
    """A fragment (its row of the link table) and what lies around it on a cubic grid.

    labels (n, n, n): FRAGMENT, BEST, SECOND, OTHER or 0; step_nm: length of a step of the grid.
    """

    kind: str
    row: Mapping[Any, Any]
    labels: NDArray[np.uint8]
    step_nm: float


def read_cube(
    folder: str,
    cells: str,
    row: Mapping[Any, Any],
    nodes: pd.DataFrame,
    *,
    shape: Sequence[int],
    voxel_size_nm: Sequence[float],
    downsample: int,
    level: int,
    factor: Sequence[int],
    good_slices: GoodSlices,
    grid: int = GRID,
) -> Cube:
    """Cut out the surroundings of a fragment: a row of `link.examples.choose_examples`, and the pieces of linking.

    nodes: with NODE_COLUMNS, of this fragment at least; shape, voxel_size_nm: of the image; level, factor: pyramid
    level of the final cells that is read. In memory is the part of one slice at a time, beside the cube.
    """
    files = VolumeFiles(folder)
    nodes = nodes[nodes["fragment"] == row["fragment"]]
    size = np.asarray(voxel_size_nm, float)
    centre, side = _cube(nodes, size * (1, downsample, downsample))
    step = side / grid
    nm = [middle + (np.arange(grid) - (grid - 1) / 2) * step for middle in centre]
    # Voxels of the image; -1 beyond its border.
    places = [
        _inside(np.floor(at / length).astype(int), n) for at, length, n in zip(nm, size, shape, strict=True)
    ]
    coarse = [place // f for place, f in zip(places, factor, strict=True)]
    limits = shape_of(files.labels_level(cells, level))
    coarse = [_inside(place, n) for place, n in zip(coarse, limits, strict=True)]
    small = [places[1] // downsample, places[2] // downsample]
    own = {z: group["piece"].to_numpy() for z, group in nodes.groupby("z")}
    found, fragment = np.zeros((grid, grid, grid), np.uint32), np.zeros((grid, grid, grid), bool)
    previous: tuple[int, int] | None = None
    for i, (z, z_coarse) in enumerate(zip(places[0].tolist(), coarse[0].tolist(), strict=True)):
        if z < 0 or z_coarse < 0:
            continue
        if (z, z_coarse) == previous:  # steps are shorter than the slice is thick
            found[i], fragment[i] = found[i - 1], fragment[i - 1]
            continue
        previous = (z, z_coarse)
        found[i] = _part(files.labels_level(cells, level), z_coarse, coarse[1], coarse[2])
        good = good_slices.stand_in(z)
        if good in own:
            fragment[i] = np.isin(_part(files.pieces, good, *small), own[good])
    return Cube(str(row["kind"]), row, _roles(found, fragment, row), step)


def _cube(nodes: pd.DataFrame, size: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre (z, y, x) and side of the cube around the pieces of a fragment, in nm; size: of a voxel of the pieces."""
    centres = (nodes[["z", "y", "x"]].to_numpy(float) + 0.5) * size
    # A straight rod reaches 1.7 standard deviations from its middle.
    reach = 2 * np.sqrt(nodes[["yy", "xx"]].to_numpy(float) + 1 / 12) * size[1:]
    reach = np.column_stack([np.full(len(nodes), size[0] / 2), reach])
    low, high = (centres - reach).min(0), (centres + reach).max(0)
    largest = int(nodes["area"].to_numpy().argmax())
    diameter = 2 * np.sqrt(float(nodes["area"].iloc[largest]) * size[1] * size[2] / np.pi)
    wanted = max(ROOM * float((high - low).max()), LEAST * diameter)
    # A long fragment is shown in part, around its largest piece.
    return ((low + high) / 2, wanted) if wanted <= MOST * diameter else (centres[largest], MOST * diameter)


def _inside(place: NDArray[np.int_], n: int) -> NDArray[np.int_]:
    return np.where((place >= 0) & (place < n), place, -1)


def _part(path: str, z: int, ys: NDArray[np.int_], xs: NDArray[np.int_]) -> NDArray[Any]:
    """Slice z of an array at the places ys, xs (ascending, -1 for none: 0 there); reads the part that holds them."""
    out = np.zeros((len(ys), len(xs)), np.uint32)
    y, x = ys[ys >= 0], xs[xs >= 0]
    if not len(y) or not len(x):
        return out
    part = read_slice(path, z, (slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)))
    out[np.ix_(ys >= 0, xs >= 0)] = part[np.ix_(y - y[0], x - x[0])]
    return out


def _roles(
    cells: NDArray[np.uint32], fragment: NDArray[np.bool_], row: Mapping[Any, Any]
) -> NDArray[np.uint8]:
    """What each voxel shows, of ids and the fragment's own voxels."""
    best, second = int(row["best_cell"]), int(row["runner_up_cell"])
    labels = np.zeros(cells.shape, np.uint8)
    ids, voxels = np.unique(cells[~fragment], return_counts=True)
    rest = ~np.isin(ids, [0, best, second, int(row["cell"])])
    if rest.any() and not (best and second):
        labels[cells == ids[rest][voxels[rest].argmax()]] = OTHER
    for cell, role in ((second, SECOND), (best, BEST)):
        if cell > 0:
            labels[cells == cell] = role
    labels[fragment] = FRAGMENT
    return labels


def decisions_figure(cubes: Sequence[Cube], totals: Mapping[str, int], path: str) -> None:
    """Write the cubes of every kind under its title; totals: fragments per kind."""
    if not cubes:
        empty_figure(path, "No fragments: linking had nothing to decide.")
        return
    groups = {kind: [cube for cube in cubes if cube.kind == kind] for kind in KINDS}
    groups = {kind: group for kind, group in groups.items() if group}
    columns = (MAX_WIDTH + GAP) // (PANEL + GAP)
    row = PANEL + CAPTION
    figure = new_figure(
        MAX_WIDTH, HEAD + sum(TITLE + row * ceil_div(len(group), columns) for group in groups.values())
    )
    left = 0.0
    for role, words in WORDS.items():
        square = np.full((12, 12, 3), COLOURS[role], np.uint8)
        place_array(figure, square, round(left), 6)
        text = place_text(figure, words, left + 18, HEAD - 8, fontsize=10, va="baseline")
        left += 18 + text.get_window_extent().width + 24
    top = HEAD
    for kind, group in groups.items():
        words = f"{KINDS[kind]}  ({totals[kind]} fragment{'s' if totals[kind] != 1 else ''})"
        place_text(figure, words, 0, top + TITLE - 8, fontsize=13, weight="bold", va="baseline")
        top += TITLE
        for index, cube in enumerate(group):
            x, y = (index % columns) * (PANEL + GAP), top + row * (index // columns)
            picture = draw_cube(cube)
            bar, text_of_bar = scale_bar(PANEL, cube.step_nm * _span(cube.labels.shape[0]) / PANEL, 0.4)
            picture[-6:-3, 4 : 4 + bar] = DARK
            place_array(figure, picture, x, y)
            place_text(figure, text_of_bar, x + 4, y + PANEL - 7, fontsize=7)
            for line, said in enumerate(captions(cube.row)):
                place_text(figure, said, x, y + PANEL + 11 + 11 * line, fontsize=7.5, va="baseline")
        top += row * ceil_div(len(group), columns)
    save(figure, path)


def captions(row: Mapping[Any, Any]) -> tuple[str, str]:
    """Where the fragment of a row of the link table is, and who claims it how much."""
    claims = [
        f"{row[name]}: {row[strength]:.2f}"
        for name, strength in (("best_cell", "strength"), ("runner_up_cell", "runner_up"))
        if row[name]
    ]
    nobody = [f"nobody: {row['nobody']:.2f}"] if row["nobody"] > 0 else []
    said = ", ".join([*claims, *nobody][:2])
    return f"z {row['z']}, y {row['y']:.0f}, x {row['x']:.0f}", said or "no cell reaches it"


def draw_cube(cube: Cube, size: int = PANEL) -> NDArray[np.uint8]:
    """The cube from a corner (size, size, 3): the fragment whole, over cells that are cut open in front of it."""
    n = cube.labels.shape[0]
    turn, span = views_of_a_cube()[VIEW], _span(n)
    ends = np.array(list(product((0, n), repeat=3)))
    corners = ends @ turn.T
    picture = np.full((size, size, 3), 255, np.uint8)
    _draw_edges(picture, corners, span)
    cells = np.where(cube.labels > FRAGMENT, cube.labels, 0)
    cells[_in_front(cube.labels == FRAGMENT, ends[corners[:, 0].argmin()])] = 0
    for shown, opacity in ((cells, GLASS), (np.where(cube.labels == FRAGMENT, FRAGMENT, 0), 1.0)):
        points, ids = surface_points(np.pad(shown.astype(np.uint32), 1))
        if len(points):
            seen = render((points - 1) @ turn.T, ids, size, span, lambda i: COLOURS[i], around=corners)
            there = np.any(seen < 255, axis=-1, keepdims=True)
            mixed = np.where(there, opacity * seen + (1 - opacity) * picture, picture)
            picture = mixed.round().astype(np.uint8)
    return picture


def _in_front(fragment: NDArray[np.bool_], nearest: NDArray[np.int_]) -> NDArray[np.bool_]:
    """The block between the middle of the fragment and the corner that is nearest to the eye."""
    places = np.argwhere(fragment)
    middle = np.round(places.mean(0)).astype(int) if len(places) else np.array(fragment.shape) // 2
    block = np.zeros(fragment.shape, bool)
    block[
        tuple(slice(0, m) if end == 0 else slice(m + 1, None) for m, end in zip(middle, nearest, strict=True))
    ] = True
    return block


def _span(n: int) -> float:
    """Steps of the grid that fill a panel: a cube of n steps, whichever way it is turned."""
    return 1.62 * n


def _draw_edges(rgb: NDArray[np.uint8], corners: NDArray[np.float64], span: float) -> None:
    """Draw the edges of the cube but those at the corner nearest to the eye, in place; corners: depth, down, right."""
    middle = (corners.min(0) + corners.max(0)) / 2
    at = (((corners - middle)[:, 1:] / span + 0.5) * len(rgb)).round().astype(int)
    nearest = int(corners[:, 0].argmin())
    for a, b in product(range(8), repeat=2):
        if a < b and (a ^ b).bit_count() == 1 and nearest not in (a, b):
            cv2.line(
                rgb, tuple(at[a][::-1].tolist()), tuple(at[b][::-1].tolist()), (200, 200, 200), 1, cv2.LINE_AA
            )
