"""Which number in a file's name is that of the slice."""

import pytest
from ultraseg.ingest.name_numbers import better_pattern, changing_numbers, fault_of_pattern, slice_number


@pytest.mark.parametrize(
    ("name", "number"),
    [("z0012.tif", 12), ("run3_z7.tiff", 7), ("a/b5/x.tif", None), ("s_001.ome.tif", 1), ("10nm_s5.tif", 5)],
)
def test_number_is_last_in_the_name(name, number):
    assert slice_number(name) == number


@pytest.mark.parametrize(
    ("name", "pattern", "number"),
    [
        ("slice_00012_z=0.0480um.tif", r"slice_(\d+)", 12),
        ("a/b7/z0012_cp_masks_2.tif", r"z(\d+)_", 12),
        ("b7/z.tif", r"b(\d+)", None),  # folders do not count
        ("s_4.ome.tif", r"(\d+)\.ome", 4),
        ("s_x.tif", r"s_(.)", None),
        ("s_.tif", r"s_(\d+)?", None),
    ],
)
def test_a_pattern_picks_the_number(name, pattern, number):
    assert slice_number(name, pattern) == number


def test_faults_of_patterns():
    assert fault_of_pattern(r"z(\d+)") is None and fault_of_pattern(r"z(?:a|b)(\d+)") is None
    assert "0 groups" in fault_of_pattern(r"z\d+") and "2 groups" in fault_of_pattern(r"(z)(\d+)")
    assert "regular expression" in fault_of_pattern("z(")


def test_no_pattern_is_proposed_where_no_other_number_fits():
    assert better_pattern(["z1.tif"]) is None
    assert better_pattern(["z1.tif", "z3.tif"]) is None
    assert better_pattern(["z1.tif", "overview.tif"]) is None
    assert better_pattern(["z1_5.tif", "z3_5.tif"], consecutive=False) == r"^z(\d+)"


def test_numbers_that_change_are_counted():
    assert changing_numbers(["r2_z1.tif", "r2_z5.tif"]) == 1
    assert changing_numbers(["r2_z1.tif", "r3_z5.tif"]) == 2
    assert changing_numbers(["r2_z1.tif", "q3_z5.tif"]) == 0
