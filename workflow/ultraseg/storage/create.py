"""New Zarr arrays and groups: their zarr.json files.

This is a module of its own because a change of it makes every slab of every array anew. The texts are those that Zarr
itself writes; to import Zarr would take longer than all else that these jobs do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ultraseg.base.files import write_text
from ultraseg.grid.paths import metadata


def create_array(
    path: str,
    shape: Sequence[int],
    chunk: Sequence[int],
    shard: Sequence[int],
    dtype: str,
    axes: Sequence[str],
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write the zarr.json of an array; files of slabs that lie there already stay.

    shape, chunk, shard: in voxels along each axis, z first; axes: the names of the axes. Every chunk ends with a
    checksum that each read compares, as Blosc alone would decode flipped bits to wrong voxels.
    """
    # Measured: shuffled bytes make 8-bit images and labels larger, and take twice the time. Level 3 of zstd takes two
    # to six times as long as level 2 on most EM images, and makes them no smaller.
    size = int(re.sub(r"\D", "", dtype)) // 8  # bytes of a value
    as_bytes: dict[str, Any] = {"name": "bytes"} | (
        {"configuration": {"endian": "little"}} if size > 1 else {}
    )
    blosc = {
        "typesize": size,
        "cname": "zstd",
        "clevel": 2,
        "shuffle": "noshuffle" if dtype in ("uint8", "uint32") else "shuffle",
        "blocksize": 0,
    }
    sharding = {
        "chunk_shape": list(chunk),
        "codecs": [as_bytes, {"name": "blosc", "configuration": blosc}, {"name": "crc32c"}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }
    text = {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shard)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0 if dtype.startswith("float") else 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": dict(attributes or {}),
        "dimension_names": list(axes),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }
    write_text(metadata(path), json.dumps(text, indent=2))


def create_group(path: str, attributes: Mapping[str, Any]) -> None:
    """Write the zarr.json of a group, such as that of an OME-Zarr image."""
    text = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_text(metadata(path), json.dumps(text, indent=2))


def create(path: str, about: Mapping[str, Any]) -> None:
    """Write the zarr.json of an array or a group; about: the arguments of ``create_array`` or ``create_group``."""
    make = create_array if "shape" in about else create_group
    make(path, **about)
