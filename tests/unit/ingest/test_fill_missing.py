"""Missing slices are mixed from their neighbours and never shift the others."""

import numpy as np
import pytest
from ultraseg.ingest.fill_missing import fill_missing

HALF = {2: [(1, 0.5), (3, 0.5)]}


def slices(*values, dtype=np.uint8):
    return np.stack([np.full((2, 3), value, dtype) for value in values])


def test_a_missing_slice_is_the_weighted_mean_at_its_place():
    bridges = {2: [(1, 2 / 3), (4, 1 / 3)], 3: [(1, 1 / 3), (4, 2 / 3)]}
    found = fill_missing(slices(7, 10, 40, 9), [0, 1, 4, 5], 0, 6, bridges)
    assert found[:, 0, 0].tolist() == [7, 10, 20, 30, 40, 9] and found.dtype == np.uint8


def test_sources_outside_the_slab_are_read_but_not_written():
    found = fill_missing(slices(10, 30, 50), [1, 3, 4], 2, 3, HALF)
    assert found[:, 0, 0].tolist() == [20]


def test_other_types_keep_their_range():
    found = fill_missing(slices(60000, 65535, dtype=np.uint16), [1, 3], 1, 4, HALF)
    assert found[:, 0, 0].tolist() == [60000, 62768, 65535] and found.dtype == np.uint16


def test_a_slice_that_is_neither_read_nor_bridged_is_an_error():
    with pytest.raises(KeyError):
        fill_missing(slices(1, 2), [0, 2], 0, 3, {})
