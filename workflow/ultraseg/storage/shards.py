"""Shards of Zarr version 3, written and read with much less work per chunk than Zarr's own pipeline takes.

A shard is a file: first its encoded chunks, then the index (offset and length of every chunk), last the checksum of the
index. https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/ describes the format. Zarr reads and
writes the same shards.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import product
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc
from numpy.typing import NDArray

from ultraseg.storage.layout import ArrayLayout

ABSENT = 2**64 - 1  # stands in the index for offset and length of a chunk that was not written
CHECKSUM = 4  # bytes
SHUFFLES = {"noshuffle": Blosc.NOSHUFFLE, "shuffle": Blosc.SHUFFLE, "bitshuffle": Blosc.BITSHUFFLE}


class ShardWriter:
    """Writes one shard of an array to a file, slice by slice from the first slice on.

    One encoded chunk at a time is in memory. Raises ValueError for an array that ``storage.create`` did not make.
    """

    def __init__(self, out: BinaryIO, array: ArrayLayout):
        self._out, self._codec = out, _codec(array)
        self._dtype, self._shape, self._chunk = array.dtype, array.shape[1:], array.chunk
        self._index = np.full((*_grid(array), 2), ABSENT, "<u8")
        self._offset = self.slices = 0

    def add(self, values: NDArray[np.generic]) -> None:
        """Write the next slice (..., Y, X). Raises ValueError for another shape than that of the array's slices."""
        if values.shape != self._shape:
            raise ValueError(f"a slice of {values.shape} does not fit one of {self._shape}")
        chunk = self._chunk[1:]
        for place in np.ndindex(self._index.shape[1:-1]):
            corner = [i * c for i, c in zip(place, chunk, strict=True)]
            block = values[tuple(slice(at, at + c) for at, c in zip(corner, chunk, strict=True))]
            if not block.size:
                continue
            if block.shape != chunk:  # at the far edges of the slice
                whole = np.zeros(chunk, self._dtype)
                whole[tuple(map(slice, block.shape))] = block
                block = whole
            encoded = self._codec.encode(np.ascontiguousarray(block, self._dtype.newbyteorder("<")))
            length = _write_checked(self._out, encoded)
            self._index[(self.slices, *place)] = self._offset, length
            self._offset += length
        self.slices += 1

    def close(self) -> None:
        """Write the index; without it the shard cannot be read."""
        _write_checked(self._out, self._index.tobytes())


def read_shard(file: str, array: ArrayLayout, box: Sequence[tuple[int, int]], out: NDArray[Any]) -> None:
    """Read a box of one shard of an array into ``out``, which has the shape of the box.

    box: first voxel, and the one after the last, along each axis of the shard; chunks that were not written leave
    ``out`` as it is. Raises ValueError or RuntimeError where what is read is damaged.
    """
    codec, dtype = _codec(array), array.dtype.newbyteorder("<")
    with open(file, "rb") as source:
        number = source.fileno()
        index = _read_index(number, array)
        touched = [range(low // c, -(-high // c)) for (low, high), c in zip(box, array.chunk, strict=True)]
        for place in product(*touched):
            offset, length = (int(value) for value in index[place])
            if offset == length == ABSENT:
                continue
            decoded = codec.decode(_read_checked(number, offset, length, f"the chunk {place}"))
            chunk = np.frombuffer(decoded, dtype).reshape(array.chunk)
            here, there = [], []
            for at, size, (low, high) in zip(place, array.chunk, box, strict=True):
                first, last = max(low, at * size), min(high, (at + 1) * size)
                here.append(slice(first - at * size, last - at * size))
                there.append(slice(first - low, last - low))
            out[tuple(there)] = chunk[tuple(here)]


def _read_index(number: int, array: ArrayLayout) -> NDArray[np.uint64]:
    grid = _grid(array)
    length = 16 * math.prod(grid) + CHECKSUM
    start = os.fstat(number).st_size - length
    if start < 0:
        raise ValueError("the file is shorter than its index")
    content = _read_checked(number, start, length, "the index")
    return np.frombuffer(content, "<u8").reshape(*grid, 2)


def _grid(array: ArrayLayout) -> tuple[int, ...]:
    """Number of chunks in a shard along each axis."""
    return tuple(s // c for s, c in zip(array.slab, array.chunk, strict=True))


def _codec(array: ArrayLayout) -> Blosc:
    """The compression of a chunk, as the zarr.json of the array says. Raises ValueError for other shards than ours."""
    if array.blosc is None:
        raise ValueError(
            f"{array.path}: shards that are laid out in another way than ours are not written here"
        )
    about = array.blosc
    return Blosc(about["cname"], about["clevel"], SHUFFLES[about["shuffle"]], about["blocksize"])


def _write_checked(out: BinaryIO, content: bytes) -> int:
    """Write a content and its checksum; returns how many bytes were written."""
    return out.write(content) + out.write(google_crc32c.value(content).to_bytes(CHECKSUM, "little"))


def _read_checked(number: int, offset: int, length: int, what: str) -> bytes:
    """Read a content of a file and its checksum, ``length`` bytes in all. Raises ValueError where they do not agree."""
    found = os.pread(number, length, offset) if offset + length < 2**63 else b""
    if len(found) != length or length < CHECKSUM:
        raise ValueError(f"{what} lies outside the file")
    content, checksum = found[:-CHECKSUM], int.from_bytes(found[-CHECKSUM:], "little")
    if google_crc32c.value(content) != checksum:
        raise ValueError(f"the checksum of {what} is not that of its bytes")
    return content
