import pytest
from ultraseg.grid.cut_maps import BRICK, HALO, brick_window, bricks, bricks_with, looks_alike


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
        ((10, 10, 10), 2, False),  # the planes across would show twice as many pixels along z
        ((20, 10, 10), 2, True),
        ((14, 10, 10), 1, True),
        ((40, 4, 4), 1, False),
        ((10, 10, 4), 1, False),
    ],
)
def test_planes_across_look_like_slices_where_voxels_are_near_isotropic(voxel_size_nm, downsample, alike):
    assert looks_alike(voxel_size_nm, downsample) == alike
