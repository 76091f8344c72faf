"""Where the slices of a foreign OME-Zarr on Zarr 2 or 3 lie: its finest level and its chunk files.

Reads the JSON metadata only: the Snakefile asks this module when it is parsed.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.formats.ome_zarr_metadata import READ, axes_of, check_axes, choose, levels_of, pixel_size
from ultraseg.formats.pixel_size import PixelSize
from ultraseg.formats.slice_checks import check_count, check_plane
from ultraseg.formats.slice_source import SliceRef, SliceSource

MOST_CHUNKS = 10**6  # files that hold one slice
FILES_AT_MOST = 200  # of a job; where there are more, their folders stand for them
SUFFIX = ".zarr"
METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
Crop = Sequence[Sequence[int]]


@dataclass(frozen=True)
class ZarrArray:
    """One array of Zarr 2 or 3 whose last axes are z, y, x and all others have length 1.

    chunk: that one file holds, block: that is decoded as one (smaller in a sharded array); prefix and separator: of
    chunk names.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    chunk: tuple[int, ...]
    block: tuple[int, ...]
    prefix: str
    separator: str
    pixel_size: PixelSize = PixelSize()
    metadata: tuple[str, ...] = ()

    def chunk_names(self, pages: Sequence[int], crop: Crop | None = None) -> Iterator[str]:
        """Names of the chunk files that hold some slices (or the part ``crop`` of them), relative to the array."""
        places = [range(start, stop) for start, stop in crop or [(0, n) for n in self.shape[-2:]]]
        yield from self.chunks_at([*[(0,)] * (len(self.shape) - 3), pages, *places])

    def chunks_at(self, places: Sequence[Sequence[int]]) -> Iterator[str]:
        """Names of the chunk files that hold some places, which are given for every axis of the array."""
        ranges: list[Sequence[int]] = []
        for wanted, size in zip(places, self.chunk, strict=True):
            if isinstance(wanted, range):
                ranges.append(range(wanted.start // size, (wanted.stop - 1) // size + 1))
            else:
                ranges.append(sorted({place // size for place in wanted}))
        for index in product(*ranges):
            yield self.prefix + self.separator.join(map(str, index))


def is_zarr(path: str) -> bool:
    """Whether a path is a Zarr folder: by its suffix, or by the metadata in it."""
    return os.path.isdir(path) and (
        path.endswith(SUFFIX) or any(os.path.exists(os.path.join(path, name)) for name in METADATA)
    )


def resolve_zarr(path: str) -> SliceSource:
    """The slices of an OME-Zarr image at its finest level. Raises UserError where it is no single z, y, x image."""
    array = finest_level(path)
    found = zarr_array(array)
    n_slices = found.shape[-3]
    check_count(n_slices, array)
    check_plane(found.shape[-2:], array)
    chunks = math.prod(-(-n // chunk) for n, chunk in zip(found.shape[-2:], found.chunk[-2:], strict=True))
    if chunks > MOST_CHUNKS:
        raise UserError(
            f"{array}: its metadata tell of {chunks} chunk files per slice, more than {MOST_CHUNKS}",
            "The metadata are damaged, or the chunks are far too small: write the OME-Zarr again, in larger chunks.",
        )
    entries = [name for name in os.listdir(array) if name not in METADATA]
    if not entries:
        raise UserError(
            f"{array}: has metadata but not one chunk",
            "Copy the whole folder again, with everything below it.",
        )
    return SliceSource(tuple(SliceRef(z, array, z) for z in range(n_slices)))


def finest_level(path: str) -> str:
    """Folder of the array of an image's finest level. Raises UserError for damaged and unknown metadata."""
    try:
        return _finest_level(path)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(path, error) from error


def finest_array(path: str) -> tuple[str, list[str]]:
    """Folder of the array of an image's finest level, whatever its axes are, and the names of these.

    Raises UserError for damaged and unknown metadata.
    """
    try:
        return _finest_array(path)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(path, error) from error


def _finest_level(path: str) -> str:
    array, names = _finest_array(path)
    check_axes(path, names, _arrays[array].shape)
    return array


def _unreadable(path: str, error: Exception) -> UserError:
    return UserError(
        f"{path}: its metadata are damaged or not those of an OME-Zarr image ({type(error).__name__}: {error})",
        f"OME-Zarr {READ} are read: copy the image again from the source, or write it again.",
    )


def _finest_array(path: str) -> tuple[str, list[str]]:
    attributes, metadata = _attributes(path)
    if "multiscales" not in attributes:
        if _array_file(path):
            _arrays[path] = _read_array(path)
            return path, _axes_of_array(path)
        series = [name for name in os.listdir(path) if name.isdigit()]
        if "bioformats2raw.layout" in attributes and len(series) == 1:
            return finest_array(os.path.join(path, series[0]))
        inside = f"; it holds {len(series)} series: {', '.join(sorted(series, key=int))}" if series else ""
        raise UserError(
            f"{path}: no OME-Zarr image (no 'multiscales' in its metadata){inside}",
            "Name the folder of one image, the one with multiscales metadata.",
        )
    scales = choose(path, attributes["multiscales"])
    levels = [(_read_array(folder), dataset) for folder, dataset in levels_of(path, scales)]
    level, dataset = max(levels, key=lambda found: math.prod(found[0].shape))
    axes = axes_of(path, scales, str(attributes.get("version", scales.get("version", ""))))
    is_volume = [axis["name"] for axis in axes[-3:]] == ["z", "y", "x"]
    told = pixel_size(path, axes, scales, dataset) if is_volume else PixelSize()
    _arrays[level.path] = replace(level, pixel_size=told, metadata=(*metadata, *level.metadata))
    return level.path, [axis["name"] for axis in axes]


_arrays: dict[str, ZarrArray] = {}  # by folder of the array, as ``finest_level`` found them


def zarr_array(array: str) -> ZarrArray:
    """What the metadata of an array say; without voxel size where the array was not found through its image."""
    if array not in _arrays:
        _arrays[array] = _read_array(array)
    return _arrays[array]


def files_of(array: str, pages: Sequence[int], crop: Crop | None = None) -> list[str]:
    """Metadata and the chunk files of some slices that exist, or the folders of these where they are many."""
    return _with_metadata(array, present(array, pages, crop))


def files_at(array: str, places: Sequence[Sequence[int]]) -> list[str]:
    """The same for some places along every axis of an array."""
    return _with_metadata(array, _existing(array, zarr_array(array).chunks_at(places)))


def _with_metadata(array: str, names: Sequence[str]) -> list[str]:
    chunks = [os.path.join(array, name) for name in names]
    if len(chunks) > FILES_AT_MOST:
        # Zarr renames a chunk into place, which changes the time of its folder.
        chunks = list(dict.fromkeys(os.path.dirname(chunk) for chunk in chunks))
    return [*zarr_array(array).metadata, *chunks]


def present(array: str, pages: Sequence[int], crop: Crop | None = None) -> list[str]:
    """Names of the chunk files of some slices that exist."""
    return _existing(array, zarr_array(array).chunk_names(pages, crop))


def _existing(array: str, wanted: Iterable[str]) -> list[str]:
    listed: dict[str, set[str]] = {}
    names = []
    for name in wanted:
        folder, _, base = name.rpartition("/")
        if folder not in listed:
            where = os.path.join(array, folder)
            listed[folder] = set(os.listdir(where)) if os.path.isdir(where) else set()
        if base in listed[folder]:
            names.append(name)
    return names


def missing_chunks(array: str, pages: Sequence[int], crop: Crop | None = None) -> tuple[list[str], int]:
    """Names of the chunk files of some slices that do not exist, and how many there should be.

    Zarr leaves out chunks that hold the fill value alone, so that a missing one need not be a loss.
    """
    wanted = list(zarr_array(array).chunk_names(pages, crop))
    there = set(present(array, pages, crop))
    return [name for name in wanted if name not in there], len(wanted)


def _json(file: str) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as text:
            found = json.load(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{file}: cannot be read ({error})", "Copy the OME-Zarr again from the source."
        ) from error
    if not isinstance(found, dict):
        raise UserError(f"{file}: holds no metadata", "Copy the OME-Zarr again from the source.")
    return found


def _attributes(path: str) -> tuple[dict[str, Any], list[str]]:
    """Attributes of a group in Zarr 3 ("ome" of them) or Zarr 2, and the files that hold them."""
    new, old = (os.path.join(path, name) for name in ("zarr.json", ".zattrs"))
    if os.path.exists(new):
        return _json(new).get("attributes", {}).get("ome", {}), [new]
    return (_json(old), [old]) if os.path.exists(old) else ({}, [])


def attributes_of_array(path: str) -> dict[str, Any]:
    """Attributes of an array in Zarr 3 or Zarr 2; empty where there are none."""
    new, old = (os.path.join(path, name) for name in ("zarr.json", ".zattrs"))
    found = _json(new).get("attributes") if os.path.exists(new) else None
    if found is None and os.path.exists(old):
        found = _json(old)
    return found if isinstance(found, dict) else {}


def _array_file(path: str) -> str | None:
    for name in ("zarr.json", ".zarray"):
        file = os.path.join(path, name)
        if os.path.exists(file) and "shape" in _json(file):
            return file
    return None


def _axes_of_array(path: str) -> list[str]:
    about = _json(_array_file(path) or "")
    return about.get("dimension_names") or list("tczyx"[-len(about["shape"]) :])


def _sizes(numbers: Any, file: str) -> tuple[int, ...]:
    if not isinstance(numbers, list) or not all(type(n) is int and 0 < n < 2**63 for n in numbers):
        raise UserError(f"{file}: {numbers} are no sizes", "Copy the OME-Zarr again from the source.")
    return tuple(numbers)


def _read_array(path: str) -> ZarrArray:
    file = _array_file(path)
    if file is None:
        raise UserError(
            f"{path}: no Zarr array here, though the metadata name it", "Copy the OME-Zarr again."
        )
    about = _json(file)
    shape = _sizes(about["shape"], file)
    if file.endswith(".zarray"):
        kinds = {"u": "uint", "i": "int", "f": "float"}
        kind, size = about["dtype"][1:2], about["dtype"][2:]
        dtype = f"{kinds[kind]}{8 * int(size)}" if kind in kinds else about["dtype"]
        chunk = block = _sizes(about["chunks"], file)
        prefix, separator = "", about.get("dimension_separator", ".")
    else:
        dtype = str(about["data_type"])
        chunk = block = _sizes(about["chunk_grid"]["configuration"]["chunk_shape"], file)
        for codec in about["codecs"]:
            if codec["name"] == "sharding_indexed":
                block = _sizes(codec["configuration"]["chunk_shape"], file)
        encoding = about["chunk_key_encoding"]
        given = encoding.get("configuration", {}).get("separator")
        separator = given or ("/" if encoding["name"] == "default" else ".")
        prefix = f"c{separator}" if encoding["name"] == "default" else ""
    if separator not in (".", "/"):
        raise UserError(
            f"{file}: separates the numbers in names of chunks by {separator!r}, not by . or /",
            "Copy the OME-Zarr again from the source.",
        )
    if not len(shape) == len(chunk) == len(block) >= 3:
        raise UserError(
            f"{file}: an array of {len(shape)} dimensions in chunks of {len(chunk)}, not a volume",
            "Name a volume with the axes z, y, x; copy the OME-Zarr again if its metadata are damaged.",
        )
    return ZarrArray(path, shape, dtype, chunk, block, prefix, separator, metadata=(file,))
