"""Shards that we write are what Zarr itself would read and, voxel for voxel, what it would have written."""

import io

import numpy as np
import pytest
import zarr
from ultraseg.grid.pyramid_levels import chunk_and_shard
from ultraseg.storage.arrays import look_at, read_slices, write_slab
from ultraseg.storage.create import create_array
from ultraseg.storage.layout import read_layout
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
    shard = ShardWriter(out, read_layout(str(tmp_path / "a")))
    for one in values:
        shard.add(one)
    shard.close()
    assert out.getvalue() == (tmp_path / "a/c/0/0/0").read_bytes()


BOXES = [(slice(0, 7),), np.s_[2:5, 100:400], np.s_[3:4, :, 511:520], np.s_[0:7, -1:, :1], np.s_[4:6, 5:5]]


@pytest.mark.parametrize("box", BOXES)
def test_shards_that_zarr_wrote_are_read_voxel_for_voxel(tmp_path, box):
    """Zarr leaves out chunks of zeros, and the file of a shard of zeros."""
    values = np.random.default_rng(3).integers(0, 200, (7, 600, 520)).astype(np.uint16)
    values[1, :300] = values[4:] = 0
    path = str(tmp_path / "a")
    create_array(path, values.shape, *chunk_and_shard(values.shape[1:], 2), "uint16", "zyx")
    zarr.open_array(path, mode="r+")[:] = values
    assert not (tmp_path / "a/c/3").exists() and (tmp_path / "a/c/1/0/0").exists()
    assert np.array_equal(look_at(path, box), values[box])


def test_boxes_with_steps_are_read_too(tmp_path):
    values = np.random.default_rng(4).integers(0, 200, (4, 30, 40)).astype(np.uint8)
    create_array(str(tmp_path / "a"), values.shape, *chunk_and_shard(values.shape[1:], 4), "uint8", "zyx")
    write_slab(str(tmp_path / "a"), 0, values)
    box = np.s_[1:3, ::2]
    assert np.array_equal(look_at(str(tmp_path / "a"), box), values[box])


def test_array_with_other_codecs_is_refused(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(4, 8, 8), chunks=(1, 8, 8), shards=(4, 8, 8), dtype="uint8")
    with pytest.raises(ValueError, match="not written here"):
        ShardWriter(io.BytesIO(), read_layout(str(tmp_path / "a")))
