"""Picture of two segmentations: slices with the labels of A, with those of B, and the outlines of what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.figures.montage import overlay_montage
from ultraseg.figures.style import empty_figure

GREY = 200  # where there is no image
CHANGED = "changed"


class ComparedSlice(NamedTuple):
    """One slice: its number, image uint8 (Y, X) or None, labels of A and B with matched numbers, changed voxels."""

    z: int
    image: NDArray[np.uint8] | None
    a: NDArray[Any]
    b: NDArray[Any]
    changed: NDArray[np.bool_]


def draw_comparison(
    slices: Sequence[ComparedSlice], voxel_size_nm: tuple[float, float, float], path: str, structure: str
) -> None:
    """Write a row of three panels for each slice; a message where there is none.

    Objects of B have the colours of their partners in A. voxel_size_nm: z, y, x.
    """
    if not slices:
        empty_figure(path, f"{structure}: no voxel changed.")
        return
    images, labels, changed, captions = [], list[Any](), list[Any](), []
    for one in slices:
        image = np.full(one.a.shape, GREY, np.uint8) if one.image is None else one.image
        images += [image] * 3
        labels += [_coloured(one.a), _coloured(one.b), None]
        changed += [None, None, one.changed]
        share = np.count_nonzero(one.changed)
        captions += [f"slice {one.z}: {structure} of A", "B", f"changed: {share} pixels"]
    zs = [one.z for one in slices for _ in range(3)]
    overlay_montage(
        images, labels, zs, voxel_size_nm, path, outlines={CHANGED: changed}, captions=captions, columns=3
    )


def _coloured(labels: NDArray[Any]) -> NDArray[np.uint32]:
    """Ids for colours: those of objects without a partner are negative, and get numbers far from the others."""
    return np.where(labels < 0, 2**31 - labels, labels).astype(np.uint32)
