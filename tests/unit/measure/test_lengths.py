"""Length along the course, against shapes whose length is known."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.measure.lengths import Course, course_of, protrusion_courses


def course_length(voxels, spacing):
    return course_of(voxels, spacing).length(spacing)


def tube(centres: np.ndarray, radius: float, spacing) -> np.ndarray:
    """Voxels (n, 3) within a radius of a line of points (m, 3), in units of ``spacing``."""
    spacing = np.asarray(spacing, float)
    low = np.floor((centres.min(axis=0) - radius) / spacing).astype(int) - 1
    high = np.ceil((centres.max(axis=0) + radius) / spacing).astype(int) + 2
    grid = np.stack(
        np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1
    )
    grid = grid.reshape(-1, 3)
    near = np.full(len(grid), np.inf)
    for centre in centres:
        near = np.minimum(near, np.linalg.norm(grid * spacing - centre, axis=1))
    return grid[near <= radius] - low


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 2)])
def test_a_row_of_voxels_is_as_long_as_they_are(axis, spacing):
    voxels = np.zeros((9, 3), int)
    voxels[:, axis] = np.arange(9)
    assert course_length(voxels, spacing) == pytest.approx(9 * spacing[axis])


def test_the_order_of_the_voxels_does_not_matter():
    voxels = tube(np.linspace((0, 0, 0), (20, 10, 5), 60), 2, (1, 1, 1))
    shuffled = np.random.default_rng(0).permutation(voxels)
    assert course_length(shuffled, (1, 1, 1)) == pytest.approx(course_length(voxels, (1, 1, 1)), rel=0.02)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 2, 3), (0.3, 1, 0.5)])
@pytest.mark.parametrize("spacing", [(1, 1, 1), (2.5, 1, 1)])
def test_a_straight_tube_is_as_long_in_every_direction(direction, spacing):
    """Within a slice as well, where the centroids of slices would see nothing."""
    unit = np.array(direction, float) / np.linalg.norm(direction)
    length, radius = 60.0, 3.0
    voxels = tube(np.outer(np.linspace(0, length, 120), unit), radius, spacing)
    # Round ends add a radius each.
    assert course_length(voxels, spacing) == pytest.approx(length + 2 * radius, rel=0.06)


@pytest.mark.parametrize("plane", [(0, 1), (1, 2)])
def test_an_arc_is_measured_along_its_course(plane):
    angle = np.linspace(0, 1.5 * np.pi, 200)
    centres = np.zeros((200, 3))
    centres[:, plane[0]], centres[:, plane[1]] = 30 * np.cos(angle), 30 * np.sin(angle)
    # The shortest way cuts the bend on the inside: between the arcs of the inner side and of the middle.
    found = course_length(tube(centres, 2, (1, 1, 1)), (1, 1, 1))
    assert 28 * 1.5 * np.pi < found < 1.05 * (30 * 1.5 * np.pi + 4)


def test_parts_that_do_not_touch_are_joined():
    row = np.stack([np.arange(20), np.zeros(20), np.zeros(20)], 1).astype(int)
    assert course_length(row[(row[:, 0] != 7) & (row[:, 0] != 12)], (1, 1, 1)) == pytest.approx(20)
    assert course_length(np.array([[4, 4, 4]]), (3, 1, 2)) == 3


def test_lengths_come_from_the_pieces_slice_by_slice():
    """Two protrusions, one in the plane of a slice; slice 2 is bad and shows slice 1; body pieces do not count."""
    stack = np.zeros((5, 12, 30), np.uint32)
    stack[:, 2, 2] = 1  # along z, piece 1 of every slice
    stack[3, 6, 5:25] = 2  # within slice 3
    stack[:, 9:, :] = 9  # a body
    stack[2] = 0
    rows = [(z, 1, 7) for z in (0, 1, 3, 4)] + [(3, 2, 8)] + [(z, 9, 0) for z in (0, 1, 3, 4)]
    pieces = pd.DataFrame(rows, columns=["z", "piece", "protrusion"])
    asked = []

    def read(z):
        asked.append(z)
        return stack[z]

    spacing = (2.0, 1.0, 1.0)
    found = protrusion_courses(read, [0, 1, 1, 3, 4], pieces, spacing)
    lengths = {number: course.length(spacing) for number, course in found.items()}
    assert lengths == {7: pytest.approx(10), 8: pytest.approx(20)}
    assert asked == [0, 1, 1, 3, 4]
    assert protrusion_courses(read, [0, 1], pieces.iloc[:0], (1, 1, 1)) == {}
    # The courses themselves, on the bad slice as well.
    assert found[7].path[:, 0].tolist() == pytest.approx([0, 1, 2, 3, 4], abs=0.5)
    np.testing.assert_allclose(found[7].path[:, 1:], 2)
    np.testing.assert_allclose(found[8].path[[0, -1]], [[3, 6, 5], [3, 6, 24]])


def test_a_course_begins_at_the_end_that_is_asked_for():
    course = course_of(np.stack([np.arange(9), 0 * np.arange(9), 0 * np.arange(9)], 1), (5, 1, 1))
    assert course.path[0, 0] == 0 and course.from_end_near(np.array([1, 0, 0]), np.array([5, 1, 1])) is course
    turned = course.from_end_near(np.array([7, 0, 0]), np.array([5, 1, 1]))
    assert turned.path[0, 0] == 8 and turned.length((5, 1, 1)) == course.length((5, 1, 1)) == 45
    assert course.length((1, 4, 4)) == 9  # as long in another unit


def test_a_course_on_a_coarse_grid_lies_where_the_object_is(monkeypatch):
    rod = np.stack(np.meshgrid(np.arange(8), np.arange(8), np.arange(96), indexing="ij"), -1).reshape(-1, 3)
    whole = course_of(rod, (1, 1, 1))
    monkeypatch.setattr("ultraseg.measure.lengths.MOST_VOXELS", 1000)
    coarse = course_of(rod, (1, 1, 1))
    assert (whole.grid, coarse.grid) == (1, 2)
    np.testing.assert_allclose(coarse.path[[0, -1]], whole.path[[0, -1]], atol=1)
    assert coarse.path.min(0).min() >= 0.5 and coarse.length((1, 1, 1)) == pytest.approx(
        whole.length((1, 1, 1)), rel=0.05
    )


def test_a_course_of_one_voxel():
    course = course_of(np.array([[3, 4, 5]]), (2, 1, 1))
    assert (
        isinstance(course, Course) and course.path.tolist() == [[3, 4, 5]] and course.length((1, 4, 4)) == 4
    )
