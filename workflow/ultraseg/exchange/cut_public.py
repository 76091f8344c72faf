"""``ultraseg cut``: a box out of a public volume, as TIFF slices and labels on some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffWriter, imwrite

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file

DEFLATE = "deflate"
DEPTH = 16  # slices read at a time where an array has no chunks


def open_source(source: str) -> Any:
    """The array (z, y, x) that a name stands for: FILE.h5:DATASET, the folder of a Zarr array, or its address.

    Raises UserError when it cannot be opened, or has not three axes.
    """
    file, _, dataset = source.rpartition(":")
    hdf5 = file.endswith((".h5", ".hdf5", ".hdf"))
    try:
        array = _open_hdf5(file, dataset) if hdf5 else _open_zarr(source)
    except (OSError, KeyError, ValueError, ImportError) as error:
        raise UserError(
            f"{source}: cannot be opened as an array ({type(error).__name__}: {error})",
            "Name an array: FILE.h5:DATASET, or the folder or address of one level of a Zarr, such as .../s2.",
        ) from error
    if len(array.shape) != 3:
        raise UserError(
            f"{source}: has {len(array.shape)} axes, not z, y, x", "Choose an array with three axes."
        )
    return array


def _open_hdf5(file: str, dataset: str) -> Any:
    from ultraseg.storage.hdf5 import open_hdf5

    return open_hdf5(file)[dataset]


def _open_zarr(source: str) -> Any:
    import zarr
    from zarr.storage import FsspecStore, LocalStore

    if "://" not in source:
        return zarr.open_array(LocalStore(source, read_only=True), mode="r")
    options = {"anon": True} if source.startswith("s3://") else None
    return zarr.open_array(FsspecStore.from_url(source, options, read_only=True), mode="r")


def slices_of_box(array: Any, box: Sequence[tuple[int, int]]) -> Iterator[NDArray[Any]]:
    """The slices of a box, read in rows of chunks so that no chunk is fetched twice."""
    (z0, z1), (y0, y1), (x0, x1) = box
    depth = (array.chunks or (DEPTH,))[0]
    for start in range(z0 - z0 % depth, z1, depth):
        yield from np.asarray(array[max(start, z0) : min(start + depth, z1), y0:y1, x0:x1])


def whole_box(array: Any, source: str, ranges: dict[str, Sequence[int] | None]) -> list[tuple[int, int]]:
    """First voxel and the one after the last along each axis, of the whole array where no range is given.

    Raises UserError when a range is no part of the array.
    """
    box = []
    for (axis, given), size in zip(ranges.items(), array.shape, strict=True):
        start, stop = given or (0, size)
        if not 0 <= start < stop <= size:
            raise UserError(
                f"{source}: {axis} {start} to {stop} is no part of 0 to {size}",
                f"Choose --{axis} START STOP within it; STOP is not included.",
            )
        box.append((start, stop))
    return box


def cut_image(source: str, ranges: dict[str, Sequence[int] | None], folder: Path) -> tuple[int, ...]:
    """Write the image of a box as one TIFF per slice; returns its shape."""
    array = open_source(source)
    box = whole_box(array, source, ranges)
    for z, values in enumerate(slices_of_box(array, box)):
        with whole_file(folder / f"image/z{z:04d}.tif") as part:
            imwrite(part, values, compression=DEFLATE, metadata=None)
    return tuple(stop - start for start, stop in box)


def cut_labels(
    name: str, source: str, ranges: dict[str, Sequence[int] | None], folder: Path, every: int, truth: bool
) -> list[int]:
    """Write labels of every so many slices and the last one; with ``truth`` all of them as well, for scoring alone.

    Returns the labelled slices. Ids of 64 bits are numbered anew.
    """
    array = open_source(source)
    box = whole_box(array, source, ranges)
    last = box[0][1] - box[0][0] - 1
    known: dict[int, int] = {0: 0}
    with ExitStack() as stack:
        pages = None
        if truth:
            part = stack.enter_context(whole_file(folder / f"truth/{name}.tif"))
            pages = stack.enter_context(TiffWriter(part))
        for z, values in enumerate(slices_of_box(array, box)):
            labels = _small(values, known)
            if z % every == 0 or z == last:
                with whole_file(folder / name / f"z{z:04d}.tif") as part:
                    imwrite(part, labels, compression=DEFLATE, metadata=None)
            if pages:
                pages.write(labels, contiguous=False, compression=DEFLATE, metadata=None)
    return sorted({*range(0, last + 1, every), last})


def _small(values: NDArray[Any], known: dict[int, int]) -> NDArray[np.uint32]:
    """Ids in 32 bits; ``known`` keeps the numbers of larger ones from slice to slice."""
    if values.dtype.itemsize <= 4:
        return values.astype(np.uint32)
    ids, places = np.unique(values, return_inverse=True)
    numbers = [known.setdefault(int(i), len(known)) for i in ids]
    return np.array(numbers, np.uint32)[places].reshape(values.shape)


def cut(
    image: str,
    ranges: dict[str, Sequence[int] | None],
    to: Path,
    labels: Sequence[str] = (),
    every: int = 10,
    truth: bool = False,
) -> None:
    """Write image and labels of a box as files for a run, and print what was written.

    ``image``: see ``open_source``; ``ranges``: START and STOP for each of z, y, x, or None for all; ``labels``: words
    NAME=SOURCE; ``every`` and ``truth``: see ``cut_labels``. Raises UserError when a source cannot be read.
    """
    shape = cut_image(image, ranges, to)
    print(f"{to}/image: {shape[0]} slices of {shape[1]} x {shape[2]} pixels")
    for word in labels:
        name, _, source = word.partition("=")
        slices = cut_labels(name, source, ranges, to, every, truth)
        print(f"{to}/{name}: labels of slices {', '.join(map(str, slices))}")
