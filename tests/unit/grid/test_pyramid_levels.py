"""Pyramid levels: a shard of every level is a slab, and chunks are of equal size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultraseg.grid.pyramid_levels import CHUNK, chunk_and_shard, pyramid_levels
from ultraseg.grid.slabs import slab_count


@given(
    st.tuples(st.integers(1, 200), st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(*[st.floats(0.5, 100)] * 3),
    st.integers(1, 40),
    st.integers(1, 10),
)
def test_every_level_has_one_shard_per_slab(shape, voxel, depth, count):
    levels = pyramid_levels(shape, voxel, depth, count)
    assert len(levels) == count
    assert (levels[0].shape, levels[0].factor) == (shape, (1, 1, 1))
    for number, level in enumerate(levels):
        assert level.factor[1:] == (2**number, 2**number)
        assert depth == level.shard[0] * level.factor[0]  # slab s of level 0 makes shard s of level l
        assert -(-level.shape[0] // level.shard[0]) == slab_count(shape[0], depth)
        assert level.shape == tuple(-(-n // f) for n, f in zip(shape, level.factor, strict=True))
        assert all(s % c == 0 for s, c in zip(level.shard, level.chunk, strict=True))
        assert all(s >= n for s, n in zip(level.shard[1:], level.shape[1:], strict=True))


@pytest.mark.parametrize(
    "voxel, depth, factors",
    [
        ((4, 4, 4), 16, [1, 2, 4, 8, 16]),
        ((4, 4, 4), 4, [1, 2, 4, 4, 4]),
        ((4, 4, 4), 7, [1, 1, 1, 1, 1]),
        ((4, 4, 4), 1, [1, 1, 1, 1, 1]),
        ((20, 4, 4), 16, [1, 1, 1, 2, 4]),  # halved once the pixels are 16 nm wide: 20 nm is nearly that
        ((50, 4, 4), 16, [1, 1, 1, 1, 1]),
    ],
)
def test_z_is_halved_only_while_voxels_stay_near_cubes(voxel, depth, factors):
    assert [level.factor[0] for level in pyramid_levels((64, 512, 512), voxel, depth, 5)] == factors


def test_chunks_are_single_slices_and_shards_whole_slabs():
    assert chunk_and_shard((100, 70), 16) == ((1, 100, 70), (16, 100, 70))
    assert chunk_and_shard((1000, 70), 16) == ((1, 500, 70), (16, 1000, 70))
    assert chunk_and_shard((4, 1024, 513), 7) == ((1, 1, CHUNK, 257), (7, 4, 2 * CHUNK, 514))


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_chunks_are_of_equal_size_and_hold_little_but_the_slice(height, width):
    chunk, shard = chunk_and_shard((height, width), 4)
    for size, edge, whole in zip((height, width), chunk[1:], shard[1:], strict=True):
        assert edge <= CHUNK and whole % edge == 0
        assert 0 <= whole - size < whole // edge  # less than a pixel to each chunk
