"""A volume of labels or maps in any form that is read: TIFF slices, MRC, HDF5, Zarr, NRRD and NIfTI.

Light to import; files are opened for their headers alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import ArrayFile, is_array_file, open_header, read_planes
from ultraseg.formats.other_formats import refuse_other_volumes
from ultraseg.formats.slice_source import SliceRef
from ultraseg.ingest.image_source import image_files, image_header, resolve_image


@dataclass(frozen=True)
class AnyVolume:
    """A volume: either slices of TIFF or MRC files, or one array. shape: slices, rows, columns."""

    path: str
    shape: tuple[int, int, int]
    dtype: str
    channels: int = 1
    slices: tuple[SliceRef, ...] = ()
    array: ArrayFile | None = None

    @property
    def is_float(self) -> bool:
        return self.dtype.startswith("float")

    def planes(self, zs: Sequence[int], channel: int = 0) -> Iterator[Any]:
        """Slices (Y, X) of one channel in the order ``zs``. Raises UserError where they cannot be read."""
        if self.array is not None:
            yield from read_planes(self.array, zs, channel)
            return
        from ultraseg.ingest.read_slices import read_source_slices  # slow to import

        yield from read_source_slices([self.slices[z] for z in zs], self.shape[1:], self.dtype)

    def files(self, zs: Sequence[int], channel: int = 0) -> list[str]:
        """The files that hold some slices of a channel: what their reader depends on."""
        if self.array is not None:
            return self.array.files(zs, channel)
        return image_files([self.slices[z] for z in zs])


def open_volume_file(path: str, axes: str | None = None, likely: str | None = None) -> AnyVolume:
    """The volume that a path names; an HDF5 data set as FILE.h5:DATASET. axes: of an array, where the user says them.

    likely: the axes of an array that has so many of them and does not name them.

    Raises UserError where it is none, or in a form that is not read.
    """
    refuse_other_volumes(path)
    if is_array_file(path):
        found = open_header(path, axes, likely)
        return AnyVolume(path, found.shape, found.dtype, found.channels, array=found)
    if axes is not None:
        raise UserError(
            f"{path}: axes are given, but it is no HDF5, NRRD or NIfTI file and no Zarr folder",
            "Remove axes: the slices of TIFF and MRC files have no others.",
        )
    source = resolve_image(path)
    header = image_header(source)
    return AnyVolume(path, (len(source), *header.shape), header.dtype, slices=source.slices)
