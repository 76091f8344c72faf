"""Arrays for the figures of one volume: a few slices, and the cells at a small scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ultraseg.figures import overlay_montage
from ultraseg.store import read_image, read_slices, shape_of

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
