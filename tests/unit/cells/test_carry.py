"""One step from slice to slice, and disputes that the slices around settle."""

import numpy as np
import pytest
from moving_cells import SHAPE, maps
from ultraseg.cells.carry import Carried, CarrySettings, GapSlices, SliceMaps, carry, settle_disputes
from ultraseg.cells.fusion import fuse_slice
from ultraseg.cells.trust import to_confidence


def strip_between_two_cells():
    """Two cells of five slices, and a strip between them that the third slice gives to the other cell."""
    labels = np.ones((5, 40, 60), np.int32)
    labels[:, :, 30:] = 2
    labels[2, :, 24:30] = 2
    return labels, np.full(labels.shape, to_confidence(np.float32(0.5)))


def still(z_from, z_to, source):
    """What arrives at the next slice where nothing moves."""
    return source


def decide_by(boundary):
    return lambda z, below, above: Carried(
        *fuse_slice(below.labels, above.labels, below.trust, above.trust, boundary)
    )


@pytest.mark.parametrize("sweeps, settled", [(0, False), (1, True), (4, True)])
def test_a_slice_that_follows_the_wrong_side_is_settled_by_those_around(sweeps, settled):
    labels, confidence = strip_between_two_cells()
    disputed = np.zeros(labels.shape, bool)
    disputed[1:4, :, 22:32] = True
    wall = np.zeros(labels.shape[1:], np.uint8)
    settle_disputes(labels, confidence, disputed, still, decide_by(wall), sweeps=sweeps)
    assert (labels[2, :, 24:30] == (1 if settled else 2)).all()
    assert (labels[:, :, :22] == 1).all() and (labels[:, :, 32:] == 2).all()


def test_what_nobody_disputes_stays_whatever_the_slices_around_show():
    labels, confidence = strip_between_two_cells()
    before = labels.copy(), confidence.copy()
    disputed = np.zeros(labels.shape, bool)
    disputed[1:4, :20, 22:32] = True
    settle_disputes(
        labels, confidence, disputed, still, decide_by(np.zeros(labels.shape[1:], np.uint8)), sweeps=3
    )
    assert (labels[2, :20, 24:30] == 1).all()
    for now, then in zip((labels, confidence), before, strict=True):
        assert np.array_equal(now[~disputed], then[~disputed])


def test_carry_without_motion_or_doubt_only_decays():
    labels = np.zeros(SHAPE, np.int32)
    labels[20:60, 20:60] = 1
    _, interior, boundary = maps(labels[None])
    zero = np.zeros((2, *SHAPE), np.float32)
    image = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)
    source = Carried(labels, np.ones(SHAPE, np.float32))
    target = SliceMaps(image, interior[0], boundary[0])
    out, trust = carry(source, zero, zero, target, CarrySettings(decay=0.8))
    assert np.count_nonzero(out != labels) <= 4  # corners of the square, where the membrane is two wide
    assert np.allclose(trust[(boundary[0] == 0) & (out == labels)], 0.8)
    assert np.allclose(trust[(boundary[0] == 255) & (out == labels)], 0.08)


def test_a_side_that_brings_nothing_takes_the_labels_of_the_other():
    zero = np.zeros((3, 8, 12), np.uint8)
    gap = GapSlices(zero, zero, zero, np.zeros((2, 4, 8, 12), np.float32), range(3), CarrySettings(), void=9)
    below = Carried(np.full((8, 12), 1, np.int32), np.full((8, 12), 0.1, np.float32))
    above = Carried(np.full((8, 12), 2, np.int32), np.full((8, 12), 0.9, np.float32))
    below.labels[:, 6:], above.labels[:, :6] = 9, 9
    found, trust = gap.fuse(1, below, above)
    assert (found[:, :6] == 1).all() and (found[:, 6:] == 2).all()
    assert np.allclose(trust[:, :6], 0.1) and np.allclose(trust[:, 6:], 0.9)


def test_a_step_uses_the_flow_of_its_direction_and_the_distance_of_its_slices():
    image = np.random.default_rng(0).integers(0, 255, (2, 30, 40)).astype(np.uint8)
    interior, boundary = np.full_like(image, 255), np.zeros_like(image)
    flow = np.zeros((1, 4, 30, 40), np.float32)
    flow[0, 1], flow[0, 3] = 5, -5  # everything moves by 5 columns from the first slice to the second
    gap = GapSlices(image, interior, boundary, flow, [3, 6], CarrySettings(decay=0.9, change_doubt=0))
    labels = np.ones((30, 40), np.int32)
    labels[:, 20:] = 2
    up = gap.carry(0, 1, Carried(labels, np.ones(labels.shape, np.float32)))
    down = gap.carry(1, 0, up)
    assert (up.labels[:, :25] == 1).all() and (up.labels[:, 25:] == 2).all()
    assert np.array_equal(down.labels, labels)
    assert up.trust[15, 20] == pytest.approx(0.9**3) and down.trust[15, 20] == pytest.approx(0.9**6)
