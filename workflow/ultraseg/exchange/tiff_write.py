"""TIFF stacks as ImageJ, Fiji and napari open them, with voxel size and names of slices."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ultraseg.base.files import whole_file

# ImageJ has no 32-bit integers: ids beyond are stored as float, which is exact to 2^24.
IMAGEJ_LARGEST = 65535
FLOAT_LARGEST = 2**24
IMAGEJ_BYTES = 4_000_000_000  # of a stack that ImageJ's own TIFF can hold


def label_type(highest: int) -> str:
    """The smallest type for ids up to ``highest`` that ImageJ can read, or uint32 where none is exact."""
    if highest <= 255:
        return "uint8"
    if highest <= IMAGEJ_LARGEST:
        return "uint16"
    return "float32" if highest <= FLOAT_LARGEST else "uint32"


def imagej_stack(
    path: str | os.PathLike[str],
    stack: NDArray[Any],
    voxel_size_nm: Sequence[float],
    names: Sequence[str] | None = None,
    overlays: Sequence[bytes] = (),
) -> None:
    """Write a stack (z, y, x), of grey values or of ids, as one TIFF.

    ``voxel_size_nm`` in z, y, x; ``names`` of the slices; ``overlays``: ROIs that ImageJ draws over the image.
    """
    stack = stack.astype(label_type(int(stack.max(initial=0))), copy=False)
    z, y, x = (nm / 1000 for nm in voxel_size_nm)
    about: dict[str, Any] = {"axes": "ZYX", "spacing": z, "unit": "um", "Labels": list(names or ())}
    about |= {"Overlays": list(overlays)} if overlays else {}
    how: dict[str, Any] = {"imagej": True, "resolution": (1 / x, 1 / y), "metadata": about}
    if stack.dtype == np.uint32:
        how = {"compression": "zlib", "photometric": "minisblack", "metadata": {"axes": "ZYX"}}
    with whole_file(path) as part:
        tifffile.imwrite(part, stack, **how)


def streamed_stack(
    path: str | os.PathLike[str],
    planes: Iterable[NDArray[Any]],
    shape: Sequence[int],
    dtype: str,
    voxel_size_nm: Sequence[float],
) -> None:
    """Write planes, one in memory at a time, as one stack: for ImageJ, or beyond 4 GB or 2^24 ids as OME-TIFF.

    ``shape`` (z, y, x) and ``dtype`` are those of the whole stack.
    """
    z, y, x = (nm / 1000 for nm in voxel_size_nm)
    how: dict[str, Any] = {"imagej": True, "resolution": (1 / x, 1 / y)}
    about: dict[str, Any] = {"axes": "ZYX", "spacing": z, "unit": "um"}
    if dtype == "uint32" or np.prod(shape) * np.dtype(dtype).itemsize > IMAGEJ_BYTES:
        how = {"ome": True, "bigtiff": True, "photometric": "minisblack"}
        sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (z, y, x), strict=True)}
        about = {"axes": "ZYX", **sizes, **{f"{name}Unit": "µm" for name in sizes}}
    converted = (plane.astype(dtype) for plane in planes)
    with whole_file(path) as part:
        tifffile.imwrite(part, converted, shape=tuple(shape), dtype=dtype, metadata=about, **how)


def whole_label_slice(
    path: str | os.PathLike[str],
    page: NDArray[Any],
    full: Sequence[int],
    crop: Sequence[Sequence[int]],
) -> None:
    """Write one slice of labels (y, x) as a label file has it: a whole slice of the stack, of ``full`` (y, x) pixels.

    ``crop``: where the page lies in it, start and stop in y and x; around it the file is 0.
    """
    whole = np.zeros(tuple(full), page.dtype)
    whole[tuple(slice(*side) for side in crop)] = page
    with whole_file(path) as part:
        tifffile.imwrite(part, whole, compression="zlib", photometric="minisblack")


def label_slices(
    folder: str | os.PathLike[str],
    slices: Iterable[tuple[int, NDArray[Any]]],
    dtype: str,
    voxel_size_nm: Sequence[float],
) -> int:
    """Write one compressed TIFF per slice, ``z00012.tif``; returns how many."""
    count = 0
    per_um = (1000 / voxel_size_nm[2], 1000 / voxel_size_nm[1])
    for z, plane in slices:
        with whole_file(os.path.join(folder, f"z{z:05d}.tif")) as part:
            how: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack", "resolution": per_um}
            tifffile.imwrite(part, plane.astype(dtype), **how)
        count += 1
    return count
