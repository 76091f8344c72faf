"""Image slices as arrays, whatever kind of file holds them: in their own type, or as a slab is stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, groupby
from typing import Any

from numpy.typing import NDArray

from ultraseg.arrays.grey_values import Stored, to_stored
from ultraseg.base.errors import Problems, UserError
from ultraseg.formats import mrc, tiff_read
from ultraseg.formats.slice_source import SliceRef
from ultraseg.ingest.image_source import file_kind

Crop = Sequence[Sequence[int]]
PAGES = 4  # of a multi-page file that are decoded together: finding a page far inside takes time


def read_source_slices(
    refs: Sequence[SliceRef], plane: Sequence[int], dtype: str, crop: Crop | None = None
) -> Iterator[NDArray[Any]]:
    """Slices in their own type, one at a time: (Y, X) of the whole ``plane``, or its part ``crop`` (y and x ranges).

    Raises UserError for a slice of another size or type.
    """
    crop = crop or [(0, size) for size in plane]
    height, width = plane
    for file, run in groupby(refs, key=lambda ref: ref.file):
        yield from _reader(file)(list(run), (height, width), dtype, crop)


def read_stored(
    refs: Sequence[SliceRef],
    plane: Sequence[int],
    dtype: str,
    stored: Stored,
    crop: Crop | None = None,
    threads: int = 1,
) -> Iterator[NDArray[Any]]:
    """Slices as they are stored, uint8 or uint16 (Y, X), in order; ``threads`` of them are decoded at a time.

    Few of them are in memory, however many there are. Raises one UserError that names all bad slices: after the
    first bad one the others are still decoded, but none is given out.
    """
    problems = Problems()
    for found in _decoded(_batches(refs), plane, dtype, stored, crop, threads):
        if isinstance(found, UserError):
            problems.add(found)
        elif not problems.errors:
            yield found
    problems.raise_all()


def _decoded(
    batches: Sequence[Sequence[SliceRef]],
    plane: Sequence[int],
    dtype: str,
    stored: Stored,
    crop: Crop | None,
    threads: int,
) -> Iterator[NDArray[Any] | UserError]:
    """The slices of all batches in order, in place of those of a bad batch what is wrong with it."""

    def decode(batch: Sequence[SliceRef]) -> Iterator[NDArray[Any] | UserError]:
        try:
            for values in read_source_slices(batch, plane, dtype, crop):
                yield to_stored(values, stored)
        except UserError as error:
            yield error

    if file_kind(batches[0][0].file) == "zarr":  # it decodes with threads of its own
        yield from chain.from_iterable(map(decode, batches))
        return
    # Decoders release Python's lock, so threads help; the one more is decoded while the caller works.
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[list[NDArray[Any] | UserError]]] = deque()
        for batch in batches:
            ahead.append(pool.submit(lambda refs: list(decode(refs)), batch))
            if len(ahead) > threads:
                yield from ahead.popleft().result()
        for waiting in ahead:
            yield from waiting.result()


def _batches(refs: Sequence[SliceRef]) -> list[list[SliceRef]]:
    """Neighbouring slices of one file, which are read with the file open: few at a time, of a Zarr all."""
    batches = []
    for file, group in groupby(refs, key=lambda ref: ref.file):
        run = list(group)
        size = len(run) if file_kind(file) == "zarr" else PAGES
        batches += [run[i : i + size] for i in range(0, len(run), size)]
    return batches


def _reader(
    file: str,
) -> Callable[[list[SliceRef], tuple[int, int], str, Crop], Iterator[NDArray[Any]]]:
    """Function (refs of one file, plane, dtype, crop) -> iterator of slices."""
    kind = file_kind(file)
    if kind == "zarr":
        from ultraseg.formats.ome_zarr_read import read_blocks  # slow to import

        return read_blocks
    return mrc.read_sections if kind == "mrc" else tiff_read.read_pages
