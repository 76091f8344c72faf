"""Shards that we write are what Zarr itself would read and, voxel for voxel, what it would have written."""

import io

import numpy as np
import pytest
import zarr
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage.arrays import read_slices, write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.shards import ShardWriter

CASES = [
    ("uint8", (7, 20, 30)),
    ("uint16", (7, 600, 30)),
    ("uint32", (8, 513, 1030)),
    ("float16", (5, 4, 40, 530)),
    ("uint8", (4, 2, 512, 1024)),
]


@pytest.mark.parametrize(("dtype", "shape"), CASES)
def test_zarr_reads_the_voxels_back(tmp_path, dtype, shape):
    values = np.random.default_rng(1).integers(0, 60, shape).astype(dtype)
    values[:, ..., :5] = 0
    values[4:] = 0  # a slab of background
    axes = ["z", "channel", "y", "x"] if len(shape) == 4 else ["z", "y", "x"]
    create_array(str(tmp_path / "a"), shape, *chunk_and_shard(shape[1:], 4), dtype, axes)
    for start in range(0, shape[0], 4):
        write_slab(str(tmp_path / "a"), start, values[start : start + 4])
        assert (tmp_path / "a/c" / str(start // 4)).exists()
    found = zarr.open_array(tmp_path / "a", mode="r")[:]
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)
    assert np.array_equal(read_slices(str(tmp_path / "a"), 1, 3), values[1:3])


def test_bytes_of_a_full_shard_are_those_of_zarr(tmp_path):
    values = np.random.default_rng(2).integers(0, 200, (4, 512, 512)).astype(np.uint8)
    create_array(str(tmp_path / "a"), values.shape, *chunk_and_shard(values.shape[1:], 4), "uint8", "zyx")
    array = zarr.open_array(tmp_path / "a", mode="r+").with_config({"write_empty_chunks": True})
    array[:] = values
    out = io.BytesIO()
    shard = ShardWriter(out, array)
    for one in values:
        shard.add(one)
    shard.close()
    assert out.getvalue() == (tmp_path / "a/c/0/0/0").read_bytes()


def test_array_with_other_codecs_is_refused(tmp_path):
    array = zarr.create_array(
        tmp_path / "a", shape=(4, 8, 8), chunks=(1, 8, 8), shards=(4, 8, 8), dtype="uint8"
    )
    with pytest.raises(ValueError, match="not written here"):
        ShardWriter(io.BytesIO(), array)
