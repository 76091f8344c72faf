"""Trust as confidence and back; bad slices show their stand-ins without confidence."""

import numpy as np
from ultraseg.cells.trust import fill_bad, to_confidence, to_trust


def test_confidence_keeps_small_trust():
    trust = np.array([0, 0.001, 0.1, 0.9, 1])
    assert np.allclose(to_trust(to_confidence(trust)), trust, rtol=0.06)
    assert to_confidence(trust).tolist()[::4] == [0, 255]


def test_a_gap_without_bad_slices_is_left_as_it_is():
    labels, confidence = np.ones((2, 3, 3)), np.ones((2, 3, 3))
    filled = fill_bad(labels, confidence, [4, 5], 4, [4, 5])
    assert filled[0] is labels and filled[1] is confidence


def test_a_bad_slice_shows_its_stand_in_without_confidence():
    labels = np.arange(2)[:, None, None] + np.ones((2, 3, 3), np.uint32)
    confidence = np.full((2, 3, 3), 200, np.uint8)
    filled, certain = fill_bad(labels, confidence, [4, 6], 4, [4, 4, 6])
    assert filled[:, 0, 0].tolist() == [1, 1, 2] and certain[:, 0, 0].tolist() == [200, 0, 200]
