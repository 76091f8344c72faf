"""Measures of agreement against skimage, and against counts done by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from skimage.metrics import adapted_rand_error, hausdorff_distance
from skimage.metrics import variation_of_information as skimage_voi
from skimage.segmentation import find_boundaries
from ultraseg.evaluate import metrics as measures
from wrong_labels import wrong_volumes


@pytest.mark.parametrize("offset", [0, 2**31])  # large ids take the sorting way
@pytest.mark.parametrize("dense", [True, False])
def test_overlaps_count_pairs(monkeypatch, offset, dense):
    if not dense:
        monkeypatch.setattr(measures, "LARGEST_DENSE_TABLE", 0)
    truth, predicted = wrong_volumes()
    truth += np.uint32(offset)
    overlaps = measures.count_overlaps(truth, predicted)
    expected = {}
    for pair in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
        expected[pair] = expected.get(pair, 0) + 1
    found = zip(*(column.tolist() for column in overlaps), strict=True)
    assert {(a, b): n for a, b, n in found} == expected


def test_tables_of_slices_sum_to_the_table_of_the_volume():
    truth, predicted = wrong_volumes()
    parts = [measures.count_overlaps(t, p) for t, p in zip(truth, predicted, strict=True)]
    for one, other in zip(
        measures.merge_overlaps(parts), measures.count_overlaps(truth, predicted), strict=True
    ):
        assert np.array_equal(one, other)


def test_rand_error_and_information_agree_with_skimage():
    truth, predicted = wrong_volumes()
    overlaps = measures.count_overlaps(truth, predicted)
    error, precision, recall = measures.adapted_rand(overlaps)
    expected = adapted_rand_error(truth, predicted, ignore_labels=(0,))
    assert error == pytest.approx(expected[0], abs=1e-12)
    assert sorted((precision, recall)) == pytest.approx(sorted(expected[1:]))
    inside = truth != 0
    assert sum(measures.variation_of_information(overlaps)) == pytest.approx(
        sum(skimage_voi(truth[inside], predicted[inside])), abs=1e-9
    )


def test_splits_and_mergers_are_told_apart():
    truth = np.array([[1, 1, 2, 2]])
    merged = measures.count_overlaps(truth, np.array([[5, 5, 5, 5]]))
    assert measures.variation_of_information(merged) == pytest.approx((0, 1))
    assert measures.adapted_rand(merged)[1:] == pytest.approx((4 / 12, 1))
    split = measures.count_overlaps(np.array([[1, 1, 1, 1]]), truth)
    assert measures.variation_of_information(split) == pytest.approx((1, 0))
    assert measures.adapted_rand(split)[1:] == pytest.approx((1, 4 / 12))


def test_average_precision_counts_matched_missed_and_invented():
    truth = np.array([1] * 10 + [2] * 10 + [3] * 2 + [0] * 10)
    found = np.array([7] * 8 + [0] * 2 + [8] * 5 + [0] * 5 + [0] * 2 + [9] * 10)
    overlaps = measures.count_overlaps(
        truth, found
    )  # 8 of 10 match, IoU 0.5 does not, 3 is missed, 9 invented
    matches = measures.match_instances(overlaps)
    assert matches == (1, 2, 2, pytest.approx(0.8))
    assert measures.average_precision(matches) == pytest.approx(1 / 5)
    assert measures.panoptic_quality(matches) == pytest.approx(0.8 / 3)
    matches = measures.match_instances(overlaps, min_voxels=6)
    assert matches[:3] == (1, 1, 1)
    assert measures.average_precision(matches) == pytest.approx(1 / 3)
    assert measures.panoptic_quality(measures.match_instances(overlaps, 0.75)) == pytest.approx(0.8 / 3)
    assert measures.panoptic_quality(measures.match_instances(overlaps, 0.85)) == 0
    with pytest.raises(ValueError, match="iou is 0.3"):
        measures.match_instances(overlaps, 0.3)


def test_panoptic_quality_is_mean_overlap_times_f_score():
    truth, predicted = wrong_volumes()
    matches = measures.match_instances(measures.count_overlaps(truth, predicted))
    assert matches.hits > 3 and matches.invented
    ious = []
    for cell in np.unique(truth[truth > 0]):
        for other in np.unique(predicted[(truth == cell) & (predicted > 0)]):
            t, p = truth == cell, predicted == other
            ious.append((t & p).sum() / (t | p).sum())
    ious = np.array([iou for iou in ious if iou > 0.5])
    wrong = matches.missed + matches.invented
    f_score = 2 * len(ious) / (2 * len(ious) + wrong)
    assert measures.panoptic_quality(matches) == pytest.approx(ious.mean() * f_score)


def test_distance_of_outlines_agrees_with_brute_force():
    truth = np.zeros((30, 40), np.uint32)
    truth[4:20, 3:18], truth[4:20, 18:30], truth[25, 35] = 1, 2, 7
    predicted = np.roll(truth, (2, 3), (0, 1))
    predicted[predicted == 7] = 8
    found = measures.boundary_distances(truth, predicted, (10, 5))
    assert set(found) == {1, 2}  # 7 is not found, 8 not there
    for cell in found:
        ends = []
        for labels in (truth, predicted):
            inner = find_boundaries(labels, mode="inner") & (labels == cell)
            ends.append(np.argwhere(inner) * (10, 5))
        apart = cdist(*ends)
        assert found[cell] == pytest.approx((apart.min(0).mean() + apart.min(1).mean()) / 2)
        mask = [np.zeros(truth.shape, bool) for _ in ends]
        for image, places in zip(mask, ends, strict=True):
            image[tuple((places // (10, 5)).T)] = True
        # The farthest point is at least as far as the mean one.
        assert found[cell] <= 10 * hausdorff_distance(*mask)
    assert measures.boundary_distances(truth, truth, (10, 5)) == {1: 0, 2: 0, 7: 0}
    assert measures.boundary_distances(truth * 0, truth, (10, 5)) == {}
    whole = np.ones((5, 5), np.uint32)
    assert measures.boundary_distances(whole, whole, (10, 5)) == {}  # it has no outline


def test_dice_per_id_is_that_of_each_cell_alone():
    truth, predicted = wrong_volumes()
    ids, voxels, dice = measures.dice_per_id(measures.count_overlaps(truth, predicted))
    assert ids.tolist() == np.unique(truth[truth > 0]).tolist()
    for cell, size, found in zip(ids, voxels, dice, strict=True):
        t, p = truth == cell, predicted == cell
        assert size == t.sum()
        assert found == pytest.approx(2 * (t & p).sum() / (t.sum() + p.sum()))


def test_scores_of_a_mask_from_its_counts():
    assert measures.binary_scores(common=2, truth=8, predicted=4) == {
        "dice": pytest.approx(1 / 3),
        "precision": 0.5,
        "recall": 0.25,
    }
    nothing = measures.binary_scores(0, 0, 3)
    assert nothing["dice"] == nothing["precision"] == 0 and np.isnan(nothing["recall"])


def test_nothing_to_compare_is_nan_and_shapes_must_agree():
    empty = measures.merge_overlaps([])
    assert [column.size for column in empty] == [0, 0, 0]
    assert np.isnan(measures.adapted_rand(empty)).all()
    assert np.isnan(measures.variation_of_information(empty)).all()
    assert np.isnan(measures.average_precision(measures.match_instances(empty)))
    with pytest.raises(ValueError, match="shape"):
        measures.count_overlaps(np.zeros((2, 3), int), np.zeros((3, 2), int))
