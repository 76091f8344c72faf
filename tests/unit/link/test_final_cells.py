"""Final cells: linked pieces at the size of the image, the user's drawing on top, bad slices as their stand-ins."""

import numpy as np
import pandas as pd
from ultraseg.link.final_cells import final_cells
from ultraseg.storage.label_slices import write_slices

NO_EDITS = pd.DataFrame({"cell": [], "z_first": [], "becomes": []}, dtype=np.int64)
# Piece 1 on the left and piece 2 on the right of slices 4 and 6; slice 5 is bad.
PIECES = np.repeat([[[1, 1, 2, 2]] * 3], 2, axis=0).astype(np.uint32)
NODES = pd.DataFrame({"z": [4, 4, 6, 6], "piece": [1, 2, 1, 2], "final": [7, 0, 7, 9]})
HOW = {"plane": (6, 8), "downsample": 2, "ids": NO_EDITS}


def test_pieces_get_the_ids_of_their_cells_at_the_size_of_the_image():
    cells = final_cells(PIECES, NODES, [4, 6], [4, 6], drawn=[], **HOW)
    assert cells.dtype == np.uint32 and cells.shape == (2, 6, 8)
    assert (cells[0, :, :4] == 7).all() and (cells[0, :, 4:] == 0).all()
    assert (cells[1, :, :4] == 7).all() and (cells[1, :, 4:] == 9).all()


def test_a_bad_slice_shows_its_stand_in():
    cells = final_cells(PIECES, NODES, [4, 6], [4, 6, 6], drawn=[], **HOW)
    assert len(cells) == 3
    np.testing.assert_array_equal(cells[1], cells[2])
    assert (cells[1] != cells[0]).any()


def test_what_the_user_drew_is_final_where_it_is_known(tmp_path):
    drawn, known = np.full((6, 8), 3, np.uint32), np.zeros((6, 8), np.uint8)
    known[:2] = 1
    file = str(tmp_path / "cells.h5")
    write_slices(file, (6, 8), [(6, {"labels": drawn, "known": known})])
    cells = final_cells(PIECES, NODES, [4, 6], [4, 6], drawn=[file], **HOW)
    assert (cells[1, :2] == 3).all() and (cells[1, 2:, :4] == 7).all()
    assert (cells[0, :, :4] == 7).all()  # the other slice was not drawn


def test_merged_cells_keep_one_id_where_the_user_drew_them(tmp_path):
    file = str(tmp_path / "cells.h5")
    write_slices(file, (6, 8), [(6, {"labels": np.full((6, 8), 3, np.uint32)})])
    merged = pd.DataFrame({"cell": [3], "z_first": [0], "becomes": [7]})
    cells = final_cells(PIECES, NODES, [4, 6], [4, 6], drawn=[file], **HOW | {"ids": merged})
    assert (cells[1] == 7).all()
