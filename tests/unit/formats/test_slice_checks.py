"""What every slice of a volume must be like, said in one way wherever it is read."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_checks import check_image_type, check_plane, check_size, check_type, page_index


def test_one_slice_or_a_page_that_is_there():
    assert page_index(None, 1, "a.tif") == 0 and page_index(3, 4, "a.tif") == 3
    with pytest.raises(UserError, match="a.tif: holds 4 slices where one is expected"):
        page_index(None, 4, "a.tif")
    for page in (4, -1):
        with pytest.raises(UserError, match=rf"a.tif: has no page {page} \(pages 0 to 3\)"):
            page_index(page, 4, "a.tif")


def test_size_and_type_are_those_of_the_first_slice():
    check_size((4, 5), [4, 5], "a.tif")
    check_type("uint8", "uint8", "a.tif")
    with pytest.raises(UserError, match=r"a.tif: slice is 5 x 4 pixels .*expected 4 x 5"):
        check_size((5, 4), (4, 5), "a.tif")
    with pytest.raises(UserError, match="a.tif: pixel type is int16, expected uint8"):
        check_type("int16", "uint8", "a.tif")


def test_types_without_grey_values_are_refused():
    check_image_type("float32", "a.tif")
    with pytest.raises(UserError, match="complex64, not one of uint8"):
        check_image_type("complex64", "a.tif")


def test_slices_that_no_microscope_makes_are_refused():
    check_plane((300_000, 300_000), "a.tif")
    with pytest.raises(UserError, match="a.tif: its header tells of slices of 1000000000 x 30000 pixels"):
        check_plane((10**9, 30_000), "a.tif")
