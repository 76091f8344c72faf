"""Label images: runs, overlaps, sizes and renumbering against plain counts."""

import numpy as np
import pytest
from ultraseg.arrays.labels import (
    count_ids,
    label_runs,
    label_sizes,
    overlap_counts,
    relabel,
    relabel_in_place,
    sum_pairs,
)


def test_runs_give_every_slice_back_and_end_with_their_row():
    rng = np.random.default_rng(0)
    slices = [rng.integers(0, 2, (7, 11)).astype(kind) for kind in (np.uint8, np.uint32)]
    values, starts, lengths = label_runs(*slices)
    for one, found in zip(slices, values, strict=True):
        assert np.array_equal(np.repeat(found, lengths).reshape(one.shape), one) and found.dtype == one.dtype
    assert np.array_equal(np.cumsum(lengths)[:-1], starts[1:]) and starts[0] == 0
    assert np.array_equal(starts // 11, (starts + lengths - 1) // 11)
    changed = (slices[0][:, 1:] != slices[0][:, :-1]) | (slices[1][:, 1:] != slices[1][:, :-1])
    assert len(starts) == 7 + changed.sum()


@pytest.mark.parametrize("shape", [(5, 1), (0, 4), (3, 0)])
def test_runs_of_thin_and_empty_slices(shape):
    (values,), starts, lengths = label_runs(np.full(shape, 3, np.uint32))
    assert lengths.tolist() == [shape[1]] * len(starts) and lengths.sum() == np.prod(shape)
    assert (values == 3).all()


def test_slices_of_several_shapes_have_no_common_runs():
    with pytest.raises(ValueError, match="differ in shape"):
        label_runs(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_counts_agree_with_dense_histograms():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 5, (2, 20, 33))
    i, j, n = overlap_counts(a, b)
    dense = np.histogram2d(a.ravel(), b.ravel(), bins=(np.arange(6), np.arange(6)))[0][1:, 1:]
    sparse = np.zeros((4, 4))
    sparse[i - 1, j - 1] = n
    np.testing.assert_array_equal(sparse, dense)
    sizes = label_sizes(np.stack([a, b]), 4)
    np.testing.assert_array_equal(sizes[1:], np.bincount(np.stack([a, b]).ravel())[1:])


def test_pairs_are_summed_and_sorted():
    a, b, n = sum_pairs(np.array([5, 2, 5, 2]), np.array([1, 9, 1, 3]), np.array([4, 1, 6, 2]))
    assert (a.tolist(), b.tolist(), n.tolist()) == ([2, 2, 5], [3, 9, 1], [2, 1, 10])
    assert all(column.dtype == np.int64 for column in (a, b, n))
    nothing = np.zeros(0, np.uint32)
    assert [column.tolist() for column in sum_pairs(nothing, nothing, nothing)] == [[], [], []]


def test_labels_of_32_bits_can_be_paired_and_larger_ones_are_refused():
    largest = np.array([2**32 - 1], np.uint32)
    assert sum_pairs(np.array([2**29]), largest, np.array([1]))[1].tolist() == [2**32 - 1]
    with pytest.raises(ValueError, match="too large to pair"):
        sum_pairs(np.array([2**40]), np.array([2**40]), np.array([1]))


def test_a_table_that_does_not_fit_the_labels_is_refused():
    with pytest.raises(ValueError, match="beyond"):
        relabel(np.array([[2]]), np.array([0, 1], np.uint32))
    with pytest.raises(ValueError, match="background must stay 0"):
        relabel(np.array([[1]]), np.array([7, 1], np.uint32))


@pytest.mark.parametrize("looked_up", [1, 120, 10**6])  # rows at a time: one, two, all
def test_relabelling_in_place_and_counting_ids_agree_with_whole_arrays(monkeypatch, looked_up):
    monkeypatch.setattr("ultraseg.arrays.labels.LOOKED_UP", looked_up)
    labels = np.random.default_rng(4).integers(0, 30, (3, 40, 50)).astype(np.uint32)
    labels[labels == 7] = 8
    lut = np.arange(30, dtype=np.uint32)[::-1].copy()
    lut[0] = 0
    expected = lut[labels]
    assert count_ids(labels) == len(np.unique(labels[labels > 0])) == 28
    for part, whole in (
        (labels, expected),
        (labels[1], expected[1]),
        (labels[:, ::2, 3:], expected[:, ::2, 3:]),
    ):
        assert np.array_equal(relabel(part, lut), whole)
    assert np.array_equal(relabel(labels[0, 0].astype(np.uint8), lut.astype(np.int64)), expected[0, 0])
    apart = np.zeros((3, 80, 50), np.uint32)[:, ::2]
    apart[:] = labels
    for each in (labels, apart):
        relabel_in_place(each, lut)
        assert np.array_equal(each, expected)
