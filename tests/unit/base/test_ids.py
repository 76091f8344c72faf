"""One range of ids for labels, edits and new cells."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.base.ids import LARGEST_ID, check_id, check_new_ids


def test_the_range_ends_where_two_ids_still_make_one_number():
    assert (LARGEST_ID + 1) ** 2 <= 2**62
    check_id(LARGEST_ID, "a.tif: a cell")
    check_new_ids(LARGEST_ID)
    with pytest.raises(UserError, match="a.tif: a cell has id 2147483648"):
        check_id(LARGEST_ID + 1, "a.tif: a cell")
    with pytest.raises(UserError, match="new cells get ids up to 2147483648"):
        check_new_ids(LARGEST_ID + 1)
