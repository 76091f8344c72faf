"""Fragments in three dimensions: what the cubes hold, how large they are, and that the pictures show it."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ultraseg.figures import decisions_3d
from ultraseg.figures.decisions_3d import (
    BEST,
    COLOURS,
    FRAGMENT,
    NODE_COLUMNS,
    OTHER,
    SECOND,
    Cube,
    captions,
    decisions_figure,
    draw_cube,
    read_cube,
)
from ultraseg.grid.good_slices import GoodSlices
from ultraseg.storage.pyramid import reduce_labels
from written_volume import write_stack

SHAPE, D = (24, 96, 128), 2
GOOD = GoodSlices(24)
ROW = {
    "kind": "ambiguous", "fragment": 5, "z": 10, "y": 48.0, "x": 64.0, "cell": 0, "best_cell": 7, "strength": 0.41,
    "runner_up_cell": 9, "runner_up": 0.38, "nobody": 0.0,
}  # fmt: skip
# A rod of 8 x 8 voxels of the image through the slices 6 to 17, between cell 7 on its left and cell 9 on its right.
ZS, YS, XS = range(6, 18), slice(44, 52), slice(60, 68)


@pytest.fixture
def folder(tmp_path):
    cells = np.zeros(SHAPE, np.uint32)
    cells[:, :, :60], cells[:, :, 68:], cells[20:] = 7, 9, 3
    pieces = np.zeros((24, 48, 64), np.uint32)
    pieces[ZS.start : ZS.stop, 22:26, 30:34] = 4
    write_stack(tmp_path / "image.zarr/labels/cells/0", cells, 6)
    write_stack(tmp_path / "image.zarr/labels/cells/1", reduce_labels(cells, (2, 2, 2)), 6)
    write_stack(tmp_path / "work/pieces", pieces, 6)
    return str(tmp_path)


def nodes(zs=ZS, fragment=5):
    rows = [(z, 4, 16, 23.5, 31.5, 1.25, 1.25, fragment) for z in zs]
    return pd.DataFrame([*rows, (3, 1, 900, 10.0, 10.0, 80.0, 80.0, fragment + 1)], columns=NODE_COLUMNS)


def cube_of(folder, row=ROW, table=None, level=0, factor=(1, 1, 1), good=GOOD, size=(10.0, 10.0, 10.0)):
    return read_cube(
        folder,
        "cells",
        row,
        nodes() if table is None else table,
        shape=SHAPE,
        voxel_size_nm=size,
        downsample=D,
        level=level,
        factor=factor,
        good_slices=good,
        grid=48,
    )


@pytest.mark.parametrize("level, factor", [(0, (1, 1, 1)), (1, (2, 2, 2))])
def test_a_cube_holds_the_fragment_between_the_cells_that_claim_it(folder, level, factor):
    cube = cube_of(folder, level=level, factor=factor)
    n = cube.labels.shape[0]
    assert cube.labels.shape == (n, n, n) and set(np.unique(cube.labels)) == {0, FRAGMENT, BEST, SECOND}
    places = np.argwhere(cube.labels == FRAGMENT)
    # Its size on the grid, and its middle in the middle of the cube.
    np.testing.assert_allclose(np.ptp(places, axis=0) + 1, np.array([12, 8, 8]) * 10 / cube.step_nm, atol=2)
    np.testing.assert_allclose(places.mean(0), (n - 1) / 2, atol=1)
    assert np.argwhere(cube.labels == BEST)[:, 2].max() < places[:, 2].min()
    assert np.argwhere(cube.labels == SECOND)[:, 2].min() > places[:, 2].max()


def test_a_cube_is_empty_beyond_the_volume(folder):
    cube = cube_of(folder, table=nodes(range(0, 2)))
    below = cube.labels[: int(cube.labels.shape[0] * 0.4)]
    assert not below.any() and cube.labels.any()


def test_where_a_cell_is_missing_another_one_is_shown(folder):
    cube = cube_of(folder, ROW | {"best_cell": 0, "runner_up_cell": 0})
    assert set(np.unique(cube.labels)) == {0, FRAGMENT, OTHER}
    ours = cube_of(folder, ROW | {"cell": 7, "runner_up_cell": 0})
    assert set(np.unique(ours.labels)) == {0, FRAGMENT, BEST, OTHER}
    assert (ours.labels == OTHER).sum() == (cube_of(folder).labels == SECOND).sum()


def test_a_long_fragment_is_shown_around_its_largest_piece(folder):
    table = nodes()
    table = table.assign(area=np.where(table["z"] == 8, 20, table["area"]))
    cube = cube_of(folder, table=table, size=(1000.0, 10.0, 10.0))
    diameter = 2 * np.sqrt(20 * 20 * 20 / np.pi)
    assert cube.step_nm * cube.labels.shape[0] == pytest.approx(16 * diameter)
    middle = cube.labels[cube.labels.shape[0] // 2]
    assert (middle == FRAGMENT).any()  # all within slice 8, which is thicker than the cube


def test_a_bad_slice_shows_the_piece_of_its_stand_in(folder):
    bad = (9, 10)
    table = nodes([z for z in ZS if z not in bad])
    whole, stepped = cube_of(folder), cube_of(folder, table=table, good=GoodSlices(24, bad))
    assert (stepped.labels == FRAGMENT).sum() == (whole.labels == FRAGMENT).sum()


def test_only_the_part_of_a_slice_around_the_fragment_is_read(folder, monkeypatch):
    sizes, plain = [], decisions_3d.read_slice

    def read(path, z, box=()):
        sizes.append([one.stop - one.start for one in box])
        return plain(path, z, box)

    monkeypatch.setattr(decisions_3d, "read_slice", read)
    cube = cube_of(folder)
    side = cube.step_nm * cube.labels.shape[0] / 10
    assert sizes and np.max(sizes) <= side + 2 < 60
    assert len(sizes) <= 2 * side + 4  # each slice once


def test_cells_are_cut_open_in_front_of_the_fragment():
    labels = np.full((20, 20, 20), BEST, np.uint8)
    labels[8:12, 8:12, 8:12] = FRAGMENT
    picture = draw_cube(Cube("weak", ROW, labels, 5.0), 160).astype(int)
    dark = np.abs(picture - COLOURS[FRAGMENT]).max(-1) < 40
    assert dark.sum() > 100 and (picture == 255).all(-1).any()
    places = np.argwhere(dark)
    assert np.abs(places.mean(0) - 80).max() < 8
    # The faces of the cut have their own shades, so that the block is no flat hexagon.
    blue = picture[(picture[..., 2] > picture[..., 0] + 30) & ~dark]
    assert len(np.unique(blue[:, 2] // 8)) > 3


def test_the_figure_groups_the_outcomes(folder, tmp_path):
    cube = cube_of(folder)
    twelve = [Cube("weak", ROW, cube.labels, cube.step_nm)] * 11 + [cube]
    decisions_figure(twelve, {"weak": 40, "ambiguous": 1}, str(tmp_path / "a.png"))
    width, height = Image.open(tmp_path / "a.png").size
    row = decisions_3d.PANEL + decisions_3d.CAPTION
    assert (width, height) == (1600, decisions_3d.HEAD + 2 * decisions_3d.TITLE + 3 * row)  # 11 need two rows
    decisions_figure([], {}, str(tmp_path / "none.png"))
    assert Image.open(tmp_path / "none.png").size[1] < 300


def test_captions_name_the_place_and_the_claims():
    assert captions(ROW) == ("z 10, y 48, x 64", "7: 0.41, 9: 0.38")
    left_out = ROW | {"best_cell": 0, "strength": 0.8, "nobody": 0.8}
    assert captions(left_out)[1] == "9: 0.38, nobody: 0.80"
    nothing = left_out | {"runner_up_cell": 0, "nobody": 0.0}
    assert captions(nothing)[1] == "no cell reaches it"
