"""The part of a left-out slice on which methods are compared, and what is written of it."""

import numpy as np
import pytest
from ultraseg.cells.gap_ends import GapEnd
from ultraseg.evaluate.tried import busiest_place, read_left_out, tried_slice
from ultraseg.storage.label_slices import write_slices

IDS = np.zeros((60, 90), np.uint32)
for corner in range(8):  # one large cell on the left, eight small ones in the lower right
    IDS[40 + 5 * (corner % 4) : 44 + 5 * (corner % 4), 70 + 10 * (corner // 4) : 78 + 10 * (corner // 4)] = (
        3 + corner
    )
IDS[5:55, 2:40] = 2


def test_the_window_lies_where_most_cells_are():
    y, x = busiest_place(IDS, None, 400)
    assert (y.stop - y.start, x.stop - x.start) == (20, 20)
    assert set(np.unique(IDS[y, x])) >= {3, 4, 5, 6, 7, 8, 9, 10}


@pytest.mark.parametrize("most", [60 * 90, 10**9])
def test_a_slice_that_is_small_enough_is_worked_on_as_a_whole(most):
    assert busiest_place(IDS, None, most) == (slice(0, 60), slice(0, 90))


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (3, 1800), (1800, 3), (1, 1)])
@pytest.mark.parametrize("most", [1, 7, 400, 3000])
def test_a_window_is_as_large_as_allowed_and_lies_within_the_slice(shape, most):
    y, x = busiest_place(np.arange(np.prod(shape)).reshape(shape) % 7, None, most)
    height, width = y.stop - y.start, x.stop - x.start
    assert 0 <= y.start < y.stop <= shape[0] and 0 <= x.start < x.stop <= shape[1]
    assert height * width <= most and height * width > most / 2 or (height, width) == shape


def test_what_nobody_labelled_draws_no_window():
    known = np.ones(IDS.shape, bool)
    known[:, 60:] = False
    y, x = busiest_place(IDS, known, 400)
    assert x.stop <= 60 and 2 in IDS[y, x]


def test_a_left_out_slice_is_read_at_the_scale_of_the_cells(tmp_path):
    large = IDS.repeat(2, 0).repeat(2, 1)
    known = np.ones(large.shape, np.uint8)
    known[:, :120] = 0
    write_slices(str(tmp_path / "labels.h5"), large.shape, [(4, {"labels": large, "known": known})])
    place, left_out = read_left_out(str(tmp_path / "labels.h5"), 4, 2, 400)
    np.testing.assert_array_equal(left_out.ids, IDS[place])
    assert left_out.known.shape == (20, 20) and left_out.known.all() and place[1].start >= 60


def test_only_the_left_out_slice_is_written_with_what_was_drawn_there():
    slices = [(z, {"labels": IDS + z, "confidence": IDS * 0}) for z in (3, 4, 5)]
    known = IDS > 2
    ((z, arrays),) = tried_slice(slices, 4, GapEnd(IDS, known))
    assert z == 4 and [*arrays] == ["labels", "drawn", "known"]
    np.testing.assert_array_equal(arrays["labels"], IDS + 4)
    np.testing.assert_array_equal(arrays["drawn"], IDS)
    np.testing.assert_array_equal(arrays["known"], known)
    assert tried_slice(slices, 3, GapEnd(IDS))[0][1]["known"].all()
