"""Image slices as arrays, whatever kind of file holds them: in their own type, or as a slab is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import numpy as np

from ultraseg import mrc, tiff
from ultraseg.errors import UserError, raise_together
from ultraseg.intensity import Stored, to_stored
from ultraseg.sources import file_kind
from ultraseg.tiff_names import SliceRef

Crop = Sequence[Sequence[int]]


def read_slices(
    refs: Sequence[SliceRef], plane: Sequence[int], dtype: str, crop: Crop | None = None
) -> Iterator[np.ndarray]:
    """Slices in their own type, one at a time: (Y, X) of the whole ``plane``, or its part ``crop`` (y and x ranges).

    Raises UserError for a slice of another size or type.
    """
    crop = crop or [(0, size) for size in plane]
    for run in runs(refs, 1):
        yield from _reader(run[0].file)(run, tuple(plane), dtype, crop)


def read_stack(
    refs: Sequence[SliceRef],
    plane: Sequence[int],
    dtype: str,
    stored: Stored,
    crop: Crop | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Slices as they are stored, uint8 or uint16 (n, Y, X); ``threads`` of them are decoded at a time.

    Only the result and the slices in work are in memory. Raises one UserError that names all bad slices.
    """
    crop = crop or [(0, size) for size in plane]
    shape = (len(refs), *(stop - start for start, stop in crop))
    out = np.empty(shape, np.uint8 if stored.bit_depth == 8 else np.uint16)
    parts = runs(refs, threads)
    starts = np.cumsum([0, *map(len, parts)])

    def fill(start: int, run: Sequence[SliceRef]) -> UserError | None:
        try:
            for i, values in enumerate(read_slices(run, plane, dtype, crop), start):
                out[i] = to_stored(values, stored)
        except UserError as error:
            return error
        return None

    # Decoders release Python's lock, so threads help.
    with ThreadPoolExecutor(threads) as pool:
        problems = list(pool.map(fill, starts[:-1], parts))
    raise_together([problem for problem in problems if problem], "slices")
    return out


def runs(refs: Sequence[SliceRef], threads: int) -> list[list[SliceRef]]:
    """Neighbouring slices of one file, which are read with the file open, cut into at most ``threads`` parts.

    Those of a Zarr stay together: its chunks hold several slices, and Zarr has threads of its own.
    """
    found = []
    for file, group in groupby(refs, key=lambda ref: ref.file):
        run = list(group)
        size = -(-len(run) // (1 if file_kind(file) == "zarr" else threads))
        found += [run[i : i + size] for i in range(0, len(run), size)]
    return found


def _reader(file: str):
    """Function (refs of one file, plane, dtype, crop) -> iterator of slices."""
    kind = file_kind(file)
    if kind == "zarr":
        from ultraseg.zarr_input import read_blocks  # slow to import

        return read_blocks
    return mrc.read_sections if kind == "mrc" else tiff.read_pages
