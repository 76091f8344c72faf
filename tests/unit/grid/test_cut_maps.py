import pytest
from ultraseg.grid.cut_maps import (
    BRICK,
    HALO,
    brick_window,
    bricks,
    bricks_with,
    depth_step,
    gap_steps,
    looks_alike,
    nearest,
)


def test_bricks_cover_the_stack_and_windows_end_with_it():
    assert bricks(BRICK + 3) == [(0, BRICK), (BRICK, BRICK + 3)]
    assert brick_window(0, BRICK, BRICK + 3) == (0, BRICK + 3)
    assert brick_window(BRICK, 2 * BRICK, 4 * BRICK) == (BRICK - HALO, 2 * BRICK + HALO)


@pytest.mark.parametrize("first, last", [(0, 0), (0, BRICK - 1), (BRICK - 1, BRICK), (BRICK, 3 * BRICK)])
def test_the_bricks_of_a_gap_hold_all_of_its_slices_and_no_brick_is_idle(first, last):
    held = [bricks(4 * BRICK)[b] for b in bricks_with(first, last)]
    assert held[0][0] <= first < held[0][1] and held[-1][0] <= last < held[-1][1]


@pytest.mark.parametrize(
    "voxel_size_nm, downsample, alike",
    [
        ((10, 10, 10), 1, True),
        ((10, 10, 10), 4, True),  # every 4th slice
        ((20, 10, 10), 2, True),
        ((14, 10, 10), 1, True),
        ((20, 10, 10), 1, False),
        ((40, 4, 4), 1, False),
        ((40, 4, 4), 8, True),
        ((10, 10, 4), 1, False),
    ],
)
def test_planes_across_look_like_slices_where_voxels_are_near_isotropic(voxel_size_nm, downsample, alike):
    assert looks_alike(voxel_size_nm, downsample) == alike


def test_a_step_along_z_is_about_as_long_as_a_pixel():
    assert [depth_step((10, 10, 10), d) for d in (1, 2, 4)] == [1, 2, 4]
    assert depth_step((40, 4, 4), 4) == 1 and depth_step((8, 5, 6), 4) == 2


def test_a_gap_is_seen_at_its_ends_and_at_the_steps_between():
    assert gap_steps(3, 9, 1) == [*range(3, 10)]
    assert gap_steps(0, 12, 4) == [0, 4, 8, 12]
    assert gap_steps(3, 13, 4) == [3, 8, 13]  # 4 and 12 are nearer to an end than half a step
    assert gap_steps(5, 6, 4) == [5, 6] and gap_steps(7, 7, 4) == [7]


def test_every_slice_shows_the_nearest_step():
    assert nearest([3, 8, 13], range(3, 14)) == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
