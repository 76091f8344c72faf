"""``ultraseg cut``: a box out of a public volume, as TIFF slices and labels on some of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffWriter, imwrite

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file
from ultraseg.exchange.public_arrays import PublicArray
from ultraseg.formats.slice_checks import check_count, check_plane

log = logging.getLogger(__name__)

STRUCTURE, TAKEN = re.compile("[A-Za-z][A-Za-z0-9_]{0,63}"), ("image", "truth")
DEFLATE = "deflate"
DEPTH = 16  # slices read at a time where an array has no chunks


def slices_of_box(array: Any, box: Sequence[tuple[int, int]]) -> Iterator[NDArray[Any]]:
    """The slices of a box, read in rows of chunks so that no chunk is fetched twice."""
    (z0, z1), (y0, y1), (x0, x1) = box
    depth = (array.chunks or (DEPTH,))[0]
    for start in range(z0 - z0 % depth, z1, depth):
        yield from np.asarray(array[max(start, z0) : min(start + depth, z1), y0:y1, x0:x1])


def whole_box(array: Any, source: str, ranges: dict[str, Sequence[int] | None]) -> list[tuple[int, int]]:
    """First voxel and the one after the last along each axis, of the whole array where no range is given.

    Raises UserError when a range is no part of the array, and for more slices than any stack has.
    """
    box = []
    for (axis, given), size in zip(ranges.items(), array.shape, strict=True):
        start, stop = given or (0, size)
        if not 0 <= start < stop <= size:
            raise UserError(
                f"{source}: {axis} {start} to {stop} is no part of 0 to {size}",
                f"Choose --{axis} START STOP within it; STOP is not included.",
            )
        box.append((start, stop))
    check_count(box[0][1] - box[0][0], source)
    check_plane([stop - start for start, stop in box[1:]], source)
    return box


@contextmanager
def _told_of_gaps(array: PublicArray) -> Iterator[list[Path]]:
    """Say after the block how many chunks were missing.

    Raises UserError where all were: then the files are removed that the block has added to the list.

    A chunk that does not exist holds the fill value, but a wrong address, or a copy that broke off, looks the same.
    """
    written: list[Path] = []
    yield written
    lost, asked = array.missing
    if asked and lost == asked:
        for file in written:
            file.unlink()
        raise UserError(
            f"{array.source}: not one of its {asked} chunk files in this part exists",
            "Check the address or the copy, or choose a part that has data. What was written of it is removed.",
        )
    if lost:
        log.warning(
            "%s: %d of %d chunk files do not exist, and voxels there have the fill value. Programs leave out chunks of "
            "one value; look at the slices, as a copy that broke off looks the same",
            array.source, lost, asked,
        )  # fmt: skip


def cut_image(source: str, ranges: dict[str, Sequence[int] | None], folder: Path) -> tuple[int, ...]:
    """Write the image of a box as one TIFF per slice; returns its shape."""
    array = PublicArray(source)
    box = whole_box(array, source, ranges)
    with _told_of_gaps(array) as written:
        for z, values in enumerate(slices_of_box(array, box)):
            with whole_file(folder / f"image/z{z:04d}.tif") as part:
                imwrite(part, values, compression=DEFLATE, metadata=None)
            written.append(folder / f"image/z{z:04d}.tif")
    return tuple(stop - start for start, stop in box)


def cut_labels(
    name: str, source: str, ranges: dict[str, Sequence[int] | None], folder: Path, every: int, truth: bool
) -> list[int]:
    """Write labels of every so many slices and the last one; with ``truth`` all of them as well, for scoring alone.

    Returns the labelled slices. Ids of 64 bits are numbered anew.
    """
    array = PublicArray(source)
    box = whole_box(array, source, ranges)
    last = box[0][1] - box[0][0] - 1
    known: dict[int, int] = {0: 0}
    with ExitStack() as stack:
        pages = None
        if truth:
            part = stack.enter_context(whole_file(folder / f"truth/{name}.tif"))
            pages = stack.enter_context(TiffWriter(part))
        written = stack.enter_context(_told_of_gaps(array))
        for z, values in enumerate(slices_of_box(array, box)):
            labels = _small(values, known)
            if z % every == 0 or z == last:
                with whole_file(folder / name / f"z{z:04d}.tif") as part:
                    imwrite(part, labels, compression=DEFLATE, metadata=None)
                written.append(folder / name / f"z{z:04d}.tif")
            if pages:
                pages.write(labels, contiguous=False, compression=DEFLATE, metadata=None)
    return sorted({*range(0, last + 1, every), last})


def _small(values: NDArray[Any], known: dict[int, int]) -> NDArray[np.uint32]:
    """Ids in 32 bits; ``known`` keeps the numbers of larger ones from slice to slice."""
    if values.dtype.itemsize <= 4:
        return values.astype(np.uint32)
    ids, places = np.unique(values, return_inverse=True)
    numbers = [known.setdefault(int(i), len(known)) for i in ids]
    return np.array(numbers, np.uint32)[places].reshape(values.shape)


def cut(
    image: str,
    ranges: dict[str, Sequence[int] | None],
    to: Path,
    labels: Sequence[str] = (),
    every: int = 10,
    truth: bool = False,
) -> None:
    """Write image and labels of a box as files for a run, and print what was written.

    ``image``: see ``PublicArray``; ``ranges``: START and STOP for each of z, y, x, or None for all; ``labels``: words
    NAME=SOURCE; ``every`` and ``truth``: see ``cut_labels``. Raises UserError when a source cannot be read.
    """
    named = [_named(word) for word in labels]
    shape = cut_image(image, ranges, to)
    print(f"{to}/image: {shape[0]} slices of {shape[1]} x {shape[2]} pixels")
    for name, source in named:
        slices = cut_labels(name, source, ranges, to, every, truth)
        print(f"{to}/{name}: labels of slices {', '.join(map(str, slices))}")


def _named(word: str) -> tuple[str, str]:
    """Name and source of labels. Raises UserError for a name that no structure can have: it names a folder."""
    name, _, source = word.partition("=")
    if not source or not STRUCTURE.fullmatch(name) or name in TAKEN:
        raise UserError(
            f"--labels {word}: is not NAME=SOURCE with a name for the structure",
            f"Name a structure by a letter and letters, digits or _, but not {' or '.join(TAKEN)}: cells=ids.h5:stack.",
        )
    return name, source
