"""Opening and decoding TIFF pages so that every kind of damage ends in one readable error."""

import logging
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.formats.lossy import is_lossy, may_be_lossy
from ultraseg.formats.other_formats import what_it_is
from ultraseg.formats.slice_source import PLANE
from ultraseg.formats.tiff_stack import described_slices, slice_pages

GREY, RGB = 1, 2  # photometric interpretations
PLANAR = (
    "If the planes are slices that were saved as colours, as tifffile.imwrite does with stacks of three or four, save "
    "them with photometric='minisblack'"
)
log = logging.getLogger(__name__)

PADDING = 16  # bytes behind the last slice that are none
DAMAGE_WORDS = ("corrupted", "invalid page offset", "invalid offset", "raised")


class Tags(NamedTuple):
    """What of a page says how its numbers are to be read."""

    photometric: int
    colormap: NDArray[np.uint16] | None
    samples_axis: int | None  # axis of samples in the decoded page
    bits: int = 8  # of a number
    unspecified: bool = (
        False  # samples beyond those of grey or RGB of which the file does not say what they are
    )


@contextmanager
def open_tiff(file: str) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; whatever a damaged file makes tifffile raise or log becomes a UserError."""
    check_readable(file)
    damage = _DamageLog()
    logger = logging.getLogger("tifffile")
    logger.addHandler(damage)
    try:
        with tifffile.TiffFile(file) as tif:
            yield tif
    except (UserError, MemoryError):
        raise
    except tifffile.TiffFileError as exc:
        kind, cure = what_it_is(file) or (
            str(exc),
            "Copy the file again from the source, or save it again as TIFF; move files of other kinds away.",
        )
        raise UserError(f"{file}: not a valid TIFF file ({kind})", cure) from exc
    except Exception as exc:  # codecs raise errors of many kinds on damaged data
        raise UserError(
            f"{file}: cannot be decoded ({type(exc).__name__}: {exc})",
            "The file is damaged or compressed in an unknown way: copy it again or save it uncompressed.",
        ) from exc
    finally:
        logger.removeHandler(damage)
    if damage.messages:
        raise UserError(
            f"{file}: truncated or damaged ({damage.messages[0]})", "Copy the file again from the source."
        )


def check_readable(file: str) -> None:
    """Raise UserError for a file that is not there, cannot be read or is empty."""
    if not os.path.isfile(file):
        raise UserError(f"{file}: no such file", "Put the file back or correct the path.")
    if not os.access(file, os.R_OK):
        raise UserError(f"{file}: no permission to read", "Ask its owner for read permission (chmod a+r).")
    if os.path.getsize(file) == 0:
        raise UserError(f"{file}: is empty (0 bytes)", "Copy the file again from the source.")


class _DamageLog(logging.Handler):
    """Keeps tifffile's messages on damage from this thread: for broken page chains it logs and goes on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.thread == self.thread and any(word in message for word in DAMAGE_WORDS):
            self.messages.append(message)


def first_slice(tif: tifffile.TiffFile) -> tifffile.TiffPage:
    """The page of the first slice."""
    return tif.pages[slice_pages(tif)[0]].aspage()


def stored_type(page: tifffile.TiffPage) -> np.dtype[Any]:
    """Type of a page's numbers; bits are given out as bytes, and so is a type that the page does not tell."""
    return np.dtype("uint8") if page.dtype is None or page.dtype == bool else np.dtype(page.dtype)


def number_of_slices(tif: tifffile.TiffFile) -> int:
    """Slices in a TIFF: its pages without reduced copies, or what follows a single page of Fiji."""
    if len(tif.pages) == 1:  # Fiji writes stacks over 4 GB as one page followed by the raw data of all slices
        return _hidden_slices(tif)
    return len(slice_pages(tif))


def _hidden_slices(tif: tifffile.TiffFile) -> int:
    """Slices that the metadata of a file with one page tell, unless the file ends with that page.

    Programs that cut a stack into single files leave its description in each of them.
    """
    page = tif.pages[0].aspage()
    if not (tif.is_imagej or tif.is_shaped) or page.compression != 1 or not page.is_contiguous:
        return 1
    behind = tif.filehandle.size - (page.dataoffsets[0] + page.size * stored_type(page).itemsize)
    if page.offset > page.dataoffsets[0] or behind < PADDING:
        return 1
    # tifffile would call a description without its slices damage.
    return max(1, described_slices(tif))


def check_page(tif: tifffile.TiffFile, file: str, index: int) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Shape (Y, X) and type of one slice from its header; UserError where data or decoder are missing."""
    page, _ = _locate(tif, file, index)
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        raise UserError(
            f"{file}: compression {page.compression!r} is not known",
            "Save it again uncompressed, or with LZW, deflate or zstd compression.",
        )
    _point_out_holes(page, file, index)
    return (page.imagelength, page.imagewidth), stored_type(page)


def _point_out_holes(page: tifffile.TiffPage, file: str, index: int) -> None:
    """Warn of strips and tiles without any data: their pixels are read as 0, which no decoder says."""
    wanted = max(math.prod(page.chunked), len(page.databytecounts))
    # GDAL sets the place of an empty tile to 0 as well; a place of 0 alone is a hole too, whatever the length says.
    stored = zip(page.dataoffsets, page.databytecounts, strict=False)
    lacking = wanted - sum(offset > 0 and count > 0 for offset, count in stored)
    if lacking:
        log.warning(
            "%s: %d of %d strips or tiles of page %d hold no data, and pixels there are 0. Programs leave out empty "
            "ones; if yours does not, the file was not finished: copy or export it again.",
            file, lacking, wanted, index,
        )  # fmt: skip


def _locate(tif: tifffile.TiffFile, file: str, index: int) -> tuple[tifffile.TiffPage, int | None]:
    """The page that describes a slice, and where its data lies if that is hidden behind the page."""
    hidden = len(tif.pages) == 1 and number_of_slices(tif) > 1
    first = hidden or index >= PLANE
    page, offset = tif.pages[0 if first else slice_pages(tif)[index]].aspage(), None
    if hidden:
        nbytes = page.size * stored_type(page).itemsize
        offset = page.dataoffsets[0] + index * nbytes
        needed = offset + nbytes
    else:
        needed = max(o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False))
    size = os.path.getsize(file)
    if needed > size:
        raise UserError(
            f"{file}: truncated: page {index} needs {needed} bytes, the file has {size}",
            "Copy the file again from the source.",
        )
    return page, offset


def refuse_loss(tif: tifffile.TiffFile, file: str, index: int) -> None:
    """Raise UserError where the numbers of a slice were compressed with loss, as labels must not be."""
    page, _ = _locate(tif, file, index)
    if is_lossy(tif, page):
        name = tifffile.COMPRESSION(page.compression).name
        raise UserError(
            f"{file}: is compressed with loss ({name}), which changes numbers along all edges",
            "Export the labels again from the program where they were drawn, uncompressed or with LZW, deflate or "
            "zstd compression.",
        )
    if may_be_lossy(page):
        _point_out_compression(file, tifffile.COMPRESSION(page.compression).name)


@lru_cache(maxsize=1024)  # each file is looked at several times, and told of once
def _point_out_compression(file: str, name: str) -> None:
    log.warning(
        "%s: is compressed with %s, which may have changed numbers along edges; if it was not lossless, export the "
        "labels again, uncompressed or with LZW, deflate or zstd compression.",
        file, name,
    )  # fmt: skip


def decode(tif: tifffile.TiffFile, file: str, index: int) -> tuple[NDArray[Any], Tags]:
    """Stored numbers of one slice and how they are to be read; UserError where the file is too short."""
    page, offset = _locate(tif, file, index)
    if offset is not None:
        native = stored_type(page)
        values = np.fromfile(file, native.newbyteorder(tif.byteorder), page.size, offset=offset)
        values = values.reshape(page.shape).astype(native)
    else:
        _point_out_holes(page, file, index)
        values = page.asarray(maxworkers=1)
    axis = page.axes.index("S") if "S" in page.axes else None
    if index >= PLANE and axis is not None:
        if index - PLANE >= values.shape[axis]:
            raise UserError(
                f"{file}: has no plane {index - PLANE}",
                "The file was changed: correct 'slices' of these labels.",
            )
        return np.take(values, index - PLANE, axis), Tags(GREY, None, None)
    unspecified = axis is not None and 0 in page.extrasamples
    return values, Tags(int(page.photometric), page.colormap, axis, int(page.bitspersample), unspecified)


def check_samples(channels: NDArray[Any], tags: Tags, file: str) -> None:
    """Refuse samples (S, Y, X) that could be channels, transparency or slices, unless they hold nothing of their own.

    A fourth sample beside red, green and blue is transparency, as programs write it.
    """
    known = (4 if tags.photometric == RGB else 1) if tags.unspecified else len(channels)
    for extra in channels[known:]:
        if extra.min() != extra.max() and not np.array_equal(extra, channels[0]):
            raise UserError(
                f"{file}: has {len(channels)} samples per pixel, and does not say whether they are channels, "
                "transparency or slices",
                "Save the channel that counts as a file of its own (Fiji: Image > Color > Split Channels); save slices "
                "as pages (tifffile: photometric='minisblack').",
            )


def single_channel(values: NDArray[Any], tags: Tags, file: str, kind: str) -> NDArray[Any]:
    """Reduce RGB(A), grey + alpha and palette pages that hold one grey channel to 2D.

    Grey values of images with 2 to 7 bits are spread over 0 to 255.
    """
    colour = UserError(
        f"{file}: is a colour image",
        "Convert it to grey (Fiji: Image > Type > 8-bit); labels need numbers, not colours.",
    )
    if tags.samples_axis is not None:
        channels = np.moveaxis(values, tags.samples_axis, 0)
        check_samples(channels, tags, file)
        if len(channels) >= 3 and not (
            np.array_equal(channels[0], channels[1]) and np.array_equal(channels[0], channels[2])
        ):
            if tags.samples_axis == 0:
                raise UserError(
                    f"{file}: holds {len(channels)} different planes as the colours of one page",
                    f"{PLANAR}. If the image has colours, convert it to grey (Fiji: Image > Type > 8-bit).",
                )
            raise colour
        values = channels[0]
    values = np.squeeze(values) if values.ndim > 2 else values
    if values.ndim != 2:
        raise UserError(
            f"{file}: a page has shape {values.shape}, not one 2D slice",
            "Save each slice as one 2D grey page.",
        )
    if tags.photometric == 3 and tags.colormap is not None and kind == "image":
        red, green, blue = tags.colormap[:3]
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            raise colour
        table = red >> 8 if red.max() > 255 else red  # some writers fill the 16-bit palette with 8-bit values
        values = table.astype(np.uint8)[values]
    elif kind == "image" and 1 < tags.bits < 8 and values.dtype == np.uint8:
        values = (values.astype(np.uint16) * 255 // (2**tags.bits - 1)).astype(np.uint8)
    return values
