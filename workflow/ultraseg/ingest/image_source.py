"""What a volume's image may be, by its path: TIFF slices, one MRC file or an OME-Zarr. Light to import."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ultraseg.formats import mrc, ome_zarr_layout
from ultraseg.formats.pixel_size import PixelSize
from ultraseg.formats.remote_zarr import is_address, mirrored
from ultraseg.formats.slice_checks import check_image_type, check_plane
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.formats.tiff_read import read_image_header
from ultraseg.ingest.find_slices import SUFFIXES, resolve_slices


class ImageHeader(NamedTuple):
    """What the metadata of an image say of every slice: shape (Y, X), type, voxel size."""

    shape: tuple[int, int]
    dtype: str
    pixel_size: PixelSize


def file_kind(file: str) -> str:
    """'zarr', 'mrc' or 'tiff', by the file (or folder) that holds a slice."""
    if file.lower().endswith(mrc.SUFFIXES):
        return "mrc"
    if file.lower().endswith(SUFFIXES):
        return "tiff"
    return "zarr" if os.path.isdir(file) else "tiff"


def resolve_image(path: str, missing_slices: str = "error", pattern: str | None = None) -> SliceSource:
    """The slices of the image that ``path`` names. Raises UserError where it names none, or for gaps ("error")."""
    if is_address(path):
        path = mirrored(path)
    if ome_zarr_layout.is_zarr(path):
        return ome_zarr_layout.resolve_zarr(path)
    if path.lower().endswith(mrc.SUFFIXES) and not os.path.isdir(path):
        return mrc.resolve_sections(path)
    return resolve_slices(path, kind="image", missing_slices=missing_slices, pattern=pattern)


def image_header(source: SliceSource) -> ImageHeader:
    """Size, type and voxel size of the slices, from the metadata of the first one. Raises UserError."""
    file = source.slices[0].file
    kind = file_kind(file)
    if kind == "zarr":
        found = ome_zarr_layout.zarr_array(file)
        header = ImageHeader((found.shape[-2], found.shape[-1]), found.dtype, found.pixel_size)
    elif kind == "mrc":
        about = mrc.read_mrc_header(file)
        header = ImageHeader(about.shape[1:], about.dtype.name, about.pixel_size)
    else:
        header = ImageHeader(*read_image_header(file))
    check_image_type(header.dtype, file)
    check_plane(header.shape, file)
    return header


def image_files(refs: Sequence[SliceRef], crop: Sequence[Sequence[int]] | None = None) -> list[str]:
    """The files that hold some slices (of a Zarr the part ``crop``), each once: what their reader depends on."""
    files = []
    for file, group in groupby(refs, key=lambda ref: ref.file):
        if file_kind(file) == "zarr":
            files += ome_zarr_layout.files_of(file, [ref.page or 0 for ref in group], crop)
        else:
            files.append(file)
    return list(dict.fromkeys(files))
