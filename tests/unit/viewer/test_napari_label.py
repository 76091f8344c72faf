"""The stack that napari takes for an array: it reads and writes like NumPy's, and fetches few slices.

A test that drives napari itself is in tests/unit/exchange/test_label_window.py.
"""

import numpy as np
import pytest
from ultraseg.viewer.napari_label import HELD, Refused, Slices

SHAPE = (6, 7, 8)


@pytest.fixture
def truth():
    return np.random.default_rng(1).integers(0, 9, SHAPE).astype(np.uint32)


POINTS = tuple(np.random.default_rng(2).integers(0, n, 40) for n in SHAPE)
INDICES = [
    (2, slice(None), slice(None)),
    (np.int64(3), slice(1, 5), slice(2, 8)),
    (slice(1, 4), slice(0, 3), slice(None)),
    (slice(2, 3), slice(2, 4), slice(2, 4)),
    4,
    (1, 2, 3),
    POINTS,
    (np.array([2]), np.array([3]), np.array([4])),
    (5, POINTS[1], POINTS[2]),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_it_reads_like_an_array(truth, index):
    stack = Slices(SHAPE, np.uint32, lambda z: truth[z].copy())
    assert np.array_equal(stack[index], truth[index]) and not stack.changed


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_it_is_written_like_an_array(truth, index):
    stack, expected = Slices(SHAPE, np.uint32, lambda z: truth[z].copy()), truth.copy()
    stack[index], expected[index] = 77, 77
    assert all(np.array_equal(stack.plane(z), expected[z]) for z in range(len(stack)))
    touched = {z for z in range(len(truth)) if (expected[z] != truth[z]).any()}
    assert stack.changed == touched
    values = np.arange(np.size(truth[index]), dtype=np.uint32).reshape(np.shape(truth[index]))
    if index is not POINTS:  # a voxel may be there twice
        stack[index], expected[index] = values, values
        assert all(np.array_equal(stack.plane(z), expected[z]) for z in range(len(stack)))


def test_few_slices_are_held_but_all_that_were_drawn_on():
    fetched = []

    def fetch(z):
        fetched.append(z)
        return np.zeros((4, 4), np.uint32)

    stack = Slices((100, 4, 4), np.uint32, fetch)
    stack[0, 1, 1] = 5
    for z in range(1, 100):
        stack.plane(z)
    assert len(fetched) == 100 and len(stack._held) <= HELD
    assert stack.plane(0)[1, 1] == 5 and stack.plane(99) is stack.plane(99) and len(fetched) == 100
    stack.plane(1)
    assert fetched[-1] == 1


def test_the_whole_stack_is_never_read():
    with pytest.raises(Refused, match="slice by slice"):
        np.asarray(Slices((100, 4, 4), np.uint32, lambda z: np.zeros((4, 4))))
