"""Ids of cells that change between labelled slices: found, and matched by overlap."""

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.base.ids import LARGEST_ID
from ultraseg.labels.cell_ids import Change, IdMatcher, changed_ids_warning, changes, matched
from ultraseg.labels.coverage import LabelSlice

SHAPE = (64, 80)
ZS = [0, 4, 8, 12]


def tissue(z):
    """Eight cells in a grid that drift slowly; cell 8 ends and cell 9 begins elsewhere at z = 8."""
    labels = np.zeros(SHAPE, np.uint32)
    for cell in range(8):
        y, x = 2 + 30 * (cell // 4) + z // 4, 2 + 19 * (cell % 4) + z // 4
        if cell < 7 or z < 8:
            labels[y : y + 22, x : x + 15] = cell + 1
    if z >= 8:
        labels[60:64, 70:79] = 9
    return labels


def permuted(z, seed=0):
    order = np.random.default_rng([seed, z]).permutation(200)[:10] + 1
    return np.r_[0, order].astype(np.uint32)[tissue(z)]


def slices(make, known=None):
    return [(z, make(z), known) for z in ZS]


def test_consistent_ids_raise_no_alarm():
    assert changes(slices(tissue)) == []
    assert changed_ids_warning("cells", []) is None


def test_a_changed_and_two_swapped_ids_are_named():
    def make(z):
        labels = tissue(z)
        if z >= 8:
            labels = np.where(labels == 3, 40, np.where(labels == 1, 2, np.where(labels == 2, 1, labels)))
        return labels.astype(np.uint32)

    found = changes(slices(make))
    assert sorted(found) == [Change(4, 8, 1, 2), Change(4, 8, 2, 1), Change(4, 8, 3, 40)]
    said = changed_ids_warning("cells", found)
    assert "3 on slice 4 is 40 on slice 8" in said and "structures.cells.ids_consistent: false" in said


def test_where_nothing_is_known_nothing_has_changed():
    def make(z):
        return np.where(tissue(z) == 3, 40, tissue(z)).astype(np.uint32) if z >= 8 else tissue(z)

    known = np.ones(SHAPE, bool)
    known[:32] = False
    assert changes(slices(make)) and changes(slices(make, known)) == []


def test_a_cell_that_ends_and_another_that_begins_are_no_change():
    a, b = np.zeros((2, *SHAPE), np.uint32)
    a[5:20, 5:20], b[30:50, 30:50] = 1, 2
    assert changes([(0, a, None), (5, b, None)]) == []


@pytest.mark.parametrize("seed", range(4))
def test_permuted_ids_become_consistent(seed):
    matcher = IdMatcher()
    result = {z: matcher.match(permuted(z, seed)) for z in ZS}
    pairs = {
        pair for z in ZS for pair in zip(tissue(z).ravel().tolist(), result[z].ravel().tolist(), strict=True)
    }
    # One new id for each true one and the other way round: the cells are the same and their ids consistent.
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 10


def test_consistent_ids_stay_as_they_are():
    matcher = IdMatcher()
    for z in ZS:
        assert np.array_equal(matcher.match(tissue(z)), tissue(z))
    assert matcher.renamed == 0


def test_a_new_cell_with_a_number_in_use_gets_another_one():
    a, b = np.zeros((2, *SHAPE), np.uint32)
    a[5:20, 5:20] = 1
    b[5:20, 5:20], b[40:60, 40:60] = 7, 1
    matcher = IdMatcher()
    matcher.match(a)
    result = matcher.match(b)
    assert result[10, 10] == 1 and result[50, 50] == 8


def test_a_cell_outside_the_known_part_of_a_slice_is_remembered():
    known = np.ones(SHAPE, bool)
    known[:, :40] = False
    a, b, c = (permuted(z, 3) for z in (0, 4, 8))
    matcher = IdMatcher()
    first = matcher.match(a)
    matcher.match(np.where(known, b, 0).astype(np.uint32), known)
    third = matcher.match(c)
    left = (tissue(0) == 1) & (tissue(8) == 1)
    assert np.unique(third[left]).tolist() == np.unique(first[left]).tolist()


def test_slices_are_matched_one_after_the_other():
    given = (LabelSlice(z, "file", permuted(z), None) for z in ZS)
    ids = [np.unique(one.labels[tissue(one.z) == 5]).tolist() for one in matched(given)]
    assert all(one == ids[0] for one in ids) and len(ids[0]) == 1


def test_new_ids_beyond_the_range_are_an_error():
    a, b = np.zeros((2, *SHAPE), np.uint32)
    a[5:20, 5:20] = LARGEST_ID
    b[5:20, 5:20], b[40:60, 40:60] = 7, LARGEST_ID
    matcher = IdMatcher()
    matcher.match(a)
    with pytest.raises(UserError, match="new cells get ids up to 2147483648"):
        matcher.match(b)


def test_large_ids_and_empty_slices():
    labels = np.where(tissue(0) > 0, tissue(0).astype(np.int64) + 2**31 - 20, 0).astype(np.uint32)
    matcher = IdMatcher()
    assert np.array_equal(matcher.match(labels), labels)
    assert not matcher.match(np.zeros(SHAPE, np.uint32)).any()
    assert changes([(0, labels, None), (1, np.zeros(SHAPE, np.uint32), None), (2, labels, None)]) == []
