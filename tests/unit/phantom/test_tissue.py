"""Where cells are."""

import numpy as np
from ultraseg.phantom.tissue import Tissue


def test_the_middle_of_a_cell_lies_deep_in_that_cell_and_far_points_outside():
    tissue = Tissue((40, 300, 300), 3, 0.5)
    inside = (tissue.cells.centre > 0).all(1) & (tissue.cells.centre < tissue.shape).all(1)
    depth, cell = tissue.depth(tissue.cells.centre[inside])
    assert inside.sum() >= 2 and (depth > 5).all() and (cell == np.flatnonzero(inside)).all()
    assert tissue.depth(np.array([[20.0, 5000, 5000]]))[0] < 0


def test_sizes_follow_the_scale():
    small, large = (Tissue((40, 200, 200), 3, scale) for scale in (0.4, 0.8))
    assert len(small) > 1.5 * len(large)
    assert small.cells.radius.mean() * 1.8 < large.cells.radius.mean() < small.cells.radius.mean() * 2.2
