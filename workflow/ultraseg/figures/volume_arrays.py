"""Arrays for the figures of one volume: a few slices, and the cells at a small scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.figures.montage import overlay_montage
from ultraseg.grid.paths import VolumeFiles
from ultraseg.grid.slabs import ceil_div
from ultraseg.storage.arrays import read_image_slice, read_slice, shape_of

MAX_VOXELS = 40_000_000  # labels of the 3D view: 160 MB


def draw_montages(
    folder: str,
    structures: Mapping[str, str],
    zs: Sequence[int],
    voxel_size_nm: Sequence[float],
    raw_file: str,
    overlay_file: str,
) -> None:
    """Write the montage of the slices ``zs`` without and with labels: cells as areas, the others as outlines."""
    files = VolumeFiles(folder)
    images = [read_image_slice(files.image_level(), z) for z in zs]
    labels: dict[str, list[NDArray[Any]]] = {
        name: [read_slice(files.labels_level(name), z) for z in zs] for name in structures
    }
    cells = next((s for s, kind in structures.items() if kind == "cells"), None)
    areas: Sequence[NDArray[Any] | None] = labels.pop(cells) if cells else [None] * len(zs)
    outlines = {name: [one != 0 for one in stack] for name, stack in labels.items()}
    z_nm, y_nm, x_nm = voxel_size_nm
    for file, overlay in ((raw_file, False), (overlay_file, True)):
        overlay_montage(images, areas, zs, (z_nm, y_nm, x_nm), file, overlay=overlay, outlines=outlines)


def small_cells(
    folder: str,
    structures: Mapping[str, str],
    level: int,
    factor: Sequence[int],
    voxel_size_nm: Sequence[float],
) -> tuple[NDArray[Any], tuple[float, float, float]]:
    """Cells, or else the first organelle, at a pyramid level, and the voxel size in nm.

    Slices are left out where the level has more than ``MAX_VOXELS`` voxels.
    """
    shown = next((s for s, kind in structures.items() if kind == "cells"), next(iter(structures)))
    path = VolumeFiles(folder).labels_level(shown, level)
    depth, height, width = shape_of(path)
    stride = max(1, ceil_div(depth * height * width, MAX_VOXELS))
    labels = np.stack([read_slice(path, z) for z in range(0, depth, stride)])
    z_nm, y_nm, x_nm = (nm * f for nm, f in zip(voxel_size_nm, factor, strict=True))
    return labels, (z_nm * stride, y_nm, x_nm)


def cut_out(
    folder: str,
    cell: pd.Series,
    structures: Mapping[str, str],
    level: int,
    factor: Sequence[int],
    voxel_size_nm: Sequence[float],
    nodes: pd.DataFrame,
    downsample: int,
    stand_ins: Mapping[int, int],
    grid: int = 320,
) -> tuple[dict[str, NDArray[np.bool_]], float]:
    """One cell on a cubic grid, ``grid`` steps along its longest side, and the step in nm.

    ``cell``: its row of the table of cells. ``level`` and ``factor``: a pyramid level. ``nodes``: the pieces of
    linking, which are ``downsample`` times larger in y and x; a bad slice shows those of its stand-in. Masks by
    name: ``cell``, ``protrusions`` and each organelle.
    """
    first = np.array([cell[f"{axis}_min"] for axis in "zyx"])
    size = np.array([cell[f"{axis}_max"] for axis in "zyx"]) + 1 - first
    step = float((size * voxel_size_nm).max() / grid)
    steps = np.maximum(1, np.round(size * voxel_size_nm / step)).astype(int)
    # The voxel at full size in the middle of each step.
    places = [
        start + (np.arange(n) * 2 + 1) * extent // (2 * n)
        for start, extent, n in zip(first, size, steps, strict=True)
    ]
    files = VolumeFiles(folder)
    labels = {
        "cell" if kind == "cells" else name: files.labels_level(name, level)
        for name, kind in structures.items()
    }
    shape = shape_of(labels["cell"])
    at = [np.minimum(place // f, n - 1) for place, f, n in zip(places, factor, shape, strict=True)]
    small = [places[1] // downsample, places[2] // downsample]
    protruding = nodes[nodes["protrusion"] > 0].groupby("z")["piece"].apply(np.asarray).to_dict()
    planes: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in ("protrusions", *labels)}
    for z, coarse in zip(places[0].tolist(), at[0].tolist(), strict=True):
        good = stand_ins.get(z, z)
        pieces = read_slice(files.pieces, good)
        own = np.isin(pieces, protruding.get(good, ()))
        # Pieces are coarser than the final labels: one pixel more covers the labels, where no other piece is.
        own |= (cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (pieces == 0)
        planes["protrusions"].append(own[np.ix_(*small)])
        for name, path in labels.items():
            found = read_slice(path, coarse)[np.ix_(at[1], at[2])]
            planes[name].append(found == cell["cell"] if name == "cell" else found != 0)
    return {name: np.stack(stack) for name, stack in planes.items()}, step
