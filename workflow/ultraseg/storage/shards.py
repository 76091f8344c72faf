"""Shards of Zarr version 3, written chunk by chunk, with much less work per chunk than Zarr's own pipeline takes.

A shard is a file: first its encoded chunks, then the index (offset and length of every chunk), last the checksum of the
index. https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/ describes the format. Zarr reads the
shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import zarr
from numcodecs import Blosc
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec

ABSENT = 2**64 - 1  # stands in the index for offset and length of a chunk that was not written


class ShardWriter:
    """Writes one shard of an array to a file, slice by slice from the first slice on.

    One encoded chunk at a time is in memory. Raises ValueError for an array that ``storage.create`` did not make.
    """

    def __init__(self, out: BinaryIO, array: zarr.Array[Any]):
        self._out, self._codec = out, _codec(array)
        self._dtype, self._shape, self._chunk = array.dtype, array.shape[1:], array.chunks
        grid = [s // c for s, c in zip(shard_shape(array), array.chunks, strict=True)]
        self._index = np.full((*grid, 2), ABSENT, "<u8")
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


def shard_shape(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Shape of a shard, which is a slab. Raises ValueError for an array without shards."""
    if array.shards is None:
        raise ValueError(f"{array.store_path}: an array without shards has no slabs")
    return array.shards


def _codec(array: zarr.Array[Any]) -> Blosc:
    """The compression of a chunk, as the zarr.json of the array says. Raises ValueError for other shards than ours."""
    codecs = getattr(array.metadata, "codecs", ())  # Zarr version 2 has none
    blosc = _inner_compression(codecs)
    if blosc is None or array.fill_value != 0:
        raise ValueError(f"{array.store_path}: shards with {codecs} are not written here")
    shuffles = {"noshuffle": Blosc.NOSHUFFLE, "shuffle": Blosc.SHUFFLE, "bitshuffle": Blosc.BITSHUFFLE}
    return Blosc(blosc.cname.value, blosc.clevel, shuffles[blosc.shuffle.value], blosc.blocksize)


def _inner_compression(codecs: Sequence[object]) -> BloscCodec | None:
    """The codec that compresses the chunks of a shard; None where shards are laid out in another way than ours."""
    if len(codecs) != 1 or not isinstance(codecs[0], ShardingCodec):
        return None
    sharding = codecs[0]
    match sharding.codecs:
        case (BytesCodec(), BloscCodec() as blosc, Crc32cCodec()) if sharding.index_location.value == "end":
            return blosc
    return None


def _write_checked(out: BinaryIO, content: bytes) -> int:
    """Write a content and its checksum; returns how many bytes were written."""
    return out.write(content) + out.write(google_crc32c.value(content).to_bytes(4, "little"))
