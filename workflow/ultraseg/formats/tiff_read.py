"""Reading and checking single slices of TIFF files; ``find_slices`` finds them, ``tiff_decode`` decodes pages.

NumPy and tifffile are imported where they are used: the Snakefile imports this module each time it is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ultraseg.formats.pixel_size import PixelSize, of_tiff
from ultraseg.formats.slice_checks import check_count, check_image_type, check_size, check_type, page_index
from ultraseg.formats.slice_source import SliceRef
from ultraseg.formats.tiff_stack import plane_count, refuse_hyperstack, refuse_part_of_image

if TYPE_CHECKING:
    import numpy as np
    import tifffile
    from numpy.typing import NDArray

Crop = Sequence[Sequence[int]]  # (start, stop) in y and in x


class Header(NamedTuple):
    """What the header of a TIFF says: number of slices, shape (Y, X) and type of one slice."""

    pages: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]


def read_header(file: str) -> Header:
    """Number of slices, shape (Y, X) and type of a TIFF, from its header alone."""
    from ultraseg.formats.tiff_decode import first_slice, number_of_slices, open_tiff, stored_type

    with open_tiff(file) as tif:
        page = first_slice(tif)
        return Header(number_of_slices(tif), (page.imagelength, page.imagewidth), stored_type(page))


def count_slices(file: str, kind: str) -> int:
    """Number of slices in one file that is a stack of its own; ``kind``: 'image' or 'labels'.

    Raises UserError where its pages are not simply the slices of one stack.
    """
    from ultraseg.formats.tiff_decode import number_of_slices, open_tiff

    with open_tiff(file) as tif:
        count = number_of_slices(tif)
        check_count(count, file)
        if count > 1 and kind == "labels":  # for images their header is looked at as well
            refuse_hyperstack(tif, file, count, kind)
        if count > 1 or kind == "image":
            refuse_part_of_image(tif, file)
        return count


def count_planes(file: str) -> int:
    """Planes of the only page of a file, see ``PLANE``; 1 for pages of one plane."""
    from ultraseg.formats.tiff_decode import open_tiff

    with open_tiff(file) as tif:
        return plane_count(tif)


def read_image_header(file: str) -> tuple[tuple[int, int], str, PixelSize]:
    """Shape (Y, X), type and voxel size of an image's slices. Raises UserError for a hyperstack of several channels."""
    from ultraseg.formats.tiff_decode import first_slice, number_of_slices, open_tiff, stored_type

    with open_tiff(file) as tif:
        page = first_slice(tif)
        refuse_hyperstack(tif, file, number_of_slices(tif), "image")
        return (page.imagelength, page.imagewidth), stored_type(page).name, of_tiff(tif)


def read_slice(
    file: str,
    page: int | None = None,
    expect_shape: tuple[int, int] | None = None,
    expect_dtype: str | np.dtype[Any] | type | None = None,
    kind: str = "image",
) -> NDArray[Any]:
    """Read one slice as a 2D array, or say what is wrong with the file.

    ``page=None`` demands a file of one slice. ``kind="image"``: min-is-white is inverted (float values change
    their sign), grey stored as RGB or palette becomes grey. ``kind="labels"``: the stored numbers of any type, never
    inverted (Fiji writes masks with an inverted display), 1-bit masks as uint8. Raises UserError.
    """
    import numpy as np

    from ultraseg.formats.tiff_decode import open_tiff

    with open_tiff(file) as tif:
        values = _page(tif, file, page, kind)
    if expect_shape is not None:
        check_size(values.shape, expect_shape, file)
    if expect_dtype is not None:
        check_type(values.dtype.name, np.dtype(expect_dtype).name, file)
    return np.ascontiguousarray(values)


def read_pages(
    refs: Sequence[SliceRef], plane: tuple[int, int], dtype: str, crop: Crop
) -> Iterator[NDArray[Any]]:
    """Image slices of one file, each page decoded once and cut to ``crop``; the file is opened once."""
    from ultraseg.formats.tiff_decode import open_tiff

    file = refs[0].file
    with open_tiff(file) as tif:
        for ref in refs:
            values = _page(tif, file, ref.page, "image")
            check_size(values.shape, plane, file)
            check_type(values.dtype.name, dtype, file)
            yield values[slice(*crop[0]), slice(*crop[1])]


def _page(tif: tifffile.TiffFile, file: str, page: int | None, kind: str) -> NDArray[Any]:
    """One page of an open TIFF as ``read_slice`` gives it."""
    import numpy as np

    from ultraseg.formats.tiff_decode import decode, number_of_slices, single_channel

    count = number_of_slices(tif)
    if page is None and count > 1:
        refuse_hyperstack(tif, file, count, kind)  # says more than that there are too many pages
    index = page_index(page, count, file)
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
