"""The one place that opens Zarr: arrays whose slab s is the single file c/<s>/0/0."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import zarr

from ultraseg.arrays.grey_values import to_shown
from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file
from ultraseg.grid.slabs import shard_file
from ultraseg.storage.shards import ShardWriter


def write_slab(path: str, start: int, values: np.ndarray) -> None:
    """Write the slices from ``start`` on as the file of one slab, which appears whole or not at all.

    Raises ValueError when the slices are not exactly one slab.
    """
    with slab_writer(path, start, len(values)) as add:
        for one in values:
            add(one)


@contextmanager
def slab_writer(path: str, start: int, count: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Give a function that takes the ``count`` slices from ``start`` on, one after another, into the file of one slab.

    The file appears when the block ends well. Raises ValueError when the slices are not exactly one slab.
    """
    array = _open(path)
    depth, stop = array.shards[0], start + count
    if start % depth or start >= array.shape[0] or stop != min(start + depth, array.shape[0]):
        raise ValueError(f"slices {start} to {stop} are not one slab of {path} (depth {depth})")
    with whole_file(shard_file(path, start // depth, array.ndim)) as part, open(part, "wb") as out:
        shard = ShardWriter(out, array)
        yield shard.add
        if shard.slices != count:
            raise ValueError(f"{shard.slices} slices were written to {path}, not {count}")
        shard.close()


def read_slices(path: str, start: int, stop: int, box: tuple[slice, ...] = ()) -> np.ndarray:
    """Read the slices start <= z < stop, or of these only a box, one slice for each of the axes after z.

    Raises UserError that names the damaged or missing slab file.
    """
    array = _open(path)
    if not 0 <= start < stop <= array.shape[0]:
        raise IndexError(f"{path} has no slices {start} to {stop}")
    depth = array.shards[0]
    slabs = range(start // depth, (stop - 1) // depth + 1)
    # Zarr fills a missing shard with zeros and says nothing.
    for slab in slabs:
        file = shard_file(path, slab, array.ndim)
        if not os.path.exists(file):
            raise UserError(
                f"{file}: the slab file is missing", "Run snakemake again: it makes the slab anew."
            )
        if not os.path.getsize(file):
            raise _damaged(file, "it is empty (0 bytes)")
    try:
        return array[(slice(start, stop), *box)]
    except (ValueError, RuntimeError) as error:
        for slab in slabs:
            low, high = max(start, slab * depth), min(stop, (slab + 1) * depth)
            _decode_alone(array, low, high, shard_file(path, slab, array.ndim))
        # Damage that two reads do not both meet lies in the disk or the memory, not in one file.
        raise UserError(
            f"{path}: slices {start} to {stop - 1} do not decode ({error})",
            "Run snakemake again; if it fails in the same place, check the disk.",
        ) from error


def read_slice(path: str, z: int, box: tuple[slice, ...] = ()) -> np.ndarray:
    """Read slice z, without the axis z; box and errors as in ``read_slices``."""
    return read_slices(path, z, z + 1, box)[0]


def read_image(path: str, start: int, stop: int, box: tuple[slice, ...] = ()) -> np.ndarray:
    """Image slices start <= z < stop as uint8, whatever is stored: the grey-value window spread over 0 to 255.

    box: as in ``read_slices``. All steps see images through this function. Raises UserError as ``read_slices``.
    """
    values = read_slices(path, start, stop, box)
    if values.dtype == np.uint8:
        return values
    about = _open(path).attrs.get("ultraseg")
    if about is None:
        raise UserError(
            f"{path}/zarr.json: the grey-value window is missing",
            "Delete this file and run snakemake again: it makes it anew.",
        )
    return to_shown(values, [(grey - about["offset"]) / about["scale"] for grey in about["window"]])


def read_image_slice(path: str, z: int, box: tuple[slice, ...] = ()) -> np.ndarray:
    """Read image slice z as uint8 (Y, X); box and errors as in ``read_image``."""
    return read_image(path, z, z + 1, box)[0]


def read_listed(path: str, zs: Sequence[int]) -> np.ndarray:
    """The slices ``zs`` of the array at ``path``, in this order; (len(zs), ...). ``zs`` ascend and may repeat.

    Slices that follow each other are read in one go.
    """
    wanted, parts, first = sorted(set(zs)), [], 0
    for i in range(1, len(wanted) + 1):
        if i == len(wanted) or wanted[i] != wanted[i - 1] + 1:
            parts.append(read_slices(path, wanted[first], wanted[i - 1] + 1))
            first = i
    stack = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return stack if len(wanted) == len(zs) else stack[[wanted.index(z) for z in zs]]


def _decode_alone(array: zarr.Array, start: int, stop: int, file: str) -> None:
    try:
        array[start:stop]
    except (ValueError, RuntimeError) as error:
        raise _damaged(file, f"slices {start} to {stop - 1} do not decode: {error}") from error


def _damaged(file: str, what: str) -> UserError:
    return UserError(f"{file}: the slab file is damaged, {what}", f"Delete {file} and run snakemake again.")


def look_at(path: str, box: Sequence[slice] = ()) -> np.ndarray:
    """A box (z, y, x) of an array, or all of it, just to look at: slabs that are not made yet are zeros.

    No step may compute with it. Raises UserError for an array that does not decode.
    """
    try:
        return _open(path)[tuple(box) or ...]
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: does not decode ({error})", "Run snakemake verify: it names the file."
        ) from error


def describe(path: str) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """Shape, type and shape of a slab of an array."""
    array = _open(path)
    return tuple(array.shape), str(array.dtype), tuple(array.shards or ())


def shape_of(path: str) -> tuple[int, ...]:
    """Shape of an array."""
    return _open(path).shape


def _store(path: str) -> zarr.storage.LocalStore:
    return zarr.storage.LocalStore(path)


def _open(path: str) -> zarr.Array:
    if not os.path.exists(os.path.join(path, "zarr.json")):
        raise UserError(f"{path}: no array here", "Run snakemake again: it makes the array anew.")
    try:
        return zarr.open_array(_store(path), mode="r+")
    except ValueError as error:
        raise UserError(
            f"{path}/zarr.json: damaged ({error})", "Delete it and run snakemake again: it makes it anew."
        ) from error
