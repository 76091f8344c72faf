"""New Zarr arrays and groups: their zarr.json alone. A module of its own, as a change of it makes every slab anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from ultraseg.base.files import write_text


def create_array(
    path: str,
    shape: Sequence[int],
    chunk: Sequence[int],
    shard: Sequence[int],
    dtype: str,
    axes: Sequence[str],
    attributes: dict | None = None,
) -> None:
    """Write the zarr.json of an array; slabs that lie there already stay. axes: names of its dimensions.

    Every chunk ends in a checksum that each read compares: Blosc alone decodes flipped bits to wrong voxels.
    """
    # Measured: bits in another order make 8-bit images and labels larger and take twice the time; level 3 of zstd takes
    # two to six times as long as level 2 on most EM images and makes them no smaller.
    shuffle = "noshuffle" if dtype in ("uint8", "uint32") else "shuffle"
    zarr.create_array(
        zarr.storage.LocalStore(path),
        shape=tuple(shape),
        chunks=tuple(chunk),
        shards=tuple(shard),
        dtype=dtype,
        fill_value=0,
        compressors=[BloscCodec(cname="zstd", clevel=2, shuffle=shuffle), Crc32cCodec()],
        dimension_names=list(axes),
        attributes=attributes,
        overwrite=False,
    )


def create_group(path: str, attributes: dict) -> None:
    """Write the zarr.json of a group, such as that of an OME-Zarr image."""
    text = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_text(f"{path}/zarr.json", json.dumps(text, indent=2))


def create(path: str, about: Mapping[str, Any]) -> None:
    """Write the zarr.json of an array or a group; about: the arguments of ``create_array`` or ``create_group``."""
    make = create_array if "shape" in about else create_group
    make(path, **about)
