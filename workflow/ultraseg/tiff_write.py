"""TIFF stacks as ImageJ, Fiji and napari open them, with voxel size and names of slices."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
import tifffile

from ultraseg.files import whole_file

IMAGEJ_LARGEST = (
    65535  # ImageJ has no 32-bit integers: beyond, ids are stored as float, which is exact to 2^24
)
FLOAT_LARGEST = 2**24


def label_type(highest: int) -> str:
    """The smallest type for ids up to ``highest`` that ImageJ can read, or uint32 where none is exact."""
    if highest <= 255:
        return "uint8"
    if highest <= IMAGEJ_LARGEST:
        return "uint16"
    return "float32" if highest <= FLOAT_LARGEST else "uint32"


def imagej_stack(
    path: str | os.PathLike,
    stack: np.ndarray,
    voxel_size_nm: Sequence[float],
    names: Sequence[str] | None = None,
    overlays: Sequence[bytes] = (),
) -> None:
    """Write a stack (z, y, x), of grey values or of ids, as one TIFF.

    ``voxel_size_nm`` in z, y, x; ``names`` of the slices; ``overlays``: ROIs that ImageJ draws over the image.
    """
    stack = stack.astype(label_type(int(stack.max(initial=0))), copy=False)
    z, y, x = (nm / 1000 for nm in voxel_size_nm)
    about = {"axes": "ZYX", "spacing": z, "unit": "um", "Labels": list(names or ())}
    about |= {"Overlays": list(overlays)} if overlays else {}
    how: dict = {"imagej": True, "resolution": (1 / x, 1 / y), "metadata": about}
    if stack.dtype == np.uint32:
        how = {"compression": "zlib", "photometric": "minisblack", "metadata": {"axes": "ZYX"}}
    with whole_file(path) as part:
        tifffile.imwrite(part, stack, **how)


def label_slices(
    folder: str | os.PathLike,
    slices: Iterable[tuple[int, np.ndarray]],
    dtype: str,
    voxel_size_nm: Sequence[float],
) -> int:
    """Write one compressed TIFF per slice, ``z00012.tif``; returns how many."""
    count = 0
    how = {"compression": "zlib", "photometric": "minisblack"}
    how["resolution"] = (1000 / voxel_size_nm[2], 1000 / voxel_size_nm[1])
    for z, plane in slices:
        with whole_file(os.path.join(folder, f"z{z:05d}.tif")) as part:
            tifffile.imwrite(part, plane.astype(dtype), **how)
        count += 1
    return count
