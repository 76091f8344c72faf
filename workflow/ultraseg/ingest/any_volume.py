"""A volume of labels or maps in any form that is read: TIFF slices, MRC, HDF5, OME-Zarr and plain Zarr.

Light to import; files are opened for their headers alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import ArrayFile, is_array_file, open_header, read_planes
from ultraseg.formats.slice_source import SliceRef
from ultraseg.ingest.image_source import image_files, image_header, resolve_image

CONVERT = "Convert it to a TIFF stack, to HDF5 (FILE.h5:DATASET), or to OME-Zarr"
WITH = "in a Python that has tifffile and"
WRITE = "tifffile.imwrite('maps.tif', {}, bigtiff=True, photometric='minisblack')"
NOT_READ = {
    (".nii", ".nii.gz"): (
        "is a NIfTI file",
        f", {WITH} nibabel: " + WRITE.format("nibabel.load('FILE').dataobj[:].T"),
    ),
    (".nrrd", ".nhdr"): ("is an NRRD file", f", {WITH} pynrrd: " + WRITE.format("nrrd.read('FILE')[0].T")),
    (".npy",): ("is a NumPy file", f", {WITH} numpy: " + WRITE.format("numpy.load('FILE')")),
    (".npz",): ("is a NumPy file", f", {WITH} numpy: " + WRITE.format("numpy.load('FILE')['NAME']")),
    (".n5",): ("is an N5 folder", ""),
    (".mha", ".mhd"): ("is a MetaImage file", ""),
}


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


def open_volume_file(path: str, axes: str | None = None) -> AnyVolume:
    """The volume that a path names; an HDF5 data set as FILE.h5:DATASET. axes: of an array, where the user says them.

    Raises UserError where it is none, or in a form that is not read.
    """
    for suffixes, (what, how) in NOT_READ.items():
        if path.lower().rstrip("/").endswith(suffixes):
            raise UserError(f"{path}: {what}, which is not read", f"{CONVERT}{how.replace('FILE', path)}.")
    if is_array_file(path):
        found = open_header(path, axes)
        return AnyVolume(path, found.shape, found.dtype, found.channels, array=found)
    if axes is not None:
        raise UserError(
            f"{path}: axes are given, but it is no HDF5 file and no Zarr folder",
            "Remove axes: the slices of TIFF and MRC files have no others.",
        )
    source = resolve_image(path)
    header = image_header(source)
    return AnyVolume(path, (len(source), *header.shape), header.dtype, slices=source.slices)
