"""Thresholds are chosen at the size at which maps are cut, not at the network's."""

import numpy as np
import pytest
from ultraseg.arrays.scale import downsample_mask, enlarge_map
from ultraseg.objects.organelles import mask_slab
from ultraseg.train.thresholds import best_level, dice_by_level, level_counts, scale_of

D = 4


def _faint() -> tuple[np.ndarray, np.ndarray]:
    """A map (y, x) and the true mask in the image: small discs that are found for sure, and one faint one."""
    y, x = np.mgrid[: 64 * D, : 64 * D]
    sure = np.zeros(y.shape, bool)
    for cy, cx in ((40, 40), (40, 120), (40, 200), (120, 40), (120, 120), (120, 200), (200, 40), (200, 120)):
        sure |= (y - cy) ** 2 + (x - cx) ** 2 < 18**2
    faint = (y - 200) ** 2 + (x - 200) ** 2 < 9**2
    coverage = downsample_mask(sure, D)
    seen = np.where(coverage > 127, 255, 0) + np.where(downsample_mask(faint, D) > 127, 51, 0)
    return seen.astype(np.uint8), sure | faint


def _dice(probability, truth, level):
    (found,) = mask_slab(probability[None], truth.shape, downsample=D, threshold=level / 255) > 0
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def test_the_threshold_is_the_best_one_in_the_image():
    probability, truth = _faint()
    target = downsample_mask(truth, D)
    known = np.full_like(target, 255)
    level, dice = best_level(dice_by_level(level_counts(probability, target, known, D)))
    best = max(_dice(probability, truth, t) for t in range(1, 256))
    assert _dice(probability, truth, level) > best - 0.01
    assert dice == pytest.approx(_dice(probability, truth, level), abs=0.02)
    # At the network's scale the faint disc is all that counts, and what it costs on all outlines is not seen.
    small, _ = best_level(dice_by_level(level_counts(probability, target, known, 1)))
    assert small <= 51 and _dice(probability, truth, small) < best - 0.02


def test_only_what_is_known_counts():
    probability, truth = _faint()
    target = downsample_mask(truth, D)
    known = np.zeros_like(target)
    known[:32, :32] = 1
    counts = level_counts(probability, target, known, D)
    assert counts.sum() == (32 * D) ** 2
    part = np.s_[: 32 * D, : 32 * D]
    inside = enlarge_map(target, D)[part] > 127
    levels = enlarge_map(probability, D)[part]
    np.testing.assert_array_equal(counts[1], np.bincount(levels[inside], minlength=256))
    np.testing.assert_array_equal(counts[0], np.bincount(levels[~inside], minlength=256))


def test_levels_that_are_alike_give_the_middle():
    assert best_level(np.full(256, 0.7)) == (128, 0.7)


def test_best_level_by_hand():
    counts = np.zeros((2, 256))
    counts[0, 10], counts[0, 150], counts[1, 100], counts[1, 200] = 100, 10, 1, 9
    level, dice = best_level(dice_by_level(counts))
    assert level == 151 and dice == pytest.approx(2 * 9 / (9 + 10))
    assert dice_by_level(counts)[100] == pytest.approx(2 * 10 / (20 + 10))


def test_cells_are_cut_at_the_networks_scale():
    assert scale_of("cells/boundary", D) == 1 and scale_of("nuclei", D) == D
