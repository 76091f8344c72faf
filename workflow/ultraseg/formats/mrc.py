"""MRC files (.mrc, .rec, .st) as image stacks: one section is one slice, read alone.

NumPy and mrcfile are imported where they are used: the Snakefile asks this module when it is parsed.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ultraseg.base.errors import UserError
from ultraseg.formats.other_formats import what_it_is
from ultraseg.formats.pixel_size import PixelSize, in_nm
from ultraseg.formats.slice_checks import check_count, check_size, check_type
from ultraseg.formats.slice_source import SliceRef, SliceSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = (".mrc", ".rec", ".st")
HEADER_BYTES = 1024
IMOD_STAMP = 1146047817  # of files by IMOD, which say whether bytes are signed


class MrcHeader(NamedTuple):
    """Where the numbers of a file lie: type with byte order, shape (z, y, x), offset in bytes; and the voxel size.

    stored: the place of z, y and x among the axes of the file.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    offset: int
    pixel_size: PixelSize
    stored: tuple[int, int, int] = (0, 1, 2)


def resolve_sections(file: str) -> SliceSource:
    """The sections of an MRC file as slices. Raises UserError for a file that is none, or too short."""
    n_slices = read_mrc_header(file).shape[0]
    check_count(n_slices, file)
    return SliceSource(tuple(SliceRef(z, file, z) for z in range(n_slices)))


def read_mrc_header(file: str) -> MrcHeader:
    """What the header of an MRC file says. Raises UserError for a damaged, foreign or truncated file."""
    from ultraseg.formats.tiff_decode import check_readable

    check_readable(file)
    other = what_it_is(file)
    if other and ("packed" in other[0] or "archive" in other[0]):
        raise UserError(f"{file}: not a valid MRC file ({other[0]})", other[1])
    about = os.stat(file)
    return _header(file, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=64)
def _header(file: str, mtime_ns: int, actual: int) -> MrcHeader:
    import mrcfile
    from mrcfile.utils import data_dtype_from_header, data_shape_from_header

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old programs leave out the stamp "MAP "
            with mrcfile.open(file, permissive=True, header_only=True) as mrc:
                header, size = mrc.header.copy(), mrc.voxel_size.copy()
            dtype, shape = data_dtype_from_header(header), data_shape_from_header(header)
    except (ValueError, OSError, TypeError, ZeroDivisionError) as error:
        kind, cure = what_it_is(file) or ("", "")
        if "mode" in str(error):
            kind = ""  # an MRC file, of numbers that are not read
            cure = "Write it with 8 or 16 bit integers or as float (IMOD: newstack -mode 0), or as TIFF (mrc2tif)."
        elif not kind or "MRC" in kind:
            kind, cure = "", "Copy the file again from the source; move files of other kinds away."
        raise UserError(f"{file}: not a valid MRC file ({kind or error})", cure) from error
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(
            f"{file}: holds an array of {' x '.join(map(str, shape))}, not a stack of sections",
            "Save one volume per file.",
        )
    offset = HEADER_BYTES + max(0, int(header.nsymbt))
    order = _stored_order(header, file)
    needed = offset + int(dtype.itemsize) * math.prod(map(int, shape))
    if needed > actual:
        raise UserError(
            f"{file}: truncated: its header tells of {needed} bytes, the file has {actual}",
            "Copy the file again from the source.",
        )
    dtype = _bytes_of_imod(header) if dtype.name == "int8" else dtype
    depth, height, width = (int(shape[place]) for place in order)
    return MrcHeader(dtype, (depth, height, width), offset, _pixel_size(header, size), order)


def _stored_order(header: np.recarray[Any, Any], file: str) -> tuple[int, int, int]:
    """The place of z, y and x among sections, rows and columns, of which the header names the axis: 1 is x."""
    axes = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    if sorted(axes) == [1, 2, 3]:
        return axes.index(3), axes.index(2), axes.index(1)
    if any(axes):
        raise UserError(
            f"{file}: its header names the axes {axes[2]}, {axes[1]}, {axes[0]} for columns, rows and sections",
            "They are 1, 2, 3 in any order: correct the header (IMOD: alterheader), or write the file again.",
        )
    return 0, 1, 2  # old programs leave them out


def _bytes_of_imod(header: np.recarray[Any, Any]) -> np.dtype[Any]:
    """Bytes are signed by the standard, but in files of IMOD only where a flag says so."""
    import numpy as np

    order = header.dtype["nx"].str[0].replace("|", "<")
    stamp, flags = np.frombuffer(header.tobytes()[152:160], f"{order}i4")
    return np.dtype("uint8" if stamp == IMOD_STAMP and not flags & 1 else "int8")


def _pixel_size(header: np.recarray[Any, Any], size: np.recarray[Any, Any]) -> PixelSize:
    sizes = [in_nm(float(size[axis]), "angstrom") for axis in "zyx"]
    # 1 Angstrom is what programs write that know no size. The sections of an image stack have no distance.
    if all(nm is None or abs(nm - 0.1) < 1e-9 for nm in sizes):
        return PixelSize()
    if int(header.ispg) == 0:
        sizes[0] = None
    z, y, x = (None if nm is None else round(nm, 6) for nm in sizes)
    return PixelSize((z, y, x), "MRC")


def read_sections(
    refs: Sequence[SliceRef], plane: tuple[int, int], dtype: str, crop: Sequence[Sequence[int]]
) -> Iterator[NDArray[Any]]:
    """Sections of one file cut to ``crop``; the file is mapped, so that memory holds one of them at a time."""
    import numpy as np

    file = refs[0].file
    found = read_mrc_header(file)
    check_size(found.shape[1:], plane, file)
    check_type(found.dtype.name, dtype, file)
    shape = [found.shape[found.stored.index(place)] for place in range(3)]
    mapped = np.memmap(file, found.dtype, "r", found.offset, tuple(shape)).transpose(found.stored)
    native = found.dtype.newbyteorder("=")
    for ref in refs:
        yield np.ascontiguousarray(mapped[ref.page, slice(*crop[0]), slice(*crop[1])]).astype(native)
