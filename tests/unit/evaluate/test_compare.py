"""Two segmentations: the comparison names what changed, and agrees with the measures of the whole volume."""

import numpy as np
import pytest
from skimage.metrics import adapted_rand_error, variation_of_information
from ultraseg.evaluate.compare import Comparison, most_changed


def compared(a, b):
    found = Comparison("cells")
    for one, other in zip(a, b, strict=True):
        found.add(one, other)
    return found


def volume():
    """Five objects, 1 to 5, in bands of rows."""
    a = np.zeros((4, 12, 10), np.uint32)
    for number in range(1, 6):
        a[:, 2 * number : 2 * number + 2] = number
    return a


def rows_of(found):
    return {(row.what, row.a, row.b): row for row in found.objects.itertuples()}


def test_equal_volumes():
    found = compared(volume(), volume())
    scores = found.scores()
    assert (scores["same"], scores["changed_voxels"], scores["renumbered"]) == (5, 0, 0)
    assert scores["dice"] == scores["dice_objects"] == 1
    assert scores["adapted_rand_error"] == scores["voi_split"] == scores["voi_merge"] == 0
    assert most_changed(found.slices, 3) == []


def test_other_numbers_are_no_change():
    a = volume()
    b = np.where(a == 3, 77, a)
    scores = compared(a, b).scores()
    assert (scores["same"], scores["renumbered"], scores["changed_voxels"]) == (5, 1, 0)


def test_each_kind_of_change_is_named():
    a = volume()
    b = a.copy()
    b[b == 1] = 2  # 1 and 2 merged
    b[:2][b[:2] == 3] = 9  # 3 cut into two
    b[3][b[3] == 3] = 9
    b[b == 4] = 0  # lost
    b[:, :2, :3] = 8  # new
    b[0, 10, 0] = 0  # 5 has changed
    found = compared(a, b)
    rows = rows_of(found)
    assert {*rows} == {
        ("merged", 2, 2), ("changed", 1, 2), ("changed", 3, 9), ("split", 3, 3), ("lost", 4, 0), ("new", 0, 8),
        ("changed", 5, 5),
    }  # fmt: skip
    five = rows["changed", 5, 5]
    assert (five.voxels_a, five.voxels_b, five.common, five.changed_voxels) == (80, 79, 79, 1)
    assert five.dice == pytest.approx(2 * 79 / 159)
    scores = found.scores()
    assert (scores["objects_a"], scores["objects_b"]) == (5, 5)
    assert [scores[k] for k in ("same", "changed", "merged", "split", "lost", "new")] == [0, 3, 1, 1, 1, 1]


def test_scores_equal_those_of_the_whole_volume():
    rng = np.random.default_rng(3)
    a = np.kron(rng.integers(0, 6, (3, 4, 4)), np.ones((1, 5, 5), int)).astype(np.uint32)
    b = np.where(rng.random(a.shape) < 0.2, rng.integers(0, 6, a.shape), a).astype(np.uint32)
    found = compared(a, b)
    scores = found.scores()
    error, precision, recall = adapted_rand_error(a, b, ignore_labels=(0,))
    assert scores["adapted_rand_error"] == pytest.approx(error, abs=1e-9)
    inside = a != 0
    assert (scores["voi_split"], scores["voi_merge"]) == pytest.approx(
        variation_of_information(a[inside], b[inside]), abs=1e-9
    )
    assert scores["dice"] == pytest.approx(2 * (inside & (b != 0)).sum() / (inside.sum() + (b != 0).sum()))
    changed = [int(found.changed(x, y).sum()) for x, y in zip(a, b, strict=True)]
    assert found.slices["changed"].tolist() == changed
    assert scores["changed_voxels"] == sum(changed) > 0


def test_the_slices_that_changed_most():
    a = volume()
    b = a.copy()
    b[1, 2:6] = 0
    b[3, 2:4] = 0
    found = compared(a, b)
    assert found.slices["changed"].tolist() == [0, 40, 0, 20]
    assert most_changed(found.slices, 1) == [1]
    assert most_changed(found.slices, 4) == [1, 3]


def test_empty_volumes_have_no_scores():
    nothing = np.zeros((2, 3, 3), np.uint8)
    scores = compared(nothing, nothing).scores()
    assert scores["objects_a"] == scores["changed_voxels"] == 0
    assert np.isnan(scores["dice"]) and np.isnan(scores["changed_share"])
