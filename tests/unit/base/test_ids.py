"""One range of ids for labels, edits and new cells."""

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.base.ids import LARGEST_ID, check_id, check_new_ids, gap_of_number, number_in_volume


def test_the_range_ends_where_two_ids_still_make_one_number():
    assert (LARGEST_ID + 1) ** 2 <= 2**62
    check_id(LARGEST_ID, "a.tif: a cell")
    check_new_ids(LARGEST_ID)
    with pytest.raises(UserError, match="a.tif: a cell has id 2147483648"):
        check_id(LARGEST_ID + 1, "a.tif: a cell")
    with pytest.raises(UserError, match="new cells get ids up to 2147483648"):
        check_new_ids(LARGEST_ID + 1)


def test_a_number_within_a_gap_becomes_one_of_the_volume():
    numbers = number_in_volume(np.array([0, 1, 2]), 7)
    assert gap_of_number(numbers).tolist() == [-1, 7, 7] and len(set(numbers.tolist())) == 3
    assert number_in_volume(1, 0) != number_in_volume(1, 1) and number_in_volume(0, 5) == 0
