"""Statistics of slices: contrast, sharpness, and the step from an earlier slice."""

import cv2
import numpy as np
import pytest
from grey_tissue import grey_tissue
from ultraseg.quality.statistics import COLUMNS, slice_statistics, statistics_of


@pytest.fixture(scope="module")
def tissue():
    return grey_tissue(4, (160, 200))


def test_statistics_leave_the_image_as_it_is(tissue):
    a, b = tissue[0].copy(), tissue[1].copy()
    slice_statistics(b, a)
    assert np.array_equal(a, tissue[0]) and np.array_equal(b, tissue[1])


@pytest.mark.parametrize(
    "shape", [(160, 200), (135, 75), (81, 160)]
)  # odd ones are fast to transform as they are
def test_no_shift_is_none_whatever_the_size(tissue, shape):
    a, b = (one[: shape[0], : shape[1]] for one in tissue[:2])
    found = slice_statistics(a, b)
    assert np.hypot(found["shift_y"], found["shift_x"]) < 0.3


def test_large_slices_are_averaged_and_their_shift_is_in_pixels_of_the_image():
    rng = np.random.default_rng(0)
    large = cv2.resize(
        rng.integers(0, 255, (190, 280), np.uint8), (2800, 1900), interpolation=cv2.INTER_CUBIC
    )
    found = slice_statistics(np.roll(large, (12, -24), (0, 1)), large)
    assert (found["shift_y"], found["shift_x"]) == (pytest.approx(12, abs=1.5), pytest.approx(-24, abs=1.5))
    assert found["match"] > 0.9


def test_a_blurred_slice_loses_sharpness_and_a_dim_one_contrast(tissue):
    plain = slice_statistics(tissue[0])
    blurred = slice_statistics(cv2.GaussianBlur(tissue[0], (0, 0), 2))
    dim = slice_statistics((tissue[0] * 0.25).astype(np.uint8))
    assert blurred["sharpness"] < 0.6 * plain["sharpness"]
    assert dim["contrast"] == pytest.approx(0.25 * plain["contrast"], rel=0.02)
    assert all(np.isnan(plain[name]) for name in ("change", "shift_y", "shift_x", "match"))


def test_a_slice_that_shows_nothing_has_no_sharpness_and_no_step(tissue):
    found = slice_statistics(np.zeros((50, 60), np.uint8), tissue[0][:50, :60])
    assert found["contrast"] == 0
    assert all(np.isnan(found[name]) for name in ("sharpness", "change", "shift_y", "shift_x", "match"))


def test_the_same_slice_again_has_no_change(tissue):
    again, next_one = (slice_statistics(tissue[z], tissue[0]) for z in (0, 1))
    assert again["change"] < 0.01 and again["match"] > 0.999
    assert next_one["change"] > 10 * again["change"]


def test_slices_are_compared_with_their_reference(tissue):
    """Slice 2 is bad: it is measured, and slice 3 is compared with slice 1. Slice 0 is a reference only."""
    references = {1: 0, 2: 1, 3: 1}
    table = statistics_of(((z, tissue[z]) for z in range(4)), references)
    assert list(table) == COLUMNS
    assert table["z"].tolist() == [1, 2, 3] and table["reference"].tolist() == [0, 1, 1]
    for row in table.to_dict("records"):
        expected = slice_statistics(tissue[row["z"]], tissue[row["reference"]])
        assert {name: row[name] for name in expected} == expected


def test_a_slice_without_a_reference_has_no_step(tissue):
    table = statistics_of(iter([(0, tissue[0])]), {0: None})
    assert (
        table["reference"].tolist() == [-1]
        and table["match"].isna().all()
        and table["contrast"].notna().all()
    )
    assert list(statistics_of(iter([]), {})) == COLUMNS
