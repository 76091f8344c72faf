"""Reading slices of a foreign OME-Zarr, one row of chunks at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.formats.ome_zarr_layout import missing_chunks, zarr_array
from ultraseg.formats.remote_zarr import address_of, open_store
from ultraseg.formats.slice_checks import check_size, check_type
from ultraseg.formats.slice_source import SliceRef

log = logging.getLogger(__name__)


def read_blocks(
    refs: Sequence[SliceRef], plane: tuple[int, int], dtype: str, crop: Sequence[Sequence[int]]
) -> Iterator[NDArray[Any]]:
    """Slices of one array cut to ``crop``; those that share their chunks are decoded together, each chunk once.

    Chunk files that do not exist are counted and pointed out: Zarr fills them with a constant and says nothing.
    """
    path = refs[0].file
    found = zarr_array(path)
    check_size(found.shape[-2:], plane, path)
    check_type(found.dtype, dtype, path)
    pages = [ref.page or 0 for ref in refs]
    address = address_of(path)
    array = _open(path)
    missing, total = missing_chunks(path, pages, crop)
    if address is None:
        _point_out(path, missing, total, pages, array.fill_value or 0)
    leading: tuple[int | slice, ...] = (0,) * (array.ndim - 3)
    for first, last in _blocks(pages, found.block[-3]):
        try:
            block = np.asarray(array[(*leading, slice(first, last + 1), slice(*crop[0]), slice(*crop[1]))])
        except (MemoryError, UserError):
            raise  # is told as such
        except Exception as error:  # damaged chunks make decoders raise errors of many kinds
            raise UserError(
                f"{address or path}: slices {first} to {last} do not decode ({type(error).__name__}: {error})",
                "A chunk file is damaged: copy the OME-Zarr again from the source.",
            ) from error
        yield from block.astype(block.dtype.newbyteorder("="), copy=False)
    if address is not None:  # which chunks are there shows when they are asked for
        _point_out(address, sorted({*array.store.missing}), total, pages, array.fill_value or 0)


def _point_out(name: str, missing: Sequence[str], total: int, pages: Sequence[int], fill: Any) -> None:
    if missing:
        log.warning(
            "%s: %d of %d chunk files of slices %d to %d do not exist, first %s; voxels there are %s. Programs leave "
            "out chunks of one value; if yours does not, copy the OME-Zarr again.",
            name, len(missing), total, pages[0], pages[-1], missing[0], fill,
        )  # fmt: skip


def _open(path: str) -> Any:
    try:
        return zarr.open_array(open_store(path), mode="r")
    except UserError:
        raise
    except Exception as error:  # damaged metadata make Zarr raise errors of many kinds
        raise UserError(
            f"{path}: its metadata are damaged or not those of a Zarr array ({type(error).__name__}: {error})",
            "Copy the OME-Zarr again from the source, or write it again with codecs that zarr-python reads.",
        ) from error


def _blocks(pages: Sequence[int], depth: int) -> Iterator[tuple[int, int]]:
    """Runs (first, last) of rising pages within one row of chunks."""
    start = 0
    for i in range(1, len(pages) + 1):
        together = (
            i < len(pages) and pages[i] == pages[i - 1] + 1 and pages[i] // depth == pages[start] // depth
        )
        if not together:
            yield pages[start], pages[i - 1]
            start = i
