"""Volumes that other programs write as one array: HDF5, OME-Zarr, plain Zarr, NRRD and NIfTI.

Light to import: headers of Zarr are JSON, and h5py is imported only where a file must be opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.base.hdf5_links import check_inside
from ultraseg.formats import ome_zarr_layout
from ultraseg.formats.medical_files import is_medical, medical_header, open_medical
from ultraseg.formats.remote_zarr import open_store
from ultraseg.formats.slice_checks import check_count, check_plane

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".ilp")
WEBKNOSSOS = "datasource-properties.json"  # in the folder of a dataset of webKnossos
NEIGHBOURHOODS = ("neighborhood", "offsets")  # attributes of affinities
MOST_VOXELS = 2**26  # of a block that is decoded at a time
LISTED = 8  # arrays that a message names


@dataclass(frozen=True)
class ArrayFile:
    """One array on disk. axes: a letter for each axis of the array, z, y, x and perhaps c and t (of length 1).

    path: the file, or the folder of the Zarr array; dataset: of an HDF5 file, else ''; size: of every axis; block: what
    is decoded as one, along every axis; parts: all files of an NRRD or a NIfTI, else none;
    held: bytes that stay in memory while slices are read, of a packed file.
    """

    path: str
    dataset: str
    axes: str
    size: tuple[int, ...]
    block: tuple[int, ...]
    dtype: str
    parts: tuple[str, ...] = ()
    held: int = 0

    @property
    def name(self) -> str:
        """As the user names it."""
        return f"{self.path}:{self.dataset}" if self.dataset else self.path

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        z, y, x = (self.size[self.axes.index(axis)] for axis in "zyx")
        return z, y, x

    @property
    def channels(self) -> int:
        return self.size[self.axes.index("c")] if "c" in self.axes else 1

    @property
    def stamp(self) -> list[int]:
        """Numbers that change when the array changes: its size and date, of a Zarr the dates of its folders."""
        if self.dataset or self.parts:
            found = [os.stat(file) for file in self.parts or (self.path,)]
            return [number for one in found for number in (one.st_size, one.st_mtime_ns)]
        # Zarr renames a chunk into place, which changes the date of its folder.
        folders = [folder for folder, *_ in os.walk(self.path)]
        return [len(folders), max(os.stat(folder).st_mtime_ns for folder in folders)]

    def files(self, zs: Sequence[int], channel: int = 0) -> list[str]:
        """The files that hold some slices of a channel: what their reader depends on."""
        if self.dataset or self.parts:
            return list(self.parts or (self.path,))
        chosen = {"z": sorted({*zs}), "c": [channel]}
        return ome_zarr_layout.files_at(
            self.path, [chosen.get(a, range(n)) for a, n in zip(self.axes, self.size, strict=True)]
        )


def is_hdf5(path: str) -> bool:
    """Whether a path, perhaps followed by : and a data set, names an HDF5 file."""
    return _split(path)[0].lower().endswith(HDF5_SUFFIXES)


def is_array_file(path: str) -> bool:
    """Whether a path names an HDF5, NRRD or NIfTI file, or the folder of a Zarr array or image."""
    return is_hdf5(path) or is_medical(path) or ome_zarr_layout.is_zarr(path)


def open_header(path: str, axes: str | None = None, likely: str | None = None) -> ArrayFile:
    """What the header of an array says. axes: what its axes are, where the user says it.

    likely: what they are where there are as many and nothing says it.
    Raises UserError where there is no such array, or where it is not clear which axes are z, y and x.
    """
    if is_hdf5(path):
        found = _hdf5_header(path, axes, likely)
    else:
        found = (_medical_header if is_medical(path) else _zarr_header)(path, axes)
    check_count(found.shape[0], found.name)
    check_plane(found.shape[1:], found.name)
    return found


def neighbourhood(array: ArrayFile | None) -> list[list[int]] | None:
    """The offsets (z, y, x) of affinities in the metadata of an array, as volara writes them; None if none."""
    if array is None or array.parts:
        return None
    if array.dataset:
        with _open_hdf5(array.path) as opened:
            told = [opened[array.dataset].attrs.get(key) for key in NEIGHBOURHOODS]
    else:
        about = ome_zarr_layout.attributes_of_array(array.path)
        told = [about.get(key) for key in NEIGHBOURHOODS]
    for found in told:
        rows = found.tolist() if hasattr(found, "tolist") else found
        if isinstance(rows, list) and all(_is_offset(row) for row in rows):
            return [[int(n) for n in row] for row in rows]
    return None


def _is_offset(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 3
        and all(isinstance(n, int | float) and float(n).is_integer() for n in row)
    )


def exchanged(axes: str, a: str, b: str) -> str:
    """The letters of axes of which a and b are exchanged."""
    return axes.translate(str.maketrans(a + b, b + a))


def read_planes(array: ArrayFile, zs: Sequence[int], channel: int = 0) -> Iterator[Any]:
    """Slices (Y, X) of one channel, in the order ``zs``; slices that share chunks are decoded together.

    Raises UserError where they cannot be read.
    """
    depth = array.block[array.axes.index("z")]
    depth = max(1, min(depth, MOST_VOXELS // max(1, array.shape[1] * array.shape[2])))
    with _opened(array) as stored:
        first = 0
        for i in range(1, len(zs) + 1):
            goes_on = i < len(zs) and zs[i] - zs[i - 1] in (0, 1) and zs[i] // depth == zs[first] // depth
            if not goes_on:
                block = _block(stored, array, zs[first], zs[i - 1] + 1, channel)
                yield from (block[z - zs[first]] for z in zs[first:i])
                first = i


def _block(stored: Any, array: ArrayFile, start: int, stop: int, channel: int) -> Any:
    import numpy as np

    chosen = {"z": slice(start, stop), "c": channel, "t": 0}
    # An array of webKnossos is larger than the volume in it.
    part = (chosen.get(axis, slice(0, n)) for axis, n in zip(array.axes, array.size, strict=True))
    try:
        # The numbers of a packed file stay in memory for the next slice: what is handed out is a copy.
        values = (np.array if array.parts else np.asarray)(stored[tuple(part)])
    except (MemoryError, UserError):
        raise  # is told as such
    except Exception as error:  # damaged chunks make decoders raise errors of many kinds
        raise UserError(
            f"{array.name}: slice(s) {start} to {stop - 1} do not decode ({type(error).__name__}: {error})",
            "The file is damaged, or has a compression that is not read: copy it again, or write it again.",
        ) from error
    left = [axis for axis in array.axes if axis in "zyx"]
    values = values.transpose([left.index(axis) for axis in "zyx"])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


class _opened:
    """An open array, which is closed after the block."""

    def __init__(self, array: ArrayFile):
        self._array = array
        self._file: Any = None

    def __enter__(self) -> Any:
        if self._array.dataset:
            self._file = _open_hdf5(self._array.path)
            return self._file[self._array.dataset]
        if self._array.parts:
            return open_medical(self._array.path)
        import zarr

        try:
            return zarr.open_array(open_store(self._array.path), mode="r")
        except Exception as error:  # damaged metadata make Zarr raise errors of many kinds
            raise UserError(
                f"{self._array.path}: its metadata are damaged or not those of a Zarr array "
                f"({type(error).__name__}: {error})",
                "Copy it again from the source, or write it again with codecs that zarr-python reads.",
            ) from error

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


# ---------------------------------------------------------------- headers
def _split(path: str) -> tuple[str, str]:
    """File and data set of FILE.h5:DATASET; no data set where none is named."""
    file, colon, dataset = path.rpartition(":")
    return (file, dataset) if colon and file.lower().endswith(HDF5_SUFFIXES) else (path, "")


def _open_hdf5(file: str) -> Any:
    import h5py

    try:
        return h5py.File(file, "r", locking=False)
    except FileNotFoundError:
        raise UserError(f"{file}: no such file", "Correct the path.") from None
    except OSError as error:
        raise UserError(
            f"{file}: cannot be read as HDF5 ({error})", "Copy the file again from the source."
        ) from error


def _hdf5_header(path: str, axes: str | None, likely: str | None) -> ArrayFile:
    file, name = _split(path)
    with _open_hdf5(file) as opened:
        name = name or _only_dataset(file, opened)
        try:
            found = opened[name]
            if os.path.realpath(found.file.filename) != os.path.realpath(file):
                raise ValueError(f"it is a link to the file {found.file.filename}")
            check_inside(found)
            size, dtype = tuple(map(int, found.shape)), found.dtype.newbyteorder("=").name
        except (KeyError, ValueError, AttributeError, OSError) as error:
            inside = ", ".join(_datasets(opened)[:LISTED]) or "none"
            raise UserError(
                f"{file}: has no data set '{name}' that can be read ({error})",
                f"Name a data set as FILE.h5:DATASET. Those with three or more axes: {inside}.",
            ) from error
        told = axes or _axistags(found.attrs.get("axistags"))
        told = told or (likely if likely and len(likely) == len(size) else None)
        block = tuple(found.chunks or (1, *size[1:]))
    named = f"{file}:{name}"
    letters = _letters(named, told, size)
    return ArrayFile(file, name, letters, size, block, dtype)


def _datasets(opened: Any) -> list[str]:
    """Names of the data sets with three or more axes."""
    import h5py

    names: list[str] = []

    def note(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset) and found.ndim >= 3:
            names.append(name)

    opened.visititems(note)
    return names


def _only_dataset(file: str, opened: Any) -> str:
    names = _datasets(opened)
    if len(names) == 1:
        return names[0]
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    raise UserError(
        f"{file}: holds {len(names)} data sets with three or more axes: {', '.join(names[:LISTED]) or 'none'}{more}",
        f"Say which one is meant: {file}:{names[0] if names else 'DATASET'}.",
    )


def _axistags(text: Any) -> str | None:
    """The axes in the metadata of ilastik and vigra."""
    try:
        return "".join(axis["key"] for axis in json.loads(text)["axes"])
    except (TypeError, ValueError, KeyError):
        return None


def _medical_header(path: str, axes: str | None) -> ArrayFile:
    found = medical_header(path)
    letters = _letters(path, axes or found.axes, found.size)
    block = tuple(1 if axis == "z" else n for axis, n in zip(letters, found.size, strict=True))
    held = found.bytes if found.packed else 0
    return ArrayFile(path, "", letters, found.size, block, _type_name(found.dtype), found.files, held)


def _type_name(dtype: str) -> str:
    import numpy as np

    return str(np.dtype(dtype).newbyteorder("=").name)


def _zarr_header(path: str, axes: str | None) -> ArrayFile:
    if not os.path.isdir(path):
        raise UserError(f"{path}: no such folder", "Correct the path.")
    folder, names = ome_zarr_layout.finest_array(path)
    found = ome_zarr_layout.zarr_array(folder)
    told = axes or "".join(name.rstrip("^")[:1].lower() for name in names)
    letters = _letters(folder, told, found.shape)
    extents = _webknossos_extents(folder)
    size = tuple(min(n, extents.get(axis, n)) for axis, n in zip(letters, found.shape, strict=True))
    return ArrayFile(folder, "", letters, size, found.block, found.dtype)


def _webknossos_extents(folder: str) -> dict[str, int]:
    """How many voxels a layer of a webKnossos dataset has along x, y and z; empty for any other array.

    Its arrays are padded to whole shards. Raises UserError where the layer does not begin at 0.
    """
    layer, dataset = os.path.basename(os.path.dirname(folder)), os.path.dirname(os.path.dirname(folder))
    file = os.path.join(dataset, WEBKNOSSOS)
    if not os.path.exists(file):
        return {}
    try:
        with open(file, encoding="utf-8") as text:
            layers = {one["name"]: one["boundingBox"] for one in json.load(text)["dataLayers"]}
        box = layers.get(layer)
        if box is None or os.path.basename(folder) not in ("1", "1-1-1"):
            return {}
        corner, size = box["topLeft"], {"x": box["width"], "y": box["height"], "z": box["depth"]}
        if not all(type(n) is int and n > 0 for n in size.values()):
            raise ValueError(f"its box has the size {size}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file}: is no description of a webKnossos dataset that is read ({type(error).__name__}: {error})",
            "Download the dataset again.",
        ) from error
    if any(corner):
        raise UserError(
            f"{folder}: layer '{layer}' of the webKnossos dataset begins at x, y, z {corner}, not at 0",
            "Extend the box of the layer to the whole image in webKnossos, and download it again.",
        )
    return size


def _letters(name: str, axes: str | None, size: Sequence[int]) -> str:
    """A letter for each axis of an array. Raises UserError where it is not known which axes are z, y, x."""
    letters = axes or ("zyx" if len(size) == 3 else "")
    told = " x ".join(map(str, size))
    if not {*"zyx"} <= {*letters} or len({*letters}) != len(letters) or not {*letters} <= {*"tczyx"}:
        raise UserError(
            f"{name}: has {len(size)} axes ({told}), and it is not known which of them are z, y and x"
            + (f" ('{letters}')" if letters else ""),
            "Say it with axes, a letter for each axis in their order: axes: czyx (c: channels), or axes: zyxc.",
        )
    if len(letters) != len(size):
        raise UserError(
            f"{name}: has {len(size)} axes ({told}), but axes names {len(letters)}: {letters}",
            "Give one letter for each axis, such as czyx.",
        )
    if "t" in letters and size[letters.index("t")] > 1:
        raise UserError(
            f"{name}: has {size[letters.index('t')]} times ({letters}: {told})",
            "Write one time as an array of its own."
            + (
                "" if "c" in letters else f" If they are channels, say it: axes: {letters.replace('t', 'c')}."
            ),
        )
    return letters
