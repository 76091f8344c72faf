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
from ultraseg.ingest.pixel_size import PixelSize, in_nm
from ultraseg.ingest.slice_checks import check_size, check_type
from ultraseg.ingest.slice_source import SliceRef, SliceSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = (".mrc", ".rec", ".st")
HEADER_BYTES = 1024
IMOD_STAMP = 1146047817  # of files by IMOD, which say whether bytes are signed


class MrcHeader(NamedTuple):
    """Where the numbers of a file lie: type with byte order, shape (z, y, x), offset in bytes; and the voxel size."""

    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    offset: int
    pixel_size: PixelSize


def resolve_sections(file: str) -> SliceSource:
    """The sections of an MRC file as slices. Raises UserError for a file that is none, or too short."""
    return SliceSource(tuple(SliceRef(z, file, z) for z in range(read_mrc_header(file).shape[0])))


def read_mrc_header(file: str) -> MrcHeader:
    """What the header of an MRC file says. Raises UserError for a damaged, foreign or truncated file."""
    from ultraseg.ingest.tiff_decode import check_readable

    check_readable(file)
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
    except (ValueError, OSError, TypeError) as error:
        raise UserError(
            f"{file}: not a valid MRC file ({error})",
            "Copy the file again from the source; move files of other kinds away.",
        ) from error
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(
            f"{file}: holds an array of {' x '.join(map(str, shape))}, not a stack of sections",
            "Save one volume per file.",
        )
    offset = HEADER_BYTES + int(header.nsymbt)
    needed = offset + int(dtype.itemsize) * math.prod(map(int, shape))
    if needed > actual:
        raise UserError(
            f"{file}: truncated: its header tells of {needed} bytes, the file has {actual}",
            "Copy the file again from the source.",
        )
    dtype = _bytes_of_imod(header) if dtype.name == "int8" else dtype
    depth, height, width = (int(n) for n in shape)
    return MrcHeader(dtype, (depth, height, width), offset, _pixel_size(header, size))


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
    mapped = np.memmap(file, found.dtype, "r", found.offset, found.shape)
    native = found.dtype.newbyteorder("=")
    for ref in refs:
        yield mapped[ref.page, slice(*crop[0]), slice(*crop[1])].astype(native)
