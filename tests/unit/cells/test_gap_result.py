"""What the job of a gap writes, slice by slice."""

import numpy as np
import pytest
from exact_cuts import cuts_of
from moving_cells import SHAPE, ellipse, maps
from ultraseg.cells.evidence import Evidence
from ultraseg.cells.flow import stack_flow
from ultraseg.cells.fragments import Given
from ultraseg.cells.gap_cells import cells_of_gap
from ultraseg.cells.gap_ends import GapEnd
from ultraseg.cells.gap_result import carried_slices, seeds_near, volume_slices
from ultraseg.cells.propagate import propagate_gap

TRUTH = np.stack([7 * ellipse(40 + 2 * z, 50, 20, 14) for z in range(5)]).astype(np.uint32)
BOTH = (GapEnd(TRUTH[0]), GapEnd(TRUTH[4]))


@pytest.fixture(scope="module")
def evidence():
    image, interior, boundary = maps(TRUTH)
    return image, stack_flow(image), interior, boundary


def carried(evidence, ends=BOTH, walk=range(10, 15), stand_ins=None, **how):
    walk = list(walk)
    return dict(carried_slices(Evidence(walk, *evidence), ends, stand_ins or walk, first=10, **how))


def test_every_slice_of_a_gap_is_that_of_its_propagation(evidence):
    found = carried(evidence)
    labels, confidence = propagate_gap(*evidence, TRUTH[0], TRUTH[4])
    assert list(found) == [10, 11, 12, 13, 14]
    for i, arrays in enumerate(found.values()):
        assert set(arrays) == {"labels", "confidence", "differ"}
        np.testing.assert_array_equal(arrays["labels"], labels[i])
        np.testing.assert_array_equal(arrays["confidence"], confidence[i])
    assert found[12]["labels"].shape == SHAPE


def test_a_bad_slice_shows_its_stand_in_without_confidence(evidence):
    image, flow, interior, boundary = evidence
    good = [0, 1, 3, 4]
    some = (image[good], stack_flow(image[good]), interior[good], boundary[good])
    found = carried(some, walk=[10, 11, 13, 14], stand_ins=[10, 11, 11, 13, 14])
    np.testing.assert_array_equal(found[12]["labels"], found[11]["labels"])
    assert not found[12]["confidence"].any() and found[12]["differ"] == 0
    assert found[11]["confidence"].any()


@pytest.mark.parametrize("direction, ends, arrives", [("up", (0, None), 14), ("down", (None, 4), 10)])
def test_one_direction_gives_what_arrives_at_the_far_end(evidence, direction, ends, arrives):
    given = tuple(None if z is None else GapEnd(TRUTH[z]) for z in ends)
    found = carried(evidence, given, direction=direction)
    assert list(found) == [arrives]
    assert (found[arrives]["labels"] == 7).sum() > 500


def test_partial_labels_say_where_the_user_labelled(evidence):
    half = np.zeros(SHAPE, bool)
    half[:, :56] = True
    ends = (GapEnd(TRUTH[0], half), GapEnd(TRUTH[4]))
    found = carried(evidence, ends, partial=True)
    np.testing.assert_array_equal(found[10]["known"] > 0, half)
    assert found[14]["known"].all() and not found[12]["known"].any()


# ---- in three dimensions
def in_volume(ends=BOTH, stand_ins=range(10, 15), **how):
    return dict(volume_slices(cuts_of(TRUTH), ends, range(10, 15), list(stand_ins), first=10, **how))


def test_every_slice_is_that_of_the_cells_of_the_gap():
    found, cells = in_volume(min_new=50), cells_of_gap(cuts_of(TRUTH), TRUTH[0], TRUTH[4])
    assert list(found) == [10, 11, 12, 13, 14]
    for i, arrays in enumerate(found.values()):
        assert set(arrays) == {"labels", "confidence", "differ", "new"}
        np.testing.assert_array_equal(arrays["labels"], cells.labels[i])
        np.testing.assert_array_equal(arrays["labels"], TRUTH[i])


def test_slices_between_the_steps_show_the_nearest_one():
    found = dict(volume_slices(cuts_of(TRUTH), BOTH, range(10, 19, 2), range(10, 19), first=10))
    assert list(found) == [*range(10, 19)]
    for z, i in zip(range(10, 19), (0, 0, 1, 1, 2, 2, 3, 3, 4), strict=True):
        np.testing.assert_array_equal(found[z]["labels"], TRUTH[i])


def test_in_a_volume_a_bad_slice_shows_its_stand_in_without_confidence():
    found = in_volume(stand_ins=[10, 11, 11, 13, 14])
    np.testing.assert_array_equal(found[12]["labels"], found[11]["labels"])
    assert not found[12]["confidence"].any() and found[12]["differ"] == 0
    assert found[11]["confidence"].any()


def test_in_a_volume_one_direction_gives_what_arrives_and_partial_labels_say_where_they_are():
    upwards = in_volume((GapEnd(TRUTH[0]), None), direction="up")
    assert list(upwards) == [14] and (upwards[14]["labels"] == 7).sum() > 500
    half = np.zeros(SHAPE, bool)
    half[:, :56] = True
    found = in_volume((GapEnd(TRUTH[0], half), GapEnd(TRUTH[4])), partial=True)
    np.testing.assert_array_equal(found[10]["known"] > 0, half)
    assert not found[12]["known"].any()


def test_seeds_come_from_both_ends_and_from_none_where_nothing_is_to_be_carried(evidence):
    image, flow, interior, boundary = evidence
    low = Evidence([10, 11], image[:2], flow[:1], interior[:2], boundary[:2])
    high = Evidence([14], image[4:], flow[4:], interior[4:], boundary[4:])
    asked = []

    def read(zs):
        asked.append(zs)
        return {10: low, 14: high}[zs[0]]

    seeds = seeds_near(read, (low.zs, high.zs), BOTH, range(10, 15), 0.6)
    assert [seed.at for seed in seeds] == [1]
    assert seeds_near(read, (low.zs, high.zs), (None, BOTH[1]), range(10, 15), 0.6) == []
    assert asked == [low.zs]  # where nothing is carried from, nothing is read


def test_planes_count_by_either_method(evidence):
    ids = np.where(TRUTH[:, 40] > 0, 33, 0).astype(np.uint32)
    plane = Given(40, ids, ids > 0, 1)
    by_flow = carried(evidence, planes=[plane])
    in_volume = dict(
        volume_slices(cuts_of(TRUTH), BOTH, range(10, 15), range(10, 15), first=10, planes=[plane])
    )
    for found in (by_flow, in_volume):
        assert np.array_equal(found[12]["labels"][40][ids[2] > 0], ids[2][ids[2] > 0])
        assert (found[12]["confidence"][40][ids[2] > 0] == 255).all()
        assert np.array_equal(found[10]["labels"], TRUTH[0])
