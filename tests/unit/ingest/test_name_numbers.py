"""Which number in a file's name is that of the slice."""

import pytest
from ultraseg.ingest.name_numbers import (
    better_pattern,
    changing_numbers,
    fault_of_pattern,
    odd_names,
    slice_number,
    with_number,
)


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


STACK = [f"z{z:04d}.tif" for z in range(20)]


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        ([*STACK, "overview_20.tif"], ["overview_20.tif"]),
        ([*STACK, "z0020_mask.tif"], ["z0020_mask.tif"]),
        ([*STACK, "z0020 (copy).tif"], ["z0020 (copy).tif"]),
        ([*STACK, "Z0020.TIF", "z0021.tiff"], []),  # case and suffix do not count
        ([*STACK, "scan2_z20.tif"], ["scan2_z20.tif"]),
        ([f"scan1_z{z}.tif" for z in range(20)] + ["scan2_z20.tif"], ["scan2_z20.tif"]),
        ([f"scan{1 + z // 10}_z{z}.tif" for z in range(20)], []),  # a stack of two runs
        ([f"{202401051200 + 7 * z}_z{z}.tif" for z in range(20)], []),  # each with its time
        ([f"a_{z}.tif" for z in range(12)] + [f"b_{z}.tif" for z in range(12, 20)],
         [f"b_{z}.tif" for z in range(12, 20)]),
        (["z1.tif"], []),
    ],
)  # fmt: skip
def test_names_that_are_built_in_another_way_are_odd(names, odd):
    found = odd_names([f"some_run7/{name}" for name in names])
    assert ([] if found is None else found[1]) == sorted(odd)
    assert found is None or found[0] == min({*names} - {*odd})


def test_a_pattern_says_which_number_may_differ():
    names = [f"z{z:04d}_um{40 * z}.tif" for z in range(20)]
    assert odd_names(names, r"^z(\d+)") is None
    assert odd_names([*names, "w_z20_um800.tif"], r"z(\d+)") == ("z0000_um0.tif", ["w_z20_um800.tif"])


@pytest.mark.parametrize(
    "file, number, pattern, expected",
    [
        ("a/z0003.tif", 12, None, "z0012.tif"),
        ("s2_z9.tiff", 10, None, "s2_z10.tiff"),
        ("s_0001_v3.tif", 7, r"^s_(\d+)", "s_0007_v3.tif"),
        ("cells.tif", 7, None, None),
    ],
)
def test_a_name_for_another_slice_is_built_like_the_others(file, number, pattern, expected):
    made = with_number(file, number, pattern)
    assert made == expected and (made is None or slice_number(made, pattern) == number)
