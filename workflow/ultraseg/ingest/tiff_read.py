"""Reading and checking single slices of TIFF files; ``tiff_names`` finds them, ``tiff_decode`` decodes pages.

NumPy and tifffile are imported where they are used: the Snakefile imports this module when it is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ultraseg.base.errors import UserError
from ultraseg.base.text import format_numbers
from ultraseg.ingest.find_slices import resolve_slices, slice_number
from ultraseg.ingest.pixel_size import PixelSize, of_tiff, refuse_channels
from ultraseg.ingest.slice_source import SliceRef, SliceSource

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Header",
    "SliceRef",
    "SliceSource",
    "check_expected",
    "check_image_type",
    "format_numbers",
    "read_header",
    "read_image_header",
    "read_pages",
    "read_slice",
    "resolve_slices",
    "slice_number",
]

IMAGE_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
Crop = Sequence[Sequence[int]]  # (start, stop) in y and in x


class Header(NamedTuple):
    """What the header of a TIFF says: number of slices, shape (Y, X) and type of one slice."""

    pages: int
    shape: tuple[int, int]
    dtype: np.dtype


def read_header(file: str) -> Header:
    """Number of slices, shape (Y, X) and type of a TIFF, from its header alone."""
    import numpy as np

    from ultraseg.ingest.tiff_decode import number_of_slices, open_tiff

    with open_tiff(file) as tif:
        page = tif.pages[0]
        dtype = np.dtype("uint8") if page.dtype == bool else np.dtype(page.dtype)
        return Header(number_of_slices(tif), (page.imagelength, page.imagewidth), dtype)


def read_image_header(file: str) -> tuple[tuple[int, int], str, PixelSize]:
    """Shape (Y, X), type and voxel size of an image's slices. Raises UserError for a hyperstack of several channels."""
    from ultraseg.ingest.tiff_decode import open_tiff

    with open_tiff(file) as tif:
        page = tif.pages[0]
        refuse_channels(tif, file)
        dtype = "uint8" if page.dtype is None or page.dtype == bool else page.dtype.name
        return (page.imagelength, page.imagewidth), dtype, of_tiff(tif)


def read_slice(
    file: str,
    page: int | None = None,
    expect_shape: tuple[int, int] | None = None,
    expect_dtype: str | np.dtype | None = None,
    kind: str = "image",
) -> np.ndarray:
    """Read one slice as a 2D array, or say what is wrong with the file.

    ``page=None`` demands a file of one slice. ``kind="image"``: min-is-white is inverted (float values change
    their sign), grey stored as RGB or palette becomes grey. ``kind="labels"``: the stored numbers of any type, never
    inverted (Fiji writes masks with an inverted display), 1-bit masks as uint8. Raises UserError.
    """
    import numpy as np

    from ultraseg.ingest.tiff_decode import open_tiff

    with open_tiff(file) as tif:
        values = _page(tif, file, page, kind)
    check_expected(values.shape, values.dtype, file, expect_shape, expect_dtype)
    return np.ascontiguousarray(values)


def read_pages(
    refs: Sequence[SliceRef], plane: tuple[int, int], dtype: str, crop: Crop
) -> Iterator[np.ndarray]:
    """Image slices of one file, each page decoded once and cut to ``crop``; the file is opened once."""
    from ultraseg.ingest.tiff_decode import open_tiff

    file = refs[0].file
    with open_tiff(file) as tif:
        for ref in refs:
            values = _page(tif, file, ref.page, "image")
            check_expected(values.shape, values.dtype, file, plane, dtype)
            yield values[slice(*crop[0]), slice(*crop[1])]


def _page(tif, file: str, page: int | None, kind: str) -> np.ndarray:
    """One page of an open TIFF as ``read_slice`` gives it."""
    import numpy as np

    from ultraseg.ingest.tiff_decode import decode, number_of_slices, single_channel

    count = number_of_slices(tif)
    if page is None and count != 1:
        raise UserError(
            f"{file}: holds {count} slices where one is expected",
            "Give a folder of one-slice TIFFs, or name one multi-page TIFF itself.",
        )
    index = 0 if page is None else page
    if not 0 <= index < count:
        raise UserError(
            f"{file}: has no page {index} (pages 0 to {count - 1})",
            "The file is shorter than expected: copy it again from the source.",
        )
    values, tags = decode(tif, file, index)
    values = single_channel(values, tags, file, kind)
    if values.dtype == bool:
        values = values.astype(np.uint8) * (255 if kind == "image" else 1)
    if kind == "image":
        check_image_type(values.dtype.name, file)
        if tags.photometric == 0:
            # ~ maps the lowest to the highest number of any integer type and back
            values = ~values if values.dtype.kind in "iu" else -values
    return values


def check_image_type(dtype: str, file: str) -> None:
    """Raise UserError for a type of numbers that no grey value has."""
    if dtype not in IMAGE_TYPES:
        raise UserError(
            f"{file}: pixel type is {dtype}, not one of {', '.join(IMAGE_TYPES)}",
            "Convert the stack to 8 or 16 bit integers or 32 bit float (Fiji: Image > Type).",
        )


def check_expected(
    found_shape: Sequence[int],
    found_dtype: np.dtype,
    file: str,
    shape: Sequence[int] | None,
    dtype: str | np.dtype | None,
) -> None:
    """Raise UserError with both values where a slice has another size or type than the other slices of its volume."""
    import numpy as np

    if shape is not None and tuple(found_shape) != tuple(shape):
        raise UserError(
            f"{file}: slice is {found_shape[0]} x {found_shape[1]} pixels (height x width), "
            f"expected {shape[0]} x {shape[1]} as in the first slice of the image",
            "All slices and labels of a volume must have one size: export it again from the aligned stack.",
        )
    if dtype is not None and found_dtype.name != np.dtype(dtype).name:
        raise UserError(
            f"{file}: pixel type is {found_dtype.name}, expected {np.dtype(dtype).name} as in the first slice",
            "All slices of a volume must have one pixel type: convert this file like the others.",
        )
