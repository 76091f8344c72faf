"""Slabs, gaps and pyramid levels: every slice is covered exactly as documented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultraseg.grid.gaps import Gap, gap_without, gaps_between, gaps_of
from ultraseg.grid.pyramid_levels import CHUNK, chunk_and_shard, pyramid_levels
from ultraseg.grid.slabs import ceil_div, shard_file, slab_count, slab_range, slabs_of

stacks = st.tuples(st.integers(1, 300), st.integers(1, 40))


@st.composite
def labelled_stacks(draw):
    n = draw(st.integers(1, 60))
    return n, draw(st.sets(st.integers(0, n - 1), min_size=1))


# ---- slabs
@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_ceil_div_is_the_least_number_of_parts_that_hold_all(a, b):
    parts = ceil_div(a, b)
    assert parts * b >= a > (parts - 1) * b


@given(stacks)
def test_slab_ranges_partition_the_stack(stack):
    n, depth = stack
    ranges = [slab_range(s, n, depth) for s in range(slab_count(n, depth))]
    assert [z for start, stop in ranges for z in range(start, stop)] == list(range(n))
    assert all(stop - start == depth for start, stop in ranges[:-1])
    assert all(start % depth == 0 for start, _ in ranges)


@pytest.mark.parametrize("slab", [-1, 3, 100])
def test_a_slab_outside_the_stack_is_refused(slab):
    with pytest.raises(IndexError, match=f"slab {slab} of a stack of 20 slices"):
        slab_range(slab, 20, 8)


@given(stacks, st.integers(-50, 350), st.integers(-50, 350))
def test_slabs_of_are_those_that_hold_a_slice(stack, start, stop):
    n, depth = stack
    wanted = {z // depth for z in range(max(start, 0), min(stop, n))}
    assert slabs_of(start, stop, n, depth) == sorted(wanted)


# ---- gaps
@pytest.mark.parametrize(
    "labelled, n, gaps",
    [
        ([], 9, []),
        ([0], 1, [Gap(0, 0, True, False)]),
        ([0], 5, [Gap(0, 4, True, False)]),
        ([4], 5, [Gap(0, 4, False, True)]),
        ([2], 5, [Gap(0, 2, False, True), Gap(2, 4, True, False)]),
        ([0, 4], 5, [Gap(0, 4, True, True)]),
        ([3, 1, 3], 5, [Gap(0, 1, False, True), Gap(1, 3, True, True), Gap(3, 4, True, False)]),
        ([0, 1, 2], 3, [Gap(0, 1, True, True), Gap(1, 2, True, True)]),
    ],
)
def test_gaps_of_small_stacks(labelled, n, gaps):
    assert gaps_between(labelled, n) == gaps


@given(labelled_stacks())
def test_gaps_cover_every_slice_and_share_only_labelled_ones(stack):
    n, labelled = stack
    gaps = gaps_between(labelled, n)
    assert (gaps[0].first, gaps[-1].last) == (0, n - 1)
    assert all(a.last == b.first for a, b in zip(gaps[:-1], gaps[1:], strict=True))
    for z in range(n):
        inside = sum(gap.first < z < gap.last for gap in gaps)
        at_ends = sum(z in (gap.first, gap.last) for gap in gaps)
        if z in labelled:
            assert inside == 0 and at_ends == (1 if z in (0, n - 1) else 2)
        else:
            assert inside + at_ends == 1
    for gap in gaps:
        assert gap.first_given == (gap.first in labelled)
        assert gap.last_given == (gap.last in labelled and gap.last > gap.first)
        assert gap.first_given or gap.last_given
    assert len({gap.name for gap in gaps}) == len(gaps)


@given(labelled_stacks(), st.integers(0, 60), st.integers(1, 20))
def test_gaps_of_a_slab_are_those_that_touch_it(stack, start, depth):
    n, labelled = stack
    gaps = gaps_between(labelled, n)
    slices = set(range(start, start + depth))
    assert gaps_of(gaps, start, start + depth) == [
        g for g in gaps if slices & set(range(g.first, g.last + 1))
    ]


@given(labelled_stacks())
def test_gap_without_a_slice_reaches_to_its_neighbours(stack):
    n, labelled = stack
    for z in labelled if len(labelled) > 1 else ():
        gap = gap_without(labelled, z, n)
        below, above = [o for o in labelled if o < z], [o for o in labelled if o > z]
        assert (gap.first, gap.first_given) == ((max(below), True) if below else (0, False))
        assert (gap.last, gap.last_given) == ((min(above), True) if above else (n - 1, False))


def test_the_name_of_a_gap_sorts_by_its_slices():
    assert Gap(8, 16, True, True).name == "00008-00016"


# ---- pyramid levels, chunks and shards
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


def test_slab_files_have_one_zero_per_further_axis():
    assert shard_file("a.zarr/0", 12) == "a.zarr/0/c/12/0/0"
    assert shard_file("work/flow", 0, 4) == "work/flow/c/0/0/0/0"
