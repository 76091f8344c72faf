"""Scores gathered slice by slice against the whole array, and against counts done by hand."""

import numpy as np
import pandas as pd
import pytest
from skimage.metrics import adapted_rand_error
from ultraseg.evaluate import metrics as measures
from ultraseg.evaluate.definitions import COLUMNS, DEFINITIONS
from ultraseg.evaluate.object_scores import ObjectScore
from ultraseg.evaluate.scores import (
    ALONE,
    CellScore,
    MaskScore,
    Partners,
    ProtrusionScore,
    accuracy_by_distance,
    combine,
    dice_interval,
    distance_to_labelled,
)
from ultraseg.evaluate.size_scores import SizeScore
from wrong_labels import wrong_volumes

RNG = np.random.default_rng(3)


def value(rows, metric):
    return rows.set_index("metric").loc[metric, "value"]


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
    truth, predicted = wrong_volumes()
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
    truth, predicted = wrong_volumes()
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


def test_tables_without_rows_keep_their_columns():
    nothing = combine([])
    assert isinstance(nothing, pd.DataFrame) and list(nothing) == COLUMNS
    assert nothing.dtypes[["value", "n_slices"]].tolist() == [float, int]
    assert combine([MaskScore("x").rows(), a_mask().rows()]).equals(a_mask().rows())
    assert len(accuracy_by_distance(nothing)) == 0


def a_mask():
    score = MaskScore("nuclei")
    score.add(0, np.ones((2, 2)), np.ones((2, 2)))
    return score


def test_every_score_has_a_definition():
    cells = CellScore(min_voxels=0, pixel_nm=(4, 4))
    cells.add(0, np.array([[1, 1, 2]]), np.array([[1, 1, 2]]))
    protrusions = ProtrusionScore()
    protrusions.add(0, np.array([[1]]), np.array([[1]]))
    plane = np.eye(8, dtype=np.uint32)
    objects, sizes = ObjectScore("mito"), SizeScore("mito", "test")
    objects.add(0, plane, plane)
    sizes.add(plane, plane)
    rows = combine([score.rows() for score in (cells, a_mask(), protrusions, objects, sizes)])
    assert set(rows["metric"]) == set(DEFINITIONS)


def columns(*widths):
    """A slice of 10 rows with cells side by side: pairs of id and width."""
    return np.repeat([[cell for cell, width in widths for _ in range(width)]], 10, axis=0)


def test_a_cell_that_no_label_shows_is_compared_with_the_new_id_that_covers_it():
    truth = [columns((1, 10), (2, 10), (3, 10)), columns((1, 10), (2, 15), (3, 5))]
    # New ids 7 and 8; 8 covers more of cell 3, 7 all of cell 2 on the first slice.
    found = [columns((1, 10), (7, 10), (8, 10)), columns((1, 10), (7, 10), (8, 10))]
    values = {}
    for shown in (None, {1}, {1, 7}):
        score = CellScore(min_voxels=0, shown=shown)
        for z, slices in enumerate(zip(found, truth, strict=True)):
            score.add(z, *slices)
        values[str(shown)] = score.pairs().set_index(["z", "cell"])["dice"]
    assert values["None"].tolist() == [1, 0, 0, 1, 0, 0]
    assert values["{1}"].tolist() == pytest.approx([1, 1, 1, 1, 20 / 25, 10 / 15])
    # An id that a label shows is no new id.
    assert values[str({1, 7})].loc[:, 2].tolist() == [0, 0]


def test_one_new_id_is_no_match_of_two_cells_and_a_number_alone_is_none():
    score = CellScore(min_voxels=0, shown={1})
    score.add(0, columns((1, 10), (7, 20)), columns((1, 10), (2, 12), (3, 8)))
    assert score.pairs()["dice"].tolist() == pytest.approx([1, 24 / 32, 0])
    score = CellScore(min_voxels=0, shown={1})
    score.add(0, columns((2, 10), (1, 20)), columns((1, 10), (2, 10), (1, 10)))
    assert score.pairs().set_index("cell")["dice"].to_dict() == {1: 20 / 40, 2: 0}


def test_partners_are_those_with_the_most_common_voxels_in_all_slices():
    partners = Partners()
    partners.add(np.array([[7, 7, 7, 8, 0]]), np.array([[1, 1, 2, 2, 3]]))
    partners.add(np.array([[8, 8, 8, 8, 0]]), np.array([[1, 2, 2, 2, 3]]))
    found = partners.renumbered(np.array([[0, 1, 2, 3, 3]]))
    assert found.tolist() == [[0, 7, 8, ALONE - 3, ALONE - 3]] and found.dtype == np.uint32
    assert Partners().renumbered(np.array([[0, 5]])).tolist() == [[0, ALONE - 5]]
