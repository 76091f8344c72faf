"""Ratios of truth to finding, with intervals that hold the ratio of slices that were not looked at."""

import numpy as np
import pytest
from ultraseg.evaluate.size_scores import SizeScore


def discs(rng, found_share, radius=3, size=80):
    """A slice with discs, of which a share is found."""
    y, x = np.mgrid[:size, :size]
    true, found = np.zeros((2, size, size), bool)
    for cy in range(8, size, 12):
        for cx in range(8, size, 12):
            disc = (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
            true |= disc
            if rng.random() < found_share:
                found |= disc
    return found.astype(np.uint32), true.astype(np.uint8)


def told(*slices):
    score = SizeScore("mito", "test")
    for found, true in slices:
        score.add(found, true)
    table = score.rows()
    assert (table["n_slices"] == len(slices)).all()
    return table.set_index("metric")["value"].to_dict()


def test_what_is_right_has_ratios_of_1_and_no_doubt():
    _, true = discs(np.random.default_rng(0), 1)
    assert told((true, true)) == {
        f"{of}_ratio{end}": 1 for of in ("area", "profile") for end in ("", "_low", "_high")
    }


def test_the_interval_holds_the_ratio_of_other_slices_about_95_times_in_100():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(60):
        ratios = told(discs(rng, 0.7), discs(rng, 0.7))
        assert ratios["profile_ratio_low"] < ratios["profile_ratio"] < ratios["profile_ratio_high"]
        inside += ratios["profile_ratio_low"] < 1 / 0.7 < ratios["profile_ratio_high"]
    assert inside >= 51


def test_more_slices_make_it_narrower():
    rng = np.random.default_rng(2)
    slices = [discs(rng, 0.7) for _ in range(8)]
    few, many = told(slices[0]), told(*slices)
    width = [r["area_ratio_high"] - r["area_ratio_low"] for r in (few, many)]
    assert width[1] < 0.6 * width[0]


def test_area_and_profiles_are_told_apart():
    _, true = discs(np.random.default_rng(0), 1)
    wide = np.zeros_like(true, dtype=np.uint32)
    wide[:, :40] = 1  # one profile
    ratios = told((wide, true))
    assert ratios["profile_ratio"] == 36 and ratios["area_ratio"] == pytest.approx(true.sum() / 3200)


def test_nothing_found_and_nothing_added_have_no_ratio():
    _, true = discs(np.random.default_rng(0), 1)
    assert told((np.zeros_like(true), true)) == {}
    assert SizeScore("mito", "test").rows().empty
    found = told((true, np.zeros_like(true)))
    assert found["area_ratio"] == found["area_ratio_high"] == 0
