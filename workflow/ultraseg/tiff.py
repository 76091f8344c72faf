"""Reading and checking single slices of TIFF files; ``tiff_names`` finds them, ``tiff_decode`` decodes pages.

NumPy and tifffile are imported where they are used: the Snakefile imports this module when it is parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ultraseg.errors import UserError
from ultraseg.tiff_names import SliceRef, SliceSource, format_numbers, resolve_slices, slice_number

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Header",
    "SliceRef",
    "SliceSource",
    "format_numbers",
    "read_header",
    "read_slice",
    "read_stack",
    "resolve_slices",
    "sample_window",
    "slice_number",
    "to_uint8",
]

IMAGE_TYPES = ("uint8", "uint16")


class Header(NamedTuple):
    """What the header of a TIFF says: number of slices, shape (Y, X) and type of one slice."""

    pages: int
    shape: tuple[int, int]
    dtype: np.dtype


def read_header(file: str) -> Header:
    """Number of slices, shape (Y, X) and type of a TIFF, from its header alone."""
    import numpy as np

    from ultraseg.tiff_decode import number_of_slices, open_tiff

    with open_tiff(file) as tif:
        page = tif.pages[0]
        dtype = np.dtype("uint8") if page.dtype == bool else np.dtype(page.dtype)
        return Header(number_of_slices(tif), (page.imagelength, page.imagewidth), dtype)


def read_slice(
    file: str,
    page: int | None = None,
    expect_shape: tuple[int, int] | None = None,
    expect_dtype: str | np.dtype | None = None,
    kind: str = "image",
) -> np.ndarray:
    """Read one slice as a 2D array, or say what is wrong with the file.

    ``page=None`` demands a file of one slice. ``kind="image"``: uint8 or uint16, min-is-white is inverted,
    grey stored as RGB or palette becomes grey. ``kind="labels"``: the stored numbers of any type, never
    inverted (Fiji writes masks with an inverted display), 1-bit masks as uint8. Raises UserError.
    """
    import numpy as np

    from ultraseg.tiff_decode import decode, number_of_slices, open_tiff, single_channel

    with open_tiff(file) as tif:
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
        if values.dtype.name not in IMAGE_TYPES:
            raise UserError(
                f"{file}: pixel type is {values.dtype.name}, not uint8 or uint16",
                "Convert the stack to 8 or 16 bit (Fiji: Image > Type > 8-bit).",
            )
        if tags.photometric == 0:
            values = np.iinfo(values.dtype).max - values
    _check_expected(values, file, expect_shape, expect_dtype)
    return np.ascontiguousarray(values)


def read_stack(
    refs: Sequence[SliceRef],
    shape: tuple[int, int],
    dtype: str,
    window: tuple[float, float] | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Read image slices of one shape (Y, X) and type as uint8 (n, Y, X), ``threads`` of them at a time.

    Decoding releases Python's lock, so threads help. Raises the UserError of the first bad slice.
    """
    import dask
    import numpy as np

    @dask.delayed
    def read(ref: SliceRef) -> np.ndarray:
        return to_uint8(read_slice(ref.file, ref.page, shape, dtype), window)

    return np.stack(dask.compute(*map(read, refs), scheduler="threads", num_workers=threads))


def to_uint8(slice_: np.ndarray, window: tuple[float, float] | None = None) -> np.ndarray:
    """Bring a uint8 or uint16 slice to uint8: ``window`` (lo, hi) becomes 0 and 255, the rest is clipped.

    uint8 without a window is returned as it is; uint16 without a window is an error of the caller.
    """
    import numpy as np

    if slice_.dtype.name not in IMAGE_TYPES:
        raise ValueError(f"type {slice_.dtype} is neither uint8 nor uint16")
    if window is None:
        if slice_.dtype == np.uint8:
            return slice_
        raise ValueError("a uint16 slice needs a window (lo, hi)")
    lo, hi = (float(value) for value in window)
    if not lo < hi:
        raise UserError(
            f"grey-value window ({lo:g}, {hi:g}) is empty",
            "Give a lower and a higher grey value, in this order.",
        )
    grey = np.arange(np.iinfo(slice_.dtype).max + 1, dtype=np.float64)
    # a table of at most 65536 entries: exact, and faster than arithmetic on every pixel
    table = np.clip(np.rint((grey - lo) * (255.0 / (hi - lo))), 0, 255).astype(np.uint8)
    return table[slice_]


def sample_window(
    slices: Sequence[SliceRef] | SliceSource,
    percentiles: tuple[float, float] = (0.1, 99.9),
    max_slices: int = 16,
) -> tuple[int, int]:
    """Grey values (lo, hi) at two percentiles of up to ``max_slices`` evenly spaced slices.

    Pixels of value 0 are left out: aligned stacks are padded with them. UserError for a constant stack.
    """
    import numpy as np

    refs = list(slices.slices if isinstance(slices, SliceSource) else slices)
    chosen = np.unique(np.linspace(0, len(refs) - 1, min(max_slices, len(refs))).round().astype(int))
    counts = np.zeros(65536, np.int64)
    for index in chosen:
        values = read_slice(refs[index].file, refs[index].page)
        counts += np.bincount(values.ravel(), minlength=65536)
    counts[0] = 0
    cumulated = np.cumsum(counts)
    targets = np.asarray(percentiles) / 100 * cumulated[-1]
    lo, hi = (int(np.searchsorted(cumulated, max(target, 1))) for target in targets)
    if lo >= hi:
        raise UserError(
            f"{refs[0].file} and {len(chosen) - 1} more sampled slices hold a single grey value",
            "Check that the files are the image stack, or give the grey-value window yourself.",
        )
    return lo, hi


def _check_expected(
    values: np.ndarray, file: str, shape: tuple[int, int] | None, dtype: str | np.dtype | None
) -> None:
    import numpy as np

    if shape is not None and values.shape != tuple(shape):
        raise UserError(
            f"{file}: slice is {values.shape[0]} x {values.shape[1]} pixels (height x width), "
            f"expected {shape[0]} x {shape[1]}",
            "All slices and labels of a volume must have one size: export it again from the aligned stack.",
        )
    if dtype is not None and values.dtype != np.dtype(dtype):
        raise UserError(
            f"{file}: pixel type is {values.dtype.name}, expected {np.dtype(dtype).name}",
            "All slices of a volume must have one pixel type: convert this file like the others.",
        )
