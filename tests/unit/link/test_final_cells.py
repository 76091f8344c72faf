"""Final cells: linked pieces at the size of the image, the user's drawing on top, bad slices as their stand-ins."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.link.final_cells import final_cells
from ultraseg.storage.label_slices import write_slices

NO_EDITS = pd.DataFrame({"cell": [], "z_first": [], "becomes": []}, dtype=np.int64)
# Piece 1 on the left and piece 2 on the right of slices 4 and 6; slice 5 is bad.
TWO = [4, 6]
PIECES = dict.fromkeys(TWO, np.array([[1, 1, 2, 2]] * 3, np.uint32))
NODES = pd.DataFrame(
    {
        "z": [4, 4, 6, 6],
        "piece": [1, 2, 1, 2],
        "final": [7, 0, 7, 9],
        "area": 6,
        "y": 1.0,
        "x": 1.0,
        "body": True,
    }
)
HOW = {"plane": (6, 8), "downsample": 2, "ids": NO_EDITS}


def test_pieces_get_the_ids_of_their_cells_at_the_size_of_the_image():
    cells = final_cells(PIECES.get, NODES, TWO, [4, 6], drawn=[], **HOW)
    assert cells.dtype == np.uint32 and cells.shape == (2, 6, 8)
    assert (cells[0, :, :4] == 7).all() and (cells[0, :, 4:] == 0).all()
    assert (cells[1, :, :4] == 7).all() and (cells[1, :, 4:] == 9).all()


def test_a_bad_slice_shows_its_stand_in():
    cells = final_cells(PIECES.get, NODES, TWO, [4, 6, 6], drawn=[], **HOW)
    assert len(cells) == 3
    np.testing.assert_array_equal(cells[1], cells[2])
    assert (cells[1] != cells[0]).any()


def test_what_the_user_drew_is_final_where_it_is_known(tmp_path):
    drawn, known = np.full((6, 8), 3, np.uint32), np.zeros((6, 8), np.uint8)
    known[:2] = 1
    file = str(tmp_path / "cells.h5")
    write_slices(file, (6, 8), [(6, {"labels": drawn, "known": known})])
    cells = final_cells(PIECES.get, NODES, TWO, [4, 6], drawn=[file], **HOW)
    assert (cells[1, :2] == 3).all() and (cells[1, 2:, :4] == 7).all()
    assert (cells[0, :, :4] == 7).all()  # the other slice was not drawn


def test_merged_cells_keep_one_id_where_the_user_drew_them(tmp_path):
    file = str(tmp_path / "cells.h5")
    write_slices(file, (6, 8), [(6, {"labels": np.full((6, 8), 3, np.uint32)})])
    merged = pd.DataFrame({"cell": [3], "z_first": [0], "becomes": [7]})
    cells = final_cells(PIECES.get, NODES, TWO, [4, 6], drawn=[file], **HOW | {"ids": merged})
    assert (cells[1] == 7).all()


# ---- holes
class Tissue:
    """A stack of pieces, each of which has the number of its cell, or above ``NONE`` if it has no cell."""

    NONE = 90

    def __init__(self, depth=7, shape=(30, 40)):
        self.pieces = np.zeros((depth, *shape), np.uint32)

    def filled(self, zs=None, stand_ins=None, span=4, max_hole_area=0, drawn=(), bad=()):
        rows = []
        for z, one in enumerate(self.pieces):
            for piece in np.unique(one[one > 0]).tolist():
                y, x = (places.mean() for places in np.nonzero(one == piece))
                final = piece % 30 if piece < self.NONE else 0
                rows.append((z, piece, final, int((one == piece).sum()), y, x, True))
        nodes = pd.DataFrame(rows, columns=["z", "piece", "final", "area", "y", "x", "body"])
        zs = range(len(self.pieces)) if zs is None else zs
        walk = [
            z for z in range(zs[0] - span, zs[-1] + span + 1) if 0 <= z < len(self.pieces) and z not in bad
        ]
        read = []
        cells = final_cells(
            lambda z: read.append(z) or self.pieces[z],
            nodes,
            walk,
            list(stand_ins or zs),
            plane=self.pieces.shape[1:],
            downsample=1,
            drawn=list(drawn),
            ids=NO_EDITS,
            span=span,
            max_hole_area=max_hole_area,
        )  # fmt: skip
        assert len(read) == len(set(read))  # every slice is read once
        return cells


def body(depth=7):
    tissue = Tissue(depth)
    tissue.pieces[:, 5:25, 5:30] = 7
    return tissue


@pytest.mark.parametrize("lost", [[3], [2, 3], [2, 3, 4], [1, 2, 3, 4]])
def test_a_body_that_is_lost_in_some_slices_is_no_hole(lost):
    tissue = body()
    whole = tissue.filled()
    tissue.pieces[lost] = 0
    np.testing.assert_array_equal(tissue.filled(), whole)
    assert not tissue.filled(span=len(lost) - 1)[
        lost
    ].any()  # over more slices than links bridge it stays away


def test_a_dent_of_one_slice_is_filled_beside_another_cell():
    tissue = body()
    tissue.pieces[:, 5:25, 31:38] = 8
    whole = tissue.filled()
    tissue.pieces[3, 10:20, 24:30] = 0
    np.testing.assert_array_equal(tissue.filled(), whole)


def test_a_lost_slice_beside_a_bad_one_is_filled_in_both():
    tissue = body()
    tissue.pieces[[3, 4]] = 0  # slice 4 is bad and shows slice 3, of which nothing was found
    cells = tissue.filled(stand_ins=[0, 1, 2, 3, 3, 5, 6], bad=[4])
    assert (cells[3, 5:25, 5:30] == 7).all() and np.array_equal(cells[3], cells[4])


def test_where_two_cells_meet_nobody_knows_whose_the_lost_slice_is():
    tissue = body()
    tissue.pieces[4:] = np.where(tissue.pieces[4:] == 7, 8, 0)
    tissue.pieces[3] = 0
    assert not tissue.filled()[3].any()


def test_a_piece_without_a_cell_stays_without():
    tissue = body()
    tissue.pieces[3, 10:16, 10:16] = Tissue.NONE
    cells = tissue.filled(max_hole_area=1000)
    assert not cells[3, 10:16, 10:16].any() and (cells[2, 10:16, 10:16] == 7).all()
    tissue.pieces[2:5, 10:16, 10:16] = [[[0]], [[Tissue.NONE]], [[0]]]
    assert not tissue.filled()[2:5, 10:16, 10:16].any()  # and ends what is looked for beyond it


def test_the_space_beside_a_cell_is_none_of_it():
    tissue = body()
    tissue.pieces[3, 5:25, 26:30] = 0  # four pixels: the outline of one slice
    assert not tissue.filled()[3, 5:25, 26:30].any()
    tissue.pieces[3, 10:15, 25] = 0  # with a dent that is as wide as a hole
    assert (tissue.filled()[3, 5:25, 5:30] == 7).all()
    tissue.pieces[3, 5:9, 10:22] = 0  # another narrow part does not hang together with it
    cells = tissue.filled()
    assert not cells[3, 5:9, 10:22].any() and (cells[3, 5:25, 26:30] == 7).all()


def test_a_slice_that_lies_askew_gets_no_strips():
    tissue = Tissue(shape=(60, 60))
    for i in range(9):
        y, x = 2 + 19 * (i // 3), 2 + 19 * (i % 3)
        tissue.pieces[:, y : y + 12, x : x + 12] = i + 1
    tissue.pieces[3] = np.roll(tissue.pieces[3], (4, -1), (0, 1))
    np.testing.assert_array_equal(tissue.filled(), tissue.pieces)
    tissue.pieces[3][tissue.pieces[3] == 5] = 0
    cells = tissue.filled()
    assert (cells[3, 25:37, 20:32] == 5).all() and (cells[3] == 5).sum() == 144


def test_what_the_user_left_out_is_not_filled(tmp_path):
    tissue = body()
    tissue.pieces[[2, 3, 4], 10:20, 10:20] = 0
    labels, known = np.where(tissue.pieces[3] == 7, 7, 0), np.ones((30, 40), np.uint8)
    file = str(tmp_path / "cells.h5")
    write_slices(file, (30, 40), [(3, {"labels": labels, "known": known})])
    cells = tissue.filled(drawn=[file], max_hole_area=1000)
    assert not cells[3, 10:20, 10:20].any()
    known[:, 20:] = 0
    write_slices(file, (30, 40), [(3, {"labels": labels, "known": known})])
    tissue.pieces[3, 12:18, 23:28] = 0
    cells = tissue.filled(drawn=[file])
    assert not cells[3, 10:20, 10:20].any() and (cells[3, 12:18, 23:28] == 7).all()


def test_a_hole_between_two_pieces_of_one_cell_is_filled():
    tissue = Tissue(1)
    tissue.pieces[0, 5:25, 5:30] = 7
    tissue.pieces[0, 10:20, 10:20] = 0
    tissue.pieces[0, 12:15, 12:15] = 37  # another piece, of cell 7 as well
    assert (tissue.filled(span=0, max_hole_area=100)[0, 5:25, 5:30] == 7).all()
    assert not tissue.filled(span=0, max_hole_area=90)[0, 16:19, 16:19].any()
    tissue.pieces[0, 12:15, 12:15] = 8  # of another cell: the space between the two is nobody's
    assert not tissue.filled(span=0, max_hole_area=1000)[0, 16:19, 16:19].any()


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_slabs_give_what_the_whole_stack_gives(depth):
    rng = np.random.default_rng(0)
    tissue = Tissue(11, (40, 50))
    tissue.pieces[:] = (np.arange(40)[:, None] // 10 * 5 + np.arange(50) // 10 + 1)[None]
    for z, y, x in zip(*(rng.integers(0, n, 60) for n in (11, 34, 44)), strict=True):
        tissue.pieces[z, y : y + 6, x : x + 6] = rng.choice([0, 0, Tissue.NONE])
    tissue.pieces[6] = np.roll(tissue.pieces[6], (3, 2), (0, 1))
    whole = tissue.filled(max_hole_area=50)
    assert (whole != np.where(tissue.pieces < Tissue.NONE, tissue.pieces % 30, 0)).sum() > 100
    for start in range(0, 11, depth):
        zs = range(start, min(start + depth, 11))
        np.testing.assert_array_equal(tissue.filled(zs, max_hole_area=50), whole[zs.start : zs.stop])
