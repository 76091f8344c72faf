"""Pyramids: exact means and modes, and slab by slab the same as of the whole stack."""

from pathlib import Path

import numpy as np
import pytest
from ultraseg.grid.pyramid_levels import pyramid_levels
from ultraseg.storage.arrays import read_slices
from ultraseg.storage.create import create_array
from ultraseg.storage.pyramid import levels_of, pyramid_slices, reduce_image, reduce_labels, write_pyramid

SHAPE = (37, 45, 62)


def image(shape=SHAPE):
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def labels(shape=SHAPE):
    coarse = np.random.default_rng(6).integers(0, 5, [-(-n // 3) for n in shape]).astype(np.uint32)
    large = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[: shape[0], : shape[1], : shape[2]]
    return large * 1_000_003


def block_means(stack, step):
    """Mean of every block, counting only the voxels that exist; the slow and plain way."""
    return np.array(
        [
            [
                [
                    stack[z : z + step[0], y : y + step[1], x : x + step[2]].mean()
                    for x in range(0, stack.shape[2], step[2])
                ]
                for y in range(0, stack.shape[1], step[1])
            ]
            for z in range(0, stack.shape[0], step[0])
        ]
    )


def test_known_means():
    stack = np.zeros((2, 2, 4), np.uint8)
    stack[:, :, :2] = [[[10, 20], [30, 40]], [[50, 60], [70, 80]]]
    assert reduce_image(stack, (1, 2, 2)).tolist() == [[[25, 0]], [[65, 0]]]
    assert reduce_image(stack, (2, 2, 2)).tolist() == [[[45, 0]]]


@pytest.mark.parametrize("step", [(1, 2, 2), (2, 2, 2)])
def test_image_is_the_area_mean_also_of_partial_blocks(step):
    stack = image((5, 7, 9))
    mean = block_means(stack, step)
    found = reduce_image(stack, step)
    assert found.shape == mean.shape and found.dtype == np.uint8
    # y and x are rounded before z is.
    assert np.abs(found - mean).max() <= (0.5 if step[0] == 1 else 1.0)


def test_a_constant_image_stays_the_same():
    assert np.unique(reduce_image(np.full((3, 5, 5), 201, np.uint8), (2, 2, 2))).tolist() == [201]


def test_known_modes():
    stack = np.array([[[7, 7, 0, 9], [7, 3, 9, 9]], [[1, 1, 1, 1], [1, 1, 1, 1]]], np.uint32)
    assert reduce_labels(stack, (1, 2, 2)).tolist() == [[[7, 9]], [[1, 1]]]
    # Of 7 7 7 3 1 1 1 1 the most frequent is 1; of 0 9 9 9 1 1 1 1 as well.
    assert reduce_labels(stack, (2, 2, 2)).tolist() == [[[1, 1]]]


@pytest.mark.parametrize("step", [(1, 2, 2), (2, 2, 2)])
def test_labels_are_the_most_frequent_id_and_never_a_new_one(step):
    stack = np.random.default_rng(1).integers(0, 3, (3, 5, 7)).astype(np.uint32) * (2**32 - 1) // 2
    found = reduce_labels(stack, step)
    assert found.dtype == np.uint32 and found.shape == (3 if step[0] == 1 else 2, 3, 4)
    for place in np.ndindex(found.shape):
        block = tuple(slice(i * n, i * n + n) for i, n in zip(place, step, strict=True))
        ids, counts = np.unique(stack[block], return_counts=True)
        assert found[place] == ids[counts.argmax()]


def slab_pyramid(stack, levels, reduce) -> list[np.ndarray]:
    """All levels of one slab, each as one array."""
    found = [[] for _ in levels]
    for level, one in pyramid_slices(stack, levels, reduce):
        found[level].append(one)
    return [np.stack(slices) for slices in found]


@pytest.mark.parametrize("reduce, stack", [(reduce_image, image()), (reduce_labels, labels())])
@pytest.mark.parametrize("depth", [1, 2, 7, 12, 16, 64])
def test_slab_by_slab_equals_the_whole_stack(reduce, stack, depth):
    levels = pyramid_levels(SHAPE, (4, 4, 4), depth, 4)
    whole = slab_pyramid(stack, levels, reduce)
    parts = [slab_pyramid(stack[z : z + depth], levels, reduce) for z in range(0, SHAPE[0], depth)]
    for level, one, *slabs in zip(levels, whole, *parts, strict=True):
        assert one.shape == level.shape
        assert np.array_equal(np.concatenate(slabs), one)


@pytest.mark.parametrize("reduce, stack", [(reduce_image, image()), (reduce_labels, labels())])
def test_slab_depths_that_halve_z_alike_give_the_same_levels(reduce, stack):
    found = {}
    for depth in (8, 16):
        levels = pyramid_levels(SHAPE, (4, 4, 4), depth, 4)  # both may halve z three times
        parts = [slab_pyramid(stack[z : z + depth], levels, reduce) for z in range(0, SHAPE[0], depth)]
        found[depth] = [np.concatenate(level) for level in zip(*parts, strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(found[8], found[16], strict=True))


@pytest.mark.parametrize("reduce, stack", [(reduce_image, image()), (reduce_labels, labels())])
def test_slab_depths_that_never_halve_z_give_the_same_levels(reduce, stack):
    found = []
    for depth in (1, 7):
        levels = pyramid_levels(SHAPE, (4, 4, 4), depth, 3)
        parts = [slab_pyramid(stack[z : z + depth], levels, reduce) for z in range(0, SHAPE[0], depth)]
        found.append([np.concatenate(level) for level in zip(*parts, strict=True)])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("depth", [7, 16])
def test_a_written_slab_is_one_file_per_level(tmp_path, depth):
    stack, group = image(), str(tmp_path / "image.zarr")
    levels = pyramid_levels(SHAPE, (4, 4, 4), depth, 3)
    for number, level in enumerate(levels):
        create_array(f"{group}/{number}", level.shape, level.chunk, level.shard, "uint8", "zyx")
    factors = levels_of([level.factor for level in levels])
    for start in range(0, SHAPE[0], depth):
        write_pyramid(group, start, stack[start : start + depth], factors, reduce_image)
    slabs = -(-SHAPE[0] // depth)
    for number, expected in enumerate(slab_pyramid(stack, levels, reduce_image)):
        files = [str(f.relative_to(f"{group}/{number}/c")) for f in Path(group, str(number), "c").rglob("*")]
        assert {f for f in files if f.count("/") == 2} == {f"{slab}/0/0" for slab in range(slabs)}
        assert np.array_equal(read_slices(f"{group}/{number}", 0, len(expected)), expected)


def test_slices_are_asked_for_only_when_those_before_are_given():
    """So that memory does not grow with the slab."""
    asked = []

    def slices():
        for z, one in enumerate(image()):
            asked.append(z)
            yield one

    levels, done = pyramid_levels(SHAPE, (4, 4, 4), 16, 3), [0, 0, 0]
    for level, _ in pyramid_slices(slices(), levels, reduce_image):
        done[level] += 1
        assert len(asked) == min(done[level] * levels[level].factor[0], SHAPE[0])
    assert done == [37, 19, 10]
