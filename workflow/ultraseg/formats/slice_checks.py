"""What every slice of a volume must be like: one page, the size and the type of the others. Light to import."""

from __future__ import annotations

from collections.abc import Sequence

from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import PLANE

MOST_SLICES = 1_000_000
MOST_PIXELS = 10**11  # of a slice
IMAGE_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")


def page_index(page: int | None, count: int, file: str) -> int:
    """The page to read of a file with ``count`` slices; ``page=None`` demands a file of one slice.

    Raises UserError for a file of several slices where one is expected, and for a page that the file does not have.
    """
    if page is None and count != 1:
        raise UserError(
            f"{file}: holds {count} slices where one is expected",
            "Give a folder of one-slice TIFFs, or name one multi-page TIFF itself.",
        )
    if page is not None and page >= PLANE:
        return page
    index = page or 0
    if not 0 <= index < count:
        raise UserError(
            f"{file}: has no page {index} (pages 0 to {count - 1})",
            "The file is shorter than expected: copy it again from the source.",
        )
    return index


def check_count(n_slices: int, file: str) -> None:
    """Raise UserError for a header with more slices than any stack has, before they are listed."""
    if n_slices > MOST_SLICES:
        raise UserError(
            f"{file}: its header tells of {n_slices} slices, more than {MOST_SLICES}",
            "The header is damaged, or the axes are in another order: copy the file again from the source.",
        )


def check_plane(shape: Sequence[int], file: str) -> None:
    """Raise UserError for a header with larger slices than any microscope makes; shape: height and width."""
    if shape[0] * shape[1] > MOST_PIXELS:
        raise UserError(
            f"{file}: its header tells of slices of {shape[0]} x {shape[1]} pixels (height x width), more than "
            f"{MOST_PIXELS:.0e} pixels",
            "The header is damaged, or the axes are in another order: copy the file again from the source.",
        )


def check_size(found: Sequence[int], expected: Sequence[int], file: str) -> None:
    """Raise UserError with both sizes where a slice has another height or width than the first slice of the image."""
    if tuple(found) != tuple(expected):
        raise UserError(
            f"{file}: slice is {' x '.join(map(str, found))} pixels (height x width), "
            f"expected {expected[0]} x {expected[1]} as in the first slice of the image",
            "All slices and labels of a volume must have one size: export it again from the aligned stack.",
        )


def check_type(found: str, expected: str, file: str) -> None:
    """Raise UserError with both types where a slice has another type of pixels than the first slice of the image."""
    if found != expected:
        raise UserError(
            f"{file}: pixel type is {found}, expected {expected} as in the first slice of the image",
            "All slices of a volume must have one pixel type: convert this file like the others.",
        )


def check_image_type(dtype: str, file: str) -> None:
    """Raise UserError for a type of numbers that no grey value has."""
    if dtype not in IMAGE_TYPES:
        raise UserError(
            f"{file}: pixel type is {dtype}, not one of {', '.join(IMAGE_TYPES)}",
            "Convert the stack to 8 or 16 bit integers or 32 bit float (Fiji: Image > Type).",
        )
