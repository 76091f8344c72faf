"""Numbers of slices that make no stack."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.ingest.numbering import check_duplicates, check_gaps, check_label_numbers, pattern_example


def numbered(*numbers):
    return [(number, f"z{number}.tif") for number in numbers]


def test_gaps_are_errors_unless_they_are_bridged():
    check_gaps("raw", numbered(3, 4, 5), "error")
    check_gaps("raw", numbered(3, 5, 6), "bridge")
    with pytest.raises(UserError, match=r"raw: 1 slice\(s\) missing between 3 and 6: 4"):
        check_gaps("raw", numbered(3, 5, 6), "error")
    with pytest.raises(UserError, match=r"more slices are missing \(6\) than there are \(2\)"):
        check_gaps("raw", numbered(3, 10), "bridge")


def test_duplicates_of_files_show_two_names_and_those_of_pages_none():
    with pytest.raises(UserError, match=r"slice number\(s\) 4 \(number 4: a4.tif, b4.tif\)"):
        check_duplicates("raw", [(4, "a4.tif"), (4, "b4.tif"), (5, "a5.tif")])
    with pytest.raises(UserError, match=r"slice number\(s\) 4\n"):
        check_duplicates("raw", [(4, "a.tif"), (4, "a.tif")])


def test_labels_must_not_lie_before_the_first_slice():
    check_label_numbers("cells", numbered(5, 9), 5)
    with pytest.raises(UserError, match=r"slice number\(s\) 3 lie before the first one, 5"):
        check_label_numbers("cells", numbered(3, 9), 5)


def test_a_pattern_is_shown_where_another_number_fits():
    assert pattern_example(["z1_40.tif", "z2_80.tif"]) == r": '^z(\d+)'"
    assert pattern_example(["z1.tif", "z3.tif"]) == ""
