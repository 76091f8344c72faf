"""New arrays and groups: their description alone is written, and says how slabs are stored."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage.arrays import read_slices, write_slab
from ultraseg.storage.create import create_array, create_group


def make(path, shape=(20, 30, 40), dtype="uint8", **more):
    create_array(str(path), shape, *chunk_and_shard(shape[1:], 8), dtype, "zyx", **more)
    return str(path)


def noise(shape):
    return np.random.default_rng(0).integers(1, 255, shape).astype(np.uint8)


def test_a_new_array_is_its_description(tmp_path):
    path = Path(make(tmp_path / "a", attributes={"ultraseg": {"window": [0, 255]}}))
    assert [file.name for file in path.rglob("*")] == ["zarr.json"]
    array = zarr.open_array(path, mode="r")
    assert (array.shape, array.chunks, array.shards) == ((20, 30, 40), (1, 30, 40), (8, 30, 40))
    assert array.metadata.dimension_names == ("z", "y", "x") and array.fill_value == 0
    assert array.attrs.asdict() == {"ultraseg": {"window": [0, 255]}}


@pytest.mark.parametrize("attributes", [None, {"ome": {"names": ["\u00fc", 1.5]}}])
@pytest.mark.parametrize(
    "dtype, plane",
    [("uint8", (30, 40)), ("uint16", (600, 700)), ("uint32", (30, 40)), ("float16", (4, 30, 40))],
)
def test_the_description_is_that_of_zarr_byte_for_byte(tmp_path, dtype, plane, attributes):
    axes, (chunk, shard) = "zcyx" if len(plane) == 3 else "zyx", chunk_and_shard(plane, 8)
    create_array(str(tmp_path / "a"), (20, *plane), chunk, shard, dtype, axes, attributes)
    blosc = zarr.codecs.BloscCodec(
        cname="zstd", clevel=2, shuffle="noshuffle" if dtype in ("uint8", "uint32") else "shuffle"
    )
    zarr.create_array(
        zarr.storage.LocalStore(tmp_path / "b"),
        shape=(20, *plane),
        chunks=chunk,
        shards=shard,
        dtype=dtype,
        fill_value=0,
        compressors=[blosc, zarr.codecs.Crc32cCodec()],
        dimension_names=list(axes),
        attributes=attributes,
    )
    assert (tmp_path / "a/zarr.json").read_bytes() == (tmp_path / "b/zarr.json").read_bytes()


@pytest.mark.parametrize(
    "dtype, shuffle", [("uint8", "noshuffle"), ("uint32", "noshuffle"), ("float16", "shuffle")]
)
def test_every_chunk_is_compressed_and_ends_with_a_checksum(tmp_path, dtype, shuffle):
    path = make(tmp_path / "a", dtype=dtype)
    (sharding,) = json.loads(Path(path, "zarr.json").read_text())["codecs"]
    inner = sharding["configuration"]["codecs"]
    assert [codec["name"] for codec in inner] == ["bytes", "blosc", "crc32c"]
    assert inner[1]["configuration"]["cname"] == "zstd" and inner[1]["configuration"]["shuffle"] == shuffle


def test_making_the_array_anew_keeps_its_slabs(tmp_path):
    path = make(tmp_path / "a")
    values = noise((8, 30, 40))
    write_slab(path, 8, values)
    (Path(path) / "zarr.json").unlink()
    make(path)
    assert np.array_equal(read_slices(path, 8, 16), values)


def test_a_group_holds_its_attributes_and_its_arrays(tmp_path):
    create_group(str(tmp_path / "g" / "h"), {"ome": {"version": "0.5"}})
    make(tmp_path / "g" / "h" / "0")
    group = zarr.open_group(str(tmp_path / "g" / "h"), mode="r")
    assert group.attrs.asdict() == {"ome": {"version": "0.5"}}
    assert group["0"].shape == (20, 30, 40)
    assert json.loads((tmp_path / "g/h/zarr.json").read_text())["zarr_format"] == 3
