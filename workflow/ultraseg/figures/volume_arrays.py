"""Arrays for the figures of one volume: a few slices, and the cells at a small scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd

from ultraseg.figures.montage import overlay_montage
from ultraseg.storage.arrays import read_image, read_slices, shape_of

MAX_VOXELS = 40_000_000  # labels of the 3D view: 160 MB


def draw_montages(
    folder: str,
    structures: Mapping[str, str],
    shape: Sequence[int],
    voxel_size_nm: Sequence[float],
    count: int,
    raw_file: str,
    overlay_file: str,
) -> None:
    """Write the montage of evenly spaced slices without and with labels: cells as areas, the others as outlines."""
    zs = np.unique(np.linspace(0, shape[0] - 1, count).round().astype(int)).tolist()
    images = [read_image(f"{folder}/image.zarr/0", z, z + 1)[0] for z in zs]
    labels = {
        s: [read_slices(f"{folder}/image.zarr/labels/{s}/0", z, z + 1)[0] for z in zs] for s in structures
    }
    cells = next((s for s, kind in structures.items() if kind == "cells"), None)
    areas = labels.pop(cells) if cells else [None] * len(zs)
    outlines = {s: [one != 0 for one in stack] for s, stack in labels.items()}
    for file, overlay in ((raw_file, False), (overlay_file, True)):
        overlay_montage(images, areas, zs, tuple(voxel_size_nm), file, overlay=overlay, outlines=outlines)


def small_cells(
    folder: str,
    structures: Mapping[str, str],
    level: int,
    factor: Sequence[int],
    voxel_size_nm: Sequence[float],
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Cells (or else the first organelle) at a pyramid level, thinned in z when still too large, and its voxel size."""
    shown = next((s for s, kind in structures.items() if kind == "cells"), next(iter(structures)))
    path = f"{folder}/image.zarr/labels/{shown}/{level}"
    depth, height, width = shape_of(path)
    stride = max(1, -(-depth * height * width // MAX_VOXELS))
    labels = np.concatenate([read_slices(path, z, z + 1) for z in range(0, depth, stride)])
    size = [v * f for v, f in zip(voxel_size_nm, factor, strict=True)]
    return labels, (size[0] * stride, size[1], size[2])


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
) -> tuple[dict[str, np.ndarray], float]:
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
    names = {kind if kind == "cells" else name: name for name, kind in structures.items()}
    labels = {name: f"{folder}/image.zarr/labels/{names[name]}/{level}" for name in names}
    shape = shape_of(labels["cells"])
    at = [np.minimum(place // f, n - 1) for place, f, n in zip(places, factor, shape, strict=True)]
    small = [places[1] // downsample, places[2] // downsample]
    protruding = nodes[nodes["protrusion"] > 0].groupby("z")["piece"].apply(np.asarray).to_dict()
    planes: dict[str, list[np.ndarray]] = {name: [] for name in ("protrusions", *labels)}
    for z, coarse in zip(places[0].tolist(), at[0].tolist(), strict=True):
        good = stand_ins.get(z, z)
        pieces = read_slices(f"{folder}/work/pieces", good, good + 1)[0]
        own = np.isin(pieces, protruding.get(good, ()))
        # The final labels are smooth where pieces are coarse: a pixel more, where no other piece is.
        own |= (cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (pieces == 0)
        planes["protrusions"].append(own[np.ix_(*small)])
        for name, path in labels.items():
            found = read_slices(path, coarse, coarse + 1)[0][np.ix_(at[1], at[2])]
            planes[name].append(found == cell["cell"] if name == "cells" else found != 0)
    cubes = {name: np.stack(stack) for name, stack in planes.items()}
    cubes["cell"] = cubes.pop("cells")
    return cubes, step
