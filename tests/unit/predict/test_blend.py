"""Tiles cover a slice, and blending them is a mean with weights."""

import numpy as np
import pytest
from ultraseg.predict.blend import ROWS, Blend, blending_window, tile_grid, tile_positions


@pytest.mark.parametrize("size", [1, 5, 63, 64, 65, 80, 100, 129, 250, 1024])
@pytest.mark.parametrize("overlap", [0, 16, 31])
def test_positions_cover_the_padded_axis(size, overlap):
    (before, after), starts = tile_positions(size, 64, overlap)
    padded = before + size + after
    assert starts[0] == 0 and starts[-1] + 64 == padded and before >= 0 and after >= 0
    assert all(b - a <= 64 - overlap for a, b in zip(starts, starts[1:], strict=False))
    assert before % 16 == 0 and not any(start % 16 for start in starts)


def test_positions_that_cannot_advance_are_refused():
    with pytest.raises(ValueError, match="do not advance by 16"):
        tile_positions(100, 64, 50)
    with pytest.raises(ValueError, match="no multiple of 16"):
        tile_positions(100, 60, 8)


def test_window_is_never_zero_and_symmetric():
    w = blending_window(64, 16)
    assert w.min() > 0 and w.max() == 1 and np.array_equal(w, w[::-1])


def test_tiles_that_agree_give_the_slice_back():
    shape = (ROWS + 30, 97)  # more rows than are finished at a time
    grid = tile_grid(shape, 64, 16)
    padded = (grid.starts_y[-1] + 64, grid.starts_x[-1] + 64)
    whole = np.random.default_rng(0).integers(0, 256, (*padded, 2)).astype(np.float32) / 255
    blend = Blend(grid, shape, 2)
    for y, x in grid.corners:
        blend.add((y, x), whole[y : y + 64, x : x + 64].copy())
    top, left = grid.pad_y[0], grid.pad_x[0]
    expected = np.rint(255 * whole[top : top + shape[0], left : left + shape[1]]).astype(np.uint8)
    assert np.array_equal(blend.finish(), expected.transpose(2, 0, 1))


def test_where_tiles_disagree_the_nearer_centre_weighs_more():
    grid = tile_grid((64, 112), 64, 16)
    assert grid.starts_x == (0, 48)
    blend = Blend(grid, (64, 112), 1)
    for corner, value in zip(grid.corners, (0.0, 1.0), strict=True):
        blend.add(corner, np.full((64, 64, 1), value, np.float32))
    row = blend.finish()[0, 30].astype(int)
    assert (row[:48] == 0).all() and (row[64:] == 255).all()
    assert (np.diff(row[48:64]) > 0).all() and row[55] + row[56] == 255
