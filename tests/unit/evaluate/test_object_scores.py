"""Objects of organelles are compared as wholes, though they are seen slice by slice."""

import numpy as np
import pytest
from ultraseg.evaluate.object_scores import ObjectScore

SHAPE = (4, 12, 20)


def volume(*boxes):
    """A label volume of boxes (z0, z1, y0, y1, x0, x1), numbered from 1."""
    labels = np.zeros(SHAPE, np.uint32)
    for number, (z0, z1, y0, y1, x0, x1) in enumerate(boxes, 1):
        labels[z0:z1, y0:y1, x0:x1] = number
    return labels


def score(truth, prediction, scored=range(SHAPE[0]), **settings):
    found = ObjectScore("mito", **settings)
    for z, true in enumerate(truth):
        found.add(z, true, prediction[z] if z in scored else None)
    table = found.rows()
    assert (table["structure"] == "mito").all() and (table["split"] == "truth").all()
    assert (table["n_slices"] == len(scored)).all()
    return table.set_index("metric")["value"].to_dict()


LEFT, RIGHT = (0, 4, 2, 8, 0, 6), (0, 4, 2, 8, 10, 16)  # 144 voxels each


def test_what_is_right_is_perfect_whatever_its_numbers():
    truth = volume(LEFT, RIGHT)
    found = score(truth, (truth * 7).astype(np.uint32))
    assert found == {
        "average_precision_50": 1, "average_precision_75": 1, "panoptic_quality_50": 1, "panoptic_quality_75": 1,
        "objects_true": 2, "objects_found": 2, "count_error": 0,
    }  # fmt: skip


def test_a_merge_is_one_object_too_few():
    truth = volume(LEFT, RIGHT)
    merged = np.where(volume((0, 4, 2, 8, 0, 16)) > 0, 5, 0).astype(np.uint32)
    found = score(truth, merged)
    assert (found["objects_true"], found["objects_found"], found["count_error"]) == (2, 1, -0.5)
    assert found["average_precision_50"] == 0


def test_half_an_overlap_counts_at_a_half_and_not_at_three_quarters():
    found = score(volume(LEFT, RIGHT), volume((0, 4, 2, 8, 0, 4), RIGHT))  # two thirds of the left one
    assert found["average_precision_50"] == 1 and found["average_precision_75"] == pytest.approx(1 / 3)
    assert found["panoptic_quality_50"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["panoptic_quality_75"] == pytest.approx(1 / 2)


def test_parts_of_a_mask_are_its_objects():
    mask = (volume(LEFT, RIGHT) > 0).astype(np.uint32) * 255
    assert score(mask, volume(LEFT, RIGHT))["average_precision_75"] == 1
    # Two branches in slices 0 and 1 that join in slice 2 are one object.
    fork = volume((0, 3, 2, 4, 0, 6), (0, 3, 6, 8, 0, 6), (2, 3, 2, 8, 0, 6)) > 0
    assert score(fork.astype(np.uint8), fork.astype(np.uint32))["objects_true"] == 1
    # Without the slice where they join they are two.
    assert score(fork[:2].astype(np.uint8), fork.astype(np.uint32), range(2))["objects_true"] == 2


def test_slices_that_are_not_scored_still_tell_what_belongs_together():
    fork = volume((0, 3, 2, 4, 0, 6), (0, 3, 6, 8, 0, 6), (1, 2, 2, 8, 0, 6)) > 0
    mask, found = fork.astype(np.uint8), fork.astype(np.uint32)
    assert score(mask, found, [0, 2])["objects_true"] == 1
    assert score(mask, found, [0, 2])["average_precision_75"] == 1


def test_slices_that_truth_lacks_part_its_objects():
    one = ObjectScore("mito")
    plane = volume(LEFT)[0]
    one.add(0, plane, plane)
    one.add(2, plane, plane)
    assert one.rows().set_index("metric")["value"]["objects_true"] == 2


def test_specks_count_on_neither_side():
    truth, found = volume(LEFT, (0, 1, 10, 12, 18, 20)), volume(LEFT, (3, 4, 10, 12, 0, 2))
    assert score(truth, found)["average_precision_50"] == pytest.approx(1 / 3)
    told = score(truth, found, min_voxels=5)
    assert (told["average_precision_50"], told["objects_true"], told["objects_found"]) == (1, 1, 1)


def test_nothing_scored_has_no_rows_and_no_object_no_error():
    empty = volume()
    assert ObjectScore("mito").rows().empty
    found = score(empty, volume(LEFT))
    assert found["objects_found"] == 1 and np.isnan(found["count_error"])


def test_slices_come_in_order():
    one = ObjectScore("mito")
    one.add(1, volume()[0], None)
    with pytest.raises(ValueError, match="slice 0 was added after slice 1"):
        one.add(0, volume()[0], None)
