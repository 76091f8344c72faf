"""2D pieces of a slice: known areas, ids, newcomers, given slices."""

import numpy as np
import pytest
from ultraseg.arrays.edges import label_edges
from ultraseg.base.errors import UserError
from ultraseg.base.ids import gap_of_number
from ultraseg.cells.pieces import (
    COLUMNS,
    empty_table,
    given_pieces,
    newcomers,
    piece_table,
    ready_slab,
    slab_pieces,
    slice_cells,
)
from ultraseg.storage.slice_stacks import Propagated

SHAPE = (60, 80)


def scene():
    """Three labelled pieces of two cells, one cell nobody labelled, real background; perfect maps."""
    truth = np.zeros(SHAPE, np.uint32)
    truth[5:25, 5:25] = 900  # 400 pixels
    truth[40:44, 5:10] = 900  # 20 pixels, the same cell
    truth[5:25, 25:45] = 17  # touches the first
    truth[30:55, 50:75] = 5  # the newcomer, 625 pixels
    edges = label_edges(truth)
    boundary = (edges * 255).astype(np.uint8)
    interior = ((truth > 0) & ~edges).astype(np.uint8) * 255
    return truth, interior, boundary


def test_pieces_and_table():
    truth, interior, boundary = scene()
    labels = np.where(truth == 5, 0, truth)
    confidence = np.full(SHAPE, 51, np.uint8)
    confidence[truth == 17] = 255
    pieces, table = slice_cells(labels, confidence, interior, boundary, given=False, min_body_area=100)
    assert list(table.columns) == [*COLUMNS, "new"] and pieces.dtype == np.int32
    assert table.piece.tolist() == [1, 2, 3, 4] and np.array_equal(np.unique(pieces), np.arange(5))
    assert sorted(table.cell) == [0, 17, 900, 900]
    rows = {(r.cell, r.area): r for r in table.itertuples()}
    assert rows[900, 400].body and not rows[900, 20].body and rows[17, 400].body
    assert (rows[900, 400].y, rows[900, 400].x) == (14.5, 14.5)
    assert (rows[900, 20].y, rows[900, 20].x) == (41.5, 7.0)
    assert rows[17, 400].confidence == pytest.approx(1) and rows[900, 20].confidence == pytest.approx(0.2)
    for row in table.itertuples():
        inside = pieces == row.piece
        assert inside.sum() == row.area and (labels[inside] == row.cell).all()


def test_newcomer_fills_its_membrane_and_background_stays():
    truth, interior, boundary = scene()
    labels = np.where(truth == 5, 0, truth)
    pieces, table = slice_cells(labels, np.zeros(SHAPE, np.uint8), interior, boundary, given=False)
    new = pieces == table.piece[table.cell == 0].item()
    assert (new[truth == 5]).all() and new.sum() <= 27 * 27
    background = (truth == 0) & (boundary == 0)
    assert not pieces[background].any()


def test_two_newcomers_are_split_by_their_membrane():
    truth, _, _ = scene()
    truth[30:55, 62:75] = 6
    edges = label_edges(truth)
    interior, boundary = ((truth > 0) & ~edges).astype(np.uint8) * 255, (edges * 255).astype(np.uint8)
    found = newcomers(np.where(truth < 7, 0, truth), interior, boundary)
    assert found.max() == 2
    assert found[40, 55] != found[40, 70] and found[40, 55] > 0 and found[40, 70] > 0


def test_rim_along_a_carried_cell_is_no_newcomer():
    truth, interior, boundary = scene()
    labels = truth.copy()
    labels[5:7, 5:25] = 0
    pieces, table = slice_cells(labels, np.zeros(SHAPE, np.uint8), interior, boundary, given=False)
    assert not (table.cell == 0).any()


def test_given_slice_keeps_its_ids_and_shows_what_was_left_out():
    truth, interior, boundary = scene()
    labels = np.where(truth == 5, 0, truth)
    labels[58, 2] = 33  # a single pixel the user drew
    pieces, table = slice_cells(labels, np.full(SHAPE, 255, np.uint8), interior, boundary, given=True)
    carried = np.r_[0, table.cell.to_numpy()][pieces]
    assert np.array_equal(carried, labels) and (table.confidence == 1).all() and 33 in table.cell.values
    (left_out,) = table.piece[table.cell == 0]
    assert (pieces[truth == 5] == left_out).mean() > 0.8


def test_what_a_labelled_part_leaves_out_does_not_mix_with_what_nobody_labelled():
    truth, interior, boundary = scene()
    labels = np.where(truth == 5, 0, truth)
    y, x = (int(np.median(v)) for v in np.nonzero(truth == 5))
    given = np.zeros(SHAPE, bool)
    given[:, :x] = True
    pieces, table = slice_cells(labels, np.full(SHAPE, 255, np.uint8), interior, boundary, given=given)
    left, right = pieces[y, x - 3], pieces[y, x + 3]
    assert left > 0 and right > 0 and left != right
    assert (given_pieces(pieces, given)[[left - 1, right - 1]] == [True, False]).all()


def test_crumbs_are_dropped_and_numbers_close_up():
    labels = np.zeros(SHAPE, np.uint32)
    labels[1, 1] = 4
    labels[10:20, 10:20] = 9
    void = np.zeros(SHAPE, np.uint8)
    pieces, table = slice_cells(labels, void, void, void, given=False, min_fragment_area=4)
    assert table.piece.tolist() == [1] and table.cell.tolist() == [9] and pieces.max() == 1
    pieces, table = slice_cells(labels, void, void, void, given=False, min_fragment_area=1)
    assert sorted(table.cell) == [4, 9]


def test_corner_contact_keeps_pieces_apart():
    labels = np.zeros((4, 4), np.uint32)
    labels[:2, :2] = labels[2:, 2:] = 3
    void = np.zeros((4, 4), np.uint8)
    _, table = slice_cells(labels, void, void, void, given=True)
    assert table.area.tolist() == [4, 4]


def test_holes_in_a_cell_are_filled():
    labels = np.zeros((40, 60), np.uint32)
    labels[2:22, 2:22], labels[2:22, 30:40], labels[2:22, 40:50] = 7, 8, 9
    holes = np.zeros(labels.shape, bool)
    holes[5:8, 5:8] = holes[12, 12] = holes[13, 13] = True  # nine pixels; two that meet at a corner
    stays = np.zeros(labels.shape, bool)
    stays[15:19, 3:8] = True  # 20 pixels are too many
    stays[10:12, 39:41] = True  # between two cells
    stays[2:4, 15:17] = True  # open to the outside
    labels[holes | stays] = 0
    nothing = np.zeros(labels.shape, np.uint8)
    pieces, table = slice_cells(labels, nothing, nothing, nothing, given=False, max_hole_area=19)
    assert (pieces[holes] == pieces[2, 2]).all() and not pieces[stays].any()
    assert table.set_index("cell").area.to_dict() == {7: 400 - 20 - 4, 8: 198, 9: 198}
    unfilled, _ = slice_cells(labels, nothing, nothing, nothing, given=False, max_hole_area=0)
    assert np.array_equal(unfilled > 0, labels > 0)


def test_another_cell_in_a_hole_and_what_the_user_left_out_stay():
    labels = np.zeros((40, 40), np.uint32)
    labels[2:38, 2:38] = 7
    labels[10:20, 10:20] = 0
    ring = np.zeros(labels.shape, bool)
    ring[9:21, 9:21] = True
    ring[10:20, 10:20] = False
    interior = np.zeros(labels.shape, np.uint8)
    interior[10:20, 10:20] = 255
    pieces, table = slice_cells(labels, interior, interior, ring.astype(np.uint8) * 255, given=False)
    assert pieces[15, 15] not in (0, pieces[5, 5]) and sorted(table.cell) == [0, 7]
    nothing = np.zeros(labels.shape, np.uint8)
    for given in (
        True,
        np.arange(40)[:, None] * np.ones(40) < 12,
    ):  # all of the slice, and a part of the hole
        pieces, _ = slice_cells(labels, nothing, nothing, nothing, given=given)
        assert not pieces[10:20, 10:20].any()


def test_empty_slice():
    void = np.zeros(SHAPE, np.uint8)
    pieces, table = slice_cells(void.astype(np.uint32), void, void, void, given=False)
    assert not pieces.any() and len(table) == 0 and list(table.columns) == [*COLUMNS, "new"]
    full = slice_cells(np.ones((1, 1), np.uint32), void[:1, :1], void[:1, :1], void[:1, :1], given=True)
    assert full[1].area.tolist() == [1]


def test_types_are_stable():
    truth, interior, boundary = scene()
    _, table = slice_cells(truth, interior, interior, boundary, given=False)
    _, empty = slice_cells(truth * 0, interior * 0, interior * 0, boundary * 0, given=False)
    assert table.dtypes.astype(str).tolist() == empty.dtypes.astype(str).tolist()
    assert piece_table(np.zeros((3, 3), np.int32), truth[:3, :3], boundary[:3, :3], min_body_area=1).empty


def test_errors():
    void = np.zeros(SHAPE, np.uint8)
    with pytest.raises(ValueError, match="equal 2D"):
        slice_cells(void[:3], void, void, void, given=True)


def test_a_slab_of_bad_slices_has_an_empty_table_of_the_same_types():
    zeros = np.zeros((4, 4), np.uint8)
    labels = np.ones((4, 4), np.uint32)
    _, table = slice_cells(labels, zeros, zeros, zeros, given=True)
    table = table[[name for name in table if name != "new"]].assign(
        z=3, given=True, traced=False, new=table["new"]
    )
    empty = empty_table()
    assert len(empty) == 0 and empty.dtypes.to_dict() == table.dtypes.to_dict()


def test_new_cells_keep_their_place_and_have_no_id():
    shape = (20, 30)
    labels, new = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    labels[:, :8] = 5
    new[:, 10:16], new[:, 16:24], new[:, 6:8] = 1, 2, 9  # two that touch, and one where an id lies
    empty, given = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    given[15:] = True
    pieces, table = slice_cells(labels, empty, empty, empty, given=given, new=new)
    assert table["cell"].tolist() == [5, 0, 0] and table["area"].tolist() == [160, 90, 120]
    assert not pieces[15:, 8:].any() and len(np.unique(pieces[:15])) == 4
    assert table["new"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("new", [None, np.zeros((4, 4), np.uint32)])
def test_the_table_says_whether_ids_were_found_in_three_dimensions(new):
    zeros = np.zeros((1, 4, 4), np.uint8)
    carried = Propagated(np.ones((4, 4), np.uint32), zeros[0], False, new)
    _, table = slab_pieces([(5, carried)], zeros, zeros, start=5)
    assert table["traced"].tolist() == [new is not None] and table["z"].tolist() == [5]


def test_numbers_of_new_cells_hold_in_the_whole_volume():
    zeros, drawn = np.zeros((2, 8, 8), np.uint8), np.zeros((8, 8), np.uint32)
    drawn[2:6, 2:6] = 3
    slices = [
        (z, Propagated(np.zeros_like(drawn), zeros[0], False, drawn, gap)) for z, gap in ((5, 0), (6, 6))
    ]
    _, table = slab_pieces(slices, zeros, zeros, start=5)
    assert gap_of_number(table["new"].to_numpy()).tolist() == [0, 6] and table["new"].nunique() == 2
    _, plain = slab_pieces([(5, Propagated(drawn, zeros[0], False))], zeros[:1], zeros[:1], start=5)
    assert plain["new"].tolist() == [0]


# ---- cells of another program: every id stays, and each connected part of a slice is a piece
READY = (20, 30)
READY_SETTINGS = {
    "min_body_area": 20,
    "min_fragment_area": 4,
    "max_hole_area": 1000,
    "foreground_threshold": 0.5,
}


def cut_ready(planes, zs, **changes):
    how = {"slab": (4, 8), "plane": READY, "downsample": 2, "factor": (1, 1), "crop": ((0, 40), (0, 60))}
    return ready_slab(planes, zs, "cells.h5", **(how | READY_SETTINGS | changes))


def drawn_cells():
    """A body of cell 9 with a hole, a thin part of it apart, and cell 2 beside it (at the size of the image)."""
    plane = np.zeros((40, 60), np.int64)
    plane[4:16, 4:16] = 9
    plane[8:10, 8:10] = 0
    plane[20:22, 4:8] = 9
    plane[4:16, 16:20] = 2
    return plane


def test_each_part_of_a_cell_is_a_piece_with_its_id():
    pieces, table = cut_ready([drawn_cells(), drawn_cells()], [4, 6])
    assert pieces.shape == (4, *READY) and not pieces[1].any() and not pieces[3].any()
    first = table[table["z"] == 4].sort_values("area")
    assert first["cell"].tolist() == [9, 2, 9] and first["area"].tolist() == [2, 12, 35]
    assert first["body"].tolist() == [False, False, True]
    assert table["given"].all() and (table["confidence"] == 1).all() and not table["traced"].any()
    assert pieces[0, 4, 4] == 0, "a hole of the file stays a hole"
    assert table[table["z"] == 6].drop(columns="z").equals(table[table["z"] == 4].drop(columns="z").set_index(
        table[table["z"] == 6].index))  # fmt: skip


def test_smaller_files_are_enlarged_and_cut_to_the_part():
    small = np.zeros((20, 30), np.uint32)
    small[4:, :] = 7
    pieces, table = cut_ready([small], [5], factor=(2, 2), crop=((4, 40), (0, 60)), plane=(18, 30))
    assert table["area"].tolist() == [16 * 30] and (pieces[1, :2] == 0).all() and (pieces[1, 2:] > 0).all()


def test_a_slab_without_good_slices_has_an_empty_table():
    pieces, table = cut_ready([], [])
    assert not pieces.any() and len(table) == 0 and "given" in table


@pytest.mark.parametrize("number, told", [(2**31, "a cell has id 2147483648"), (-1, "are no ids")])
def test_numbers_that_are_no_ids_of_cells_are_told(number, told):
    with pytest.raises(UserError, match=f"cells.h5.*{told}"):
        cut_ready([np.full((40, 60), number, np.int64)], [4])
