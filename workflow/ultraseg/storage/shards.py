"""Shards of Zarr version 3, written chunk by chunk: many times less work per chunk than in Zarr's own pipeline.

A shard is its encoded chunks one after another, then the index (offset and length of every chunk) and its checksum:
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/. Zarr reads them.
"""

from __future__ import annotations

from typing import BinaryIO

import google_crc32c
import numpy as np
import zarr
from numcodecs import Blosc
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec

ABSENT = 2**64 - 1  # offset and length of a chunk that is not there, as Zarr marks it


class ShardWriter:
    """Writes one shard of an array slice by slice, from its first slice on.

    Only one chunk at a time is encoded in memory. Raises ValueError for an array that ``store_create`` did not make.
    """

    def __init__(self, out: BinaryIO, array: zarr.Array):
        self._out, self._codec = out, _codec(array)
        self._dtype, self._shape, self._chunk = array.dtype, array.shape[1:], array.chunks
        grid = [s // c for s, c in zip(array.shards, array.chunks, strict=True)]
        self._index = np.full((*grid, 2), ABSENT, "<u8")
        self._offset = self.slices = 0

    def add(self, values: np.ndarray) -> None:
        """Write the next slice (..., Y, X). Raises ValueError for another shape than the array's slices have."""
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


def _codec(array: zarr.Array) -> Blosc:
    """What compresses the chunks, as the zarr.json of the array says."""
    codecs = array.metadata.codecs
    sharding = codecs[0] if len(codecs) == 1 and isinstance(codecs[0], ShardingCodec) else None
    inner = sharding.codecs if sharding else ()
    known = [type(codec) for codec in inner] == [BytesCodec, BloscCodec, Crc32cCodec]
    if not known or sharding.index_location.value != "end" or array.fill_value != 0:
        raise ValueError(f"{array.store_path}: shards with {codecs} are not written here")
    blosc = inner[1]
    shuffles = {"noshuffle": Blosc.NOSHUFFLE, "shuffle": Blosc.SHUFFLE, "bitshuffle": Blosc.BITSHUFFLE}
    return Blosc(blosc.cname.value, blosc.clevel, shuffles[blosc.shuffle.value], blosc.blocksize)


def _write_checked(out: BinaryIO, content: bytes) -> int:
    """Write content and its checksum; returns the bytes written."""
    return out.write(content) + out.write(google_crc32c.value(content).to_bytes(4, "little"))
