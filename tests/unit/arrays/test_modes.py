"""The most frequent label of every block, the smallest of equals."""

import numpy as np
import pytest
from ultraseg.arrays.modes import block_modes


def slow_modes(labels, step):
    """The definition, block by block."""
    found = np.zeros([-(-size // n) for size, n in zip(labels.shape, step, strict=True)], labels.dtype)
    for place in np.ndindex(found.shape):
        block = tuple(slice(i * n, i * n + n) for i, n in zip(place, step, strict=True))
        ids, counts = np.unique(labels[block], return_counts=True)
        found[place] = ids[counts.argmax()]
    return found


@pytest.mark.parametrize(
    "shape, step",
    [((7, 9), (2, 2)), ((5, 6, 7), (2, 2, 2)), ((4, 6, 8), (1, 2, 2)), ((3, 11), (4, 3)), ((13,), (5,))],
)
@pytest.mark.parametrize("kind", [np.uint8, np.uint32, np.int64])
def test_modes_are_those_of_plain_counting(shape, step, kind):
    labels = np.random.default_rng(0).integers(0, 3, shape).astype(kind)
    found = block_modes(labels, step)
    assert found.dtype == kind
    assert np.array_equal(found, slow_modes(labels, step))


def test_the_smallest_of_equals_wins_and_large_ids_stay_exact():
    largest = 2**32 - 1
    labels = np.array([[largest, 5, largest, largest], [5, largest, largest, 1]], np.uint32)
    assert block_modes(labels, (2, 2)).tolist() == [[5, largest]]


def test_partial_blocks_count_only_what_exists():
    labels = np.array([[1, 1, 9], [1, 1, 9], [2, 3, 0]], np.uint8)
    assert block_modes(labels, (2, 2)).tolist() == [[1, 9], [2, 0]]


def test_one_voxel_per_block_changes_nothing_and_returns_a_copy():
    labels = np.arange(6, dtype=np.uint32).reshape(2, 3)
    found = block_modes(labels, (1, 1))
    assert np.array_equal(found, labels) and not np.shares_memory(found, labels)
