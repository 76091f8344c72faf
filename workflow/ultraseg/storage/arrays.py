"""Arrays on disk, read and written by slabs: slab s of an array is the single file c/<s>/0/0.

No other module opens an array of Zarr.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.grey_values import to_shown
from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file
from ultraseg.grid.paths import metadata, shard_file
from ultraseg.storage.layout import ArrayLayout, read_layout
from ultraseg.storage.shards import ShardWriter, read_shard

Box = tuple[slice, ...]


def write_slab(path: str, start: int, values: NDArray[np.generic]) -> None:
    """Write the slices from ``start`` on, (n, ..., Y, X), as the file of one slab, which appears whole or not at all.

    Raises ValueError where the slices are not exactly one slab.
    """
    with slab_writer(path, start, len(values)) as add:
        for one in values:
            add(one)


@contextmanager
def slab_writer(path: str, start: int, count: int) -> Iterator[Callable[[NDArray[np.generic]], None]]:
    """Give a function that adds one slice (..., Y, X) to the file of the slab that begins with slice ``start``.

    The file appears when the block ends well. Raises ValueError where the ``count`` slices are not exactly one slab,
    or where another number of slices was added.
    """
    array = _open(path)
    depth, stop = array.slab[0], start + count
    if start % depth or start >= array.shape[0] or stop != min(start + depth, array.shape[0]):
        raise ValueError(f"slices {start} to {stop} are not one slab of {path} (depth {depth})")
    with whole_file(shard_file(path, start // depth, len(array.shape))) as part, open(part, "wb") as out:
        shard = ShardWriter(out, array)
        yield shard.add
        if shard.slices != count:
            raise ValueError(f"{shard.slices} slices were written to {path}, not {count}")
        shard.close()


def read_slices(path: str, start: int, stop: int, box: Box = ()) -> NDArray[Any]:
    """Read the slices start <= z < stop of an array.

    box: the part to read, one slice object for each axis after z, all of it where there is none. Raises UserError that
    names the damaged or missing file of a slab, and IndexError for slices outside the stack.
    """
    array = _open(path)
    if not 0 <= start < stop <= array.shape[0]:
        raise IndexError(f"{path} has no slices {start} to {stop}")
    depth = array.slab[0]
    slabs = range(start // depth, (stop - 1) // depth + 1)
    for slab in slabs:
        file = shard_file(path, slab, len(array.shape))
        if not os.path.exists(file):
            raise UserError(
                f"{file}: the slab file is missing", "Run snakemake again: it makes the slab anew."
            )
        if not os.path.getsize(file):
            raise _damaged(file, "it is empty (0 bytes)")
    try:
        return _decode(array, (slice(start, stop), *box))
    except (ValueError, RuntimeError) as error:
        for slab in slabs:
            low, high = max(start, slab * depth), min(stop, (slab + 1) * depth)
            _decode_alone(array, low, high, shard_file(path, slab, len(array.shape)))
        # The second read met no damage: the fault lies in the disk or the memory, not in one file.
        raise UserError(
            f"{path}: slices {start} to {stop - 1} do not decode ({error})",
            "Run snakemake again; if it fails in the same place, check the disk.",
        ) from error


def read_slice(path: str, z: int, box: Box = ()) -> NDArray[Any]:
    """Read slice z, without the axis z; box and errors as in ``read_slices``."""
    return read_slices(path, z, z + 1, box)[0]


def read_image(path: str, start: int, stop: int, box: Box = ()) -> NDArray[np.uint8]:
    """Read the image slices start <= z < stop as uint8: the grey-value window is spread over 0 to 255.

    Every step sees images as this function gives them. box and errors as in ``read_slices``; UserError also where the
    window of an image of 16 bits is missing.
    """
    values = read_slices(path, start, stop, box)
    if values.dtype == np.uint8:
        return values
    about = _open(path).attributes.get("ultraseg")
    if about is None:
        raise UserError(
            f"{path}/zarr.json: the grey-value window is missing",
            "Delete this file and run snakemake again: it makes it anew.",
        )
    return to_shown(values, [(grey - about["offset"]) / about["scale"] for grey in about["window"]])


def read_image_slice(path: str, z: int, box: Box = ()) -> NDArray[np.uint8]:
    """Read image slice z as uint8 (Y, X); box and errors as in ``read_image``."""
    return read_image(path, z, z + 1, box)[0]


def read_listed(path: str, zs: Sequence[int], box: Box = ()) -> NDArray[Any]:
    """Read the slices ``zs`` of an array, in this order: (len(zs), ...). They ascend, and may repeat.

    Slices that follow each other are read in one go. box and errors as in ``read_slices``.
    """
    wanted, first = sorted(set(zs)), 0
    parts: list[NDArray[Any]] = []
    for i in range(1, len(wanted) + 1):
        if i == len(wanted) or wanted[i] != wanted[i - 1] + 1:
            parts.append(read_slices(path, wanted[first], wanted[i - 1] + 1, box))
            first = i
    stack = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return stack if len(wanted) == len(zs) else stack[[wanted.index(z) for z in zs]]


def _decode(array: ArrayLayout, box: Box) -> NDArray[Any]:
    """A box of an array; slabs without a file are zeros. Raises ValueError or RuntimeError where a slab is damaged."""
    steps = [one.step not in (None, 1) for one in box]
    if array.blosc is None or any(steps):
        import zarr

        return np.asarray(zarr.open_array(zarr.storage.LocalStore(array.path), mode="r")[box or ...])
    whole = [slice(None)] * (len(array.shape) - len(box))
    parts = [one.indices(n)[:2] for one, n in zip((*box, *whole), array.shape, strict=True)]
    (start, stop), *rest = ((low, max(low, high)) for low, high in parts)
    out = np.zeros((stop - start, *(high - low for low, high in rest)), array.dtype)
    depth = array.slab[0]
    for slab in range(start // depth, -(-stop // depth)) if out.size else ():
        file = shard_file(array.path, slab, len(array.shape))
        first, last = max(start, slab * depth), min(stop, (slab + 1) * depth)
        if os.path.exists(file):
            within = [(first - slab * depth, last - slab * depth), *rest]
            read_shard(file, array, within, out[first - start : last - start])
    return out


def _decode_alone(array: ArrayLayout, start: int, stop: int, file: str) -> None:
    """Raise UserError that names the file of a slab, where its slices start <= z < stop do not decode."""
    try:
        _decode(array, (slice(start, stop),))
    except (ValueError, RuntimeError) as error:
        raise _damaged(file, f"slices {start} to {stop - 1} do not decode: {error}") from error


def _damaged(file: str, what: str) -> UserError:
    return UserError(f"{file}: the slab file is damaged, {what}", f"Delete {file} and run snakemake again.")


def look_at(path: str, box: Sequence[slice] = ()) -> NDArray[Any]:
    """Read a box (z, y, x) of an array, or all of it, for a viewer: slabs that are not made yet are zeros.

    No step may compute with the result, as the zeros are no data. Raises UserError for an array that does not decode.
    """
    try:
        return _decode(_open(path), tuple(box))
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: does not decode ({error})", "Run snakemake verify: it names the file."
        ) from error


def describe(path: str) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """Shape of an array, its type, and the shape of one of its slabs."""
    array = _open(path)
    return array.shape, str(array.dtype), array.shard or ()


def shape_of(path: str) -> tuple[int, ...]:
    """Shape of an array."""
    return _open(path).shape


def _open(path: str) -> ArrayLayout:
    """Open an array. Raises UserError where it is missing or its zarr.json is damaged."""
    if not os.path.exists(metadata(path)):
        raise UserError(f"{path}: no array here", "Run snakemake again: it makes the array anew.")
    try:
        return read_layout(path)
    except ValueError as error:
        raise UserError(
            f"{path}/zarr.json: damaged ({error})", "Delete it and run snakemake again: it makes it anew."
        ) from error


def read_whole(path: str) -> NDArray[Any]:
    """All slices of an array: only for coarse pyramid levels."""
    return read_slices(path, 0, shape_of(path)[0])
