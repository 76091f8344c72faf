"""The picture of two segmentations: three panels a slice, equal colours for partners, outlines of what changed."""

import cv2
import numpy as np
from ultraseg.figures.compare import ComparedSlice, draw_comparison

NM = (20.0, 10.0, 10.0)


def slice_with(b, changed):
    a = np.zeros((50, 80), np.int64)
    a[10:40, 10:70] = 7
    return ComparedSlice(3, np.full(a.shape, 128, np.uint8), a, b(a), changed(a))


def panels(path):
    picture = cv2.imread(str(path)).astype(int)
    width = (1600 - 16) // 3
    height = width * 50 // 80
    return [picture[26 : 26 + height - 4, left : left + width] for left in (0, width + 8, 2 * (width + 8))]


def test_partners_have_one_colour_and_nothing_is_outlined_where_nothing_changed(tmp_path):
    draw_comparison([slice_with(lambda a: a, lambda a: a < 0)], NM, str(tmp_path / "p.png"), "cells")
    a, b, changed = panels(tmp_path / "p.png")
    middle = tuple(n // 2 for n in a.shape[:2])
    assert np.array_equal(a[middle], b[middle]) and np.ptp(a[middle]) > 10
    assert np.ptp(changed[middle]) == 0  # grey, as the image


def test_what_changed_is_outlined(tmp_path):
    one = slice_with(lambda a: -a, lambda a: a > 0)
    draw_comparison([one], NM, str(tmp_path / "p.png"), "cells")
    a, b, changed = panels(tmp_path / "p.png")
    middle = tuple(n // 2 for n in a.shape[:2])
    assert not np.array_equal(a[middle], b[middle])  # an object without a partner has a colour of its own
    assert np.ptp(changed, axis=2).max() > 50


def test_nothing_changed(tmp_path):
    draw_comparison([], NM, str(tmp_path / "p.png"), "cells")
    assert cv2.imread(str(tmp_path / "p.png")) is not None
