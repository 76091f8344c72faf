"""How far maps are averaged over neighbouring slices."""

import pytest
from ultraseg.grid.along_z import MOST, deviation, reach, weights


def test_the_deviation_is_a_length_in_the_tissue():
    assert deviation((16, 16, 16), 2, 0.75) == 1.5
    assert deviation((8, 16, 20), 1, 0.5) == 1.0  # of the narrower side of a pixel
    assert deviation((32, 16, 16), 2, 0.75) == 0.75


def test_thick_slices_are_left_as_they_are_and_deep_stacks_are_bounded():
    assert deviation((50, 4.6, 4.6), 2, 0.75) == 0
    assert deviation((8, 8, 8), 1, 0) == 0
    assert deviation((8, 8, 8), 16, 0.75) == MOST and reach(MOST) == 4


def test_weights_fall_with_the_distance_and_add_up_to_1():
    assert weights(0) == [1.0] and reach(0) == 0
    found = weights(1.5)
    assert len(found) == reach(1.5) + 1 == 4
    assert sorted(found, reverse=True) == found
    assert found[0] + 2 * sum(found[1:]) == pytest.approx(1)
