"""New Zarr arrays and groups: their zarr.json files.

This is a module of its own because a change of it makes every slab of every array anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

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
    shuffle: Literal["noshuffle", "shuffle"] = "noshuffle" if dtype in ("uint8", "uint32") else "shuffle"
    zarr.create_array(
        zarr.storage.LocalStore(path),
        shape=tuple(shape),
        chunks=tuple(chunk),
        shards=tuple(shard),
        dtype=dtype,
        fill_value=0,
        compressors=[BloscCodec(cname="zstd", clevel=2, shuffle=shuffle), Crc32cCodec()],
        dimension_names=list(axes),
        attributes=None if attributes is None else dict(attributes),
        overwrite=False,
    )


def create_group(path: str, attributes: Mapping[str, Any]) -> None:
    """Write the zarr.json of a group, such as that of an OME-Zarr image."""
    text = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_text(metadata(path), json.dumps(text, indent=2))


def create(path: str, about: Mapping[str, Any]) -> None:
    """Write the zarr.json of an array or a group; about: the arguments of ``create_array`` or ``create_group``."""
    make = create_array if "shape" in about else create_group
    make(path, **about)
