"""Objects of other programs are taken as they are: numbers, places, and what is no label volume."""

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.objects.ready import ready_labels

IDS = np.arange(24, dtype=np.uint16).reshape(4, 6)


def taken(values, factor=(1, 1), crop=((0, 4), (0, 6)), is_mask=False):
    return ready_labels([values], "key: file", factor=factor, crop=crop, is_mask=is_mask)[0]


def test_numbers_stay():
    assert np.array_equal(taken(IDS), IDS) and taken(IDS).dtype == np.uint32
    assert np.array_equal(taken(IDS.astype(np.int64) * 10**8), IDS.astype(np.uint32) * np.uint32(10**8))
    assert np.array_equal(taken(IDS.astype(np.float32)), IDS)  # as ImageJ saves them


def test_coarse_objects_are_enlarged_and_cut():
    whole = IDS.repeat(2, 0).repeat(3, 1)
    found = taken(IDS, (2, 3), ((1, 8), (2, 18)))
    assert np.array_equal(found, whole[1:8, 2:18])
    assert taken(IDS, (2, 2), ((0, 9), (0, 13))).shape == (9, 13)  # sizes were rounded down


def test_a_mask_has_one_number():
    assert np.array_equal(taken(IDS, is_mask=True), IDS != 0)


@pytest.mark.parametrize(
    "values", [IDS.astype(np.int16) - 1, IDS * 0.5, IDS.astype(np.uint64) * 2**32, IDS * np.nan]
)
def test_what_is_no_label_volume_is_refused(values):
    with pytest.raises(UserError, match="key: file: holds numbers from .*, which are no ids"):
        taken(values)
