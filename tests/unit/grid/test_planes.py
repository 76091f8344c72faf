"""Planes across the slices: their axes, their rows, their numbers."""

import pytest
from ultraseg.grid.planes import AXES, PLACES, plane_number, plane_rows, turned


def test_a_plane_lies_across_one_axis_and_shows_z_downwards():
    assert turned("zyx", "xz") == ("y", "z", "x")
    assert turned("zyx", "yz") == ("x", "z", "y")
    assert {plane: "zyx"[axis] for plane, axis in AXES.items()} == {"xz": "y", "yz": "x"}
    assert {plane: axis for plane, (_, axis) in PLACES.items()} == {"xz": "y", "yz": "x"}


@pytest.mark.parametrize(
    "step, downsample, expected",
    [
        (1, 1, [0, 3, 9]),
        (2, 2, [0, 1, 3, 4, 9, 9]),  # two rows stand for a step of two slices, the last row repeats
        (1, 2, [0, 0, 3, 3, 9, 9]),  # slices as thick as two pixels are wide
        (4, 2, [0, 1, 2, 4, 8, 9]),
    ],
)
def test_rows_of_a_plane_cover_a_step_as_columns_cover_a_pixel(step, downsample, expected):
    assert plane_rows([0, 3, 9], 10, step, downsample) == expected


def test_planes_count_on_behind_the_slices_without_meeting():
    shape = (5, 7, 9)
    numbers = [plane_number("xz", y, shape) for y in range(7)] + [
        plane_number("yz", x, shape) for x in range(9)
    ]
    assert numbers == list(range(5, 21))
