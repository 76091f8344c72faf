"""Scores against skimage, against the whole array, and against counts done by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from skimage.metrics import adapted_rand_error, hausdorff_distance
from skimage.metrics import variation_of_information as skimage_voi
from skimage.segmentation import find_boundaries
from ultraseg.evaluate import metrics as measures
from ultraseg.evaluate.definitions import COLUMNS
from ultraseg.evaluate.scores import (
    CellScore,
    MaskScore,
    ProtrusionScore,
    accuracy_by_distance,
    combine,
    dice_interval,
    distance_to_labelled,
)
from ultraseg.evaluate.summary import format_summary

RNG = np.random.default_rng(3)


def volumes(shape=(5, 40, 50), n=8):
    """Truth of boxes and a prediction with errors of every kind; 0 occurs in both."""
    truth = RNG.integers(0, n, (shape[0], shape[1] // 10, shape[2] // 10)).repeat(10, 1).repeat(10, 2)
    predicted = np.where(RNG.random(shape) < 0.2, RNG.integers(0, n + 3, shape), truth)
    return truth.astype(np.uint32), predicted.astype(np.uint32)


def value(rows, metric):
    return rows.set_index("metric").loc[metric, "value"]


@pytest.mark.parametrize("offset", [0, 2**31])  # large ids take the sorting way
@pytest.mark.parametrize("dense", [True, False])
def test_overlaps_count_pairs(monkeypatch, offset, dense):
    if not dense:
        monkeypatch.setattr(measures, "LARGEST_DENSE_TABLE", 0)
    truth, predicted = volumes()
    truth += np.uint32(offset)
    overlaps = measures.count_overlaps(truth, predicted)
    expected = {}
    for pair in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
        expected[pair] = expected.get(pair, 0) + 1
    found = zip(*(column.tolist() for column in overlaps), strict=True)
    assert {(a, b): n for a, b, n in found} == expected


def test_tables_of_slices_sum_to_the_table_of_the_volume():
    truth, predicted = volumes()
    parts = [measures.count_overlaps(t, p) for t, p in zip(truth, predicted, strict=True)]
    for one, other in zip(
        measures.merge_overlaps(parts), measures.count_overlaps(truth, predicted), strict=True
    ):
        assert np.array_equal(one, other)


def test_rand_error_and_information_agree_with_skimage():
    truth, predicted = volumes()
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
    truth, predicted = volumes()
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


def test_interval_draws_whole_cells():
    random = np.random.default_rng(0)
    cells = random.normal(0.7, 0.1, 40)
    pairs = pd.DataFrame({"cell": np.repeat(np.arange(40), 25), "dice": np.repeat(cells, 25)})
    low, high = dice_interval(pairs)
    # 25 slices of a cell that are all alike say no more than one of them.
    expected = 1.96 * cells.std() / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.15)
    assert low < cells.mean() < high
    assert np.isnan(dice_interval(pairs[pairs["cell"] == 3])).all()


def test_dice_is_the_mean_over_cells_and_slices():
    truth, predicted = volumes()
    score = CellScore(min_voxels=0)
    expected = []
    for z in range(len(truth)):
        score.add(z, predicted[z], truth[z])
        for cell in np.unique(truth[z][truth[z] > 0]):
            t, p = truth[z] == cell, predicted[z] == cell
            expected.append(2 * (t & p).sum() / (t.sum() + p.sum()))
    rows = score.rows()
    assert value(rows, "dice") == pytest.approx(np.mean(expected))
    assert value(rows, "dice_pairs") == len(expected)
    assert set(rows["n_slices"]) == {5}


def test_gathered_scores_equal_those_of_the_whole_volume(monkeypatch):
    monkeypatch.setattr("ultraseg.evaluate.scores.MERGE_AFTER", 100)
    truth, predicted = volumes()
    score = CellScore(min_voxels=0)
    for z in RNG.permutation(len(truth)):
        score.add(int(z), predicted[z], truth[z])
    rows = score.rows()
    assert value(rows, "adapted_rand_error") == pytest.approx(
        adapted_rand_error(truth, predicted, ignore_labels=(0,))[0]
    )
    t, p = truth != 0, predicted != 0
    assert value(rows, "foreground_dice") == pytest.approx(2 * (t & p).sum() / (t.sum() + p.sum()))
    overlaps = measures.count_overlaps(truth, predicted)
    assert value(rows, "average_precision_50") == pytest.approx(
        measures.average_precision(measures.match_instances(overlaps))
    )


def test_small_cells_are_left_out_over_the_whole_volume():
    truth = np.zeros((2, 4, 10), np.uint32)
    truth[:, :, :5] = 1  # 40 voxels in all, 20 per slice
    truth[0, 0, 9] = 2
    score = CellScore(min_voxels=30)
    for z in range(2):
        score.add(z, np.where(truth[z] == 1, truth[z], 0), truth[z])
    assert value(score.rows(), "dice") == 1
    assert value(score.rows(), "dice_pairs") == 2
    everything = CellScore(min_voxels=0)
    everything.add(0, np.where(truth[0] == 1, truth[0], 0), truth[0])
    assert value(everything.rows(), "dice") == 0.5


def test_another_number_counts_as_wrong_for_dice_only():
    truth = np.array([[1, 1, 2, 2]])
    score = CellScore(min_voxels=0)
    score.add(0, np.array([[1, 1, 90, 90]]), truth)
    assert value(score.rows(), "dice") == 0.5
    assert value(score.rows(), "adapted_rand_error") == pytest.approx(0)
    assert value(score.rows(), "average_precision_50") == 1


def test_distances_to_labelled_slices():
    assert distance_to_labelled(7, [5, 1]).tolist() == [1, 0, 1, 2, 1, 0, 1]
    assert distance_to_labelled(3, []).tolist() == [-1, -1, -1]


def test_dice_by_distance():
    truth = np.array([[1, 1, 1, 1]])
    score = CellScore(min_voxels=0)
    for z, (right, distance) in enumerate([(4, 1), (2, 2), (0, 2), (4, None)]):
        score.add(z, np.array([[1] * right + [9] * (4 - right)]), truth, distance)
    table = accuracy_by_distance(score.rows())
    assert table["distance"].tolist() == [1, 2]
    assert table["dice"].tolist() == pytest.approx([1, (2 * 2 / 6 + 0) / 2])
    assert table["n_slices"].tolist() == [1, 2]


def test_masks_are_pooled_over_slices():
    score = MaskScore("mitochondria", "test")
    score.add(0, np.array([[1, 1, 0, 0]]), np.array([[255, 0, 0, 0]]), 3)
    score.add(4, np.array([[0, 0, 0, 0]]), np.array([[9, 9, 9, 0]]), 1)
    rows = score.rows()
    assert value(rows, "dice") == pytest.approx(2 * 1 / (4 + 2))
    assert value(rows, "precision") == 0.5
    assert value(rows, "recall") == 0.25
    assert accuracy_by_distance(rows)["dice"].tolist() == pytest.approx([0, 2 / 3])
    assert set(rows["split"]) == {"test"}


def test_nothing_to_measure_is_not_a_perfect_score():
    score = MaskScore("nuclei")
    score.add(0, np.zeros((3, 3)), np.zeros((3, 3)))
    assert np.isnan(value(score.rows(), "dice"))
    cells = CellScore()
    cells.add(0, np.zeros((3, 3), np.uint32), np.zeros((3, 3), np.uint32))
    assert cells.rows().set_index("metric")["value"].drop("dice_pairs").isna().all()
    assert len(CellScore().rows()) == len(MaskScore("x").rows()) == len(ProtrusionScore().rows()) == 0


def test_protrusion_voxels_are_right_wrong_or_nowhere():
    score = ProtrusionScore()
    score.add(0, np.array([[1, 2, 0, 3, 4]]), np.array([[1, 1, 1, 3, 0]]))
    score.add(1, np.array([[1, 2, 0, 3, 4]]), np.zeros((1, 5), int))
    rows = score.rows()
    assert rows["value"].tolist() == [0.5, 0.25, 0.25]
    assert set(rows["n_slices"]) == {1}


@pytest.mark.parametrize("score", [CellScore(), MaskScore("a"), ProtrusionScore()])
def test_wrong_use_is_refused(score):
    with pytest.raises(ValueError, match="shape"):
        score.add(1, np.zeros((2, 3), int), np.zeros((2, 2), int))
    score.add(2, np.zeros((2, 2), int), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="slice 2 was added twice"):
        score.add(2, np.zeros((2, 2), int), np.zeros((2, 2), int))


def test_summary_shows_every_score_once_and_explains_it():
    truth = np.array([[1, 1, 2, 2]])
    cells = CellScore("cells", "truth", min_voxels=0)
    cells.add(0, truth, truth, 4)
    masks = MaskScore("mitochondria", "test")
    masks.add(0, truth == 1, truth == 1)
    table = combine([cells.rows(), masks.rows(), ProtrusionScore().rows()])
    assert list(table.columns) == COLUMNS
    text = format_summary(table)
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    assert any(line.split() == ["mitochondria", "dice", "1.000", "(1)", "-"] for line in lines)
    assert any(line.split() == ["cells", "truth", "4", "1.000", "1"] for line in lines)
    for metric in table["metric"]:
        if not metric.startswith("dice_distance"):
            assert sum(line.startswith(f"{metric} ") for line in lines) == 1, metric


def test_summary_of_nothing():
    assert "No scores" in format_summary(combine([]))
    assert len(accuracy_by_distance(combine([]))) == 0
    assert isinstance(combine([]), pd.DataFrame)


def test_scores_without_any_distance_are_no_error():
    # What two labelled slices of an organelle give: one trains, one validates.
    rows = pd.DataFrame(
        {
            "structure": "nuclei",
            "metric": ["dice", "precision"],
            "split": "validation",
            "value": 0.9,
            "n_slices": 1,
        }
    )
    table = accuracy_by_distance(rows)
    assert len(table) == 0 and list(table)[:4] == ["structure", "split", "distance", "dice"]


def test_the_size_of_a_cell_counts_slices_that_are_not_scored():
    truth = np.zeros((10, 10), np.uint16)
    truth[:5], truth[5:, :2] = 1, 2  # 50 and 10 voxels per slice
    score = CellScore(min_voxels=20)
    score.add(1, truth, truth)
    assert set(score.pairs()["cell"]) == {1}
    score.count(truth)
    assert set(score.pairs()["cell"]) == {1, 2}
    assert len(score.pairs()) == 2  # the counted slice itself is not scored
