"""Whose each voxel is."""

import numpy as np
import pytest
from ultraseg.phantom.geometry import FAR, Plane, Segments, nearest_segment
from ultraseg.phantom.volume import Phantom

SMALL = {"shape": (20, 128, 128), "scale": 0.4}


@pytest.fixture(scope="module")
def volume():
    return Phantom(**SMALL, seed=3).render(0, 20)


def test_cells_touch_in_places_and_lie_apart_in_others(volume):
    left, right = volume["cells"][..., :-1], volume["cells"][..., 1:]
    touching = (left != right) & (left > 0) & (right > 0)
    free = (left > 0) != (right > 0)
    assert touching.sum() > 300 and free.sum() > 300


def test_depth_in_a_tapered_tube_is_known_exactly():
    y, x = np.arange(0.0, 20), np.arange(0.0, 40)
    grid = np.meshgrid(y, x, indexing="ij")
    wobbled = (np.zeros_like(grid[0]), *grid)
    plane = Plane(0.0, y, x, 1.0, tuple(g.astype(np.float32) for g in wobbled))
    one = np.ones(1)
    tube = Segments(
        np.array([[0.0, 10, 5]]), np.array([[0.0, 10, 25]]), 4 * one, 2 * one, 0 * one, one.astype(int)
    )
    depth, index, along = nearest_segment(tube, plane, 1.0)
    assert (
        depth[10, 5] == pytest.approx(4)
        and depth[10, 15] == pytest.approx(3)
        and depth[12, 15] == pytest.approx(1)
    )
    assert along[10, 15] == pytest.approx(10) and index[10, 15] == 0
    assert index[0, 39] == -1 and depth[0, 39] == -FAR
