"""The 3D view: which cells, and which surface is in front."""

import numpy as np
from pictures import pixels
from ultraseg.base.colours import id_colours
from ultraseg.figures import cells_3d
from ultraseg.figures.cells_3d import choose_cells, render, surface_points, views_of_a_cube


def balls():
    z, y, x = np.mgrid[:30, :40, :50]
    labels = np.zeros(z.shape, np.uint32)
    labels[(z - 8) ** 2 + (y - 12) ** 2 + (x - 12) ** 2 < 49] = 3
    labels[(z - 20) ** 2 + (y - 28) ** 2 + (x - 36) ** 2 < 64] = 70
    return labels


def test_3d_view_shows_all_cells_on_white(tmp_path):
    path = str(tmp_path / "3d.png")
    assert cells_3d.cells_3d(balls(), (20, 10, 10), path, width=600, grid=80) == [3, 70]
    picture = pixels(path)
    assert picture.shape == (2 * (295 + 30), 600, 3)
    assert (picture == 255).all(axis=-1).mean() > 0.4


def test_3d_view_puts_the_nearer_surface_in_front():
    square = np.argwhere(np.ones((21, 21))) - 10.0
    behind = np.column_stack([np.full(len(square), 5.0), square])
    front = np.column_stack([np.full(len(square), -5.0), square * 0.5])
    ids = np.repeat([4, 9], len(square))
    picture = render(np.concatenate([behind, front]), ids, 60, 30.0)
    for place, cell in (((30, 30), 9), ((30, 13), 4)):
        hue = id_colours(np.array(cell)).astype(float)
        seen = picture[place].astype(float)
        assert seen @ hue / np.linalg.norm(seen) / np.linalg.norm(hue) > 0.99
    assert (picture[2, 2] == 255).all()


def test_dense_tissue_is_thinned_to_what_can_be_seen():
    labels = np.zeros((10, 10, 10), np.uint32)
    labels[:] = 1
    labels[:4, :5, :4] = 2  # 80 voxels: under a third of 250
    labels[9, 9] = 3
    assert choose_cells(labels, 0.25) == [2, 3]
    assert choose_cells(labels, 1.0) == [1, 2, 3]
    assert choose_cells(np.ones((4, 4, 4), np.uint8), 0.25) == [1]
    assert choose_cells(np.zeros((4, 4, 4), np.uint8)) == []


def test_empty_labels_have_no_3d_view(tmp_path):
    assert (
        cells_3d.cells_3d(np.zeros((3, 4, 5), np.uint32), (1, 1, 1), str(tmp_path / "3d.png"), width=600)
        == []
    )
    assert pixels(tmp_path / "3d.png").shape[1] == 600


def test_an_outline_is_drawn_inside_the_surface_alone():
    square = np.argwhere(np.ones((21, 21))) - 10.0
    picture = render(np.column_stack([np.zeros(len(square)), square]), np.full(len(square), 4), 60, 30.0)
    inside = (picture != 255).any(-1)
    rows, columns = np.nonzero(inside)
    dark = picture.max(-1) < 100
    assert (
        dark[rows.min(), columns.min() : columns.max()].all()
        and dark[rows.max(), columns.min() : columns.max()].all()
    )
    assert not dark[30, 30] and inside.sum() < picture.shape[0] ** 2 / 1.5


def test_points_of_a_surface_have_a_neighbour_of_another_id():
    cube = np.zeros((5, 5, 5), np.uint32)
    cube[1:4, 1:4, 1:4] = 9
    points, ids = surface_points(cube)
    assert len(points) == 26 and set(ids) == {9}  # all but the voxel in the middle
    assert not (points == 2.5).all(axis=1).any()


def test_views_are_rotations():
    for view in views_of_a_cube().values():
        assert np.allclose(view @ view.T, np.eye(3))
