"""What the zarr.json of an array says.

Zarr itself is asked only about arrays that are laid out in another way than ours: to import it takes longer than the
work of many jobs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ultraseg.grid.paths import metadata

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BYTE = {"name": "bytes"}  # of values of one byte
BLOSC = {"cname", "clevel", "shuffle", "blocksize"}
# Members that Zarr writes, with the only values that are read and written without it.
OURS = {
    "zarr_format": 3,
    "node_type": "array",
    "storage_transformers": [],
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
}


@dataclass(frozen=True)
class ArrayLayout:
    """Shape, type, chunk and shard of an array, and its attributes.

    shard: None for an array without shards; blosc: how chunks are compressed, None for an array that only Zarr reads.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    shard: tuple[int, ...] | None
    attributes: Mapping[str, Any]
    blosc: Mapping[str, Any] | None

    @property
    def slab(self) -> tuple[int, ...]:
        """Shape of a shard, which is a slab. Raises ValueError for an array without shards."""
        if self.shard is None:
            raise ValueError(f"{self.path}: an array without shards has no slabs")
        return self.shard


def read_layout(path: str) -> ArrayLayout:
    """What the zarr.json of the array in a folder says. Raises ValueError where it is damaged."""
    return _ours(path, json.loads(Path(metadata(path)).read_text())) or _as_zarr_says(path)


def _ours(path: str, said: Any) -> ArrayLayout | None:
    """What a zarr.json says; None for an array that is laid out in another way than by ``storage.create``."""
    match said:
        case {
            "shape": [*shape],
            "data_type": "uint8" | "uint16" | "uint32" | "float16" as dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [*shard]}},
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [*chunk],
                        "codecs": [order, {"name": "blosc", "configuration": blosc}, {"name": "crc32c"}],
                        "index_codecs": [index_order, {"name": "crc32c"}],
                        "index_location": "end",
                    },
                }
            ],
            "attributes": attributes,
        } if (
            all(said.get(key) == value for key, value in OURS.items())
            and index_order == LITTLE
            and order in (LITTLE, BYTE)
            and len(shape) == len(shard) == len(chunk)
            and BLOSC <= {*blosc}
        ):
            found = (tuple(shape), np.dtype(dtype), tuple(chunk), tuple(shard))
            return ArrayLayout(path, *found, attributes, blosc)
    return None


def _as_zarr_says(path: str) -> ArrayLayout:
    import zarr

    try:
        array = zarr.open_array(zarr.storage.LocalStore(path), mode="r")
    except (
        AttributeError,
        KeyError,
        TypeError,
    ) as error:  # parts of the description are missing or of another type
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return ArrayLayout(
        path, array.shape, array.dtype, array.chunks, array.shards, dict(array.attrs), blosc=None
    )
