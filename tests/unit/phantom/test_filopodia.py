"""Courses of filopodia."""

import numpy as np
import pytest
from ultraseg.phantom.filopodia import Courses
from ultraseg.phantom.volume import Phantom

SMALL = {"shape": (20, 128, 128), "scale": 0.4}


def test_filopodia_can_be_thinner_and_come_closer():
    usual, thin, close = (
        Phantom(**SMALL, seed=3, filopodia_per_cell=30, **settings)._geometry.courses
        for settings in ({}, {"filopodia_radius": 0.6}, {"clearance": -4.0})
    )
    roots = [courses.radius[:, 0].mean() for courses in (thin, usual)]
    assert roots[0] == pytest.approx(0.6 * roots[1], rel=0.05)
    assert len(close.owner) > 1.1 * len(usual.owner) > 10  # fewer are dropped


def test_segments_join_the_valid_points_of_each_course():
    points = np.arange(18.0).reshape(2, 3, 3)
    courses = Courses(points, np.arange(6.0).reshape(2, 3), np.array([3, 2]), np.array([7, 8]))
    start, end, r0, r1, course = courses.segments()
    assert course.tolist() == [0, 0, 1] and r0.tolist() == [0, 1, 3] and r1.tolist() == [1, 2, 4]
    np.testing.assert_array_equal(end - start, 3)
