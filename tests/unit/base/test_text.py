"""Numbers and lists for people."""

import pytest
from ultraseg.base.text import amount, duration, format_numbers, format_ranges, short


def test_numbers_are_written_as_ranges():
    assert format_numbers([9, 3, 7, 8, 12]) == "3, 7-9, 12"
    assert format_numbers(list(range(0, 20, 2)), limit=2) == "0, 2 and 8 more"
    assert format_numbers([]) == ""
    assert format_numbers([4, 4, 5]) == "4-5"


def test_ranges_are_written_with_both_ends():
    assert format_ranges([(0, 3), (7, 7)]) == "0-3, 7"
    assert format_ranges([(0, 3), (7, 7), (9, 11)], limit=1) == "0-3 and 4 more"


@pytest.mark.parametrize(
    "number, text", [(0.01234, "0.0123"), (12.345, "12.3"), (100.4, "100"), (123456, "123456")]
)
def test_short_numbers_have_three_digits_or_are_whole(number, text):
    assert short(number) == text


def test_amounts_of_bytes_are_readable():
    assert [amount(n) for n in (2e3, 3.21e6, 4e9, 1.5e12)] == ["2 kB", "3.21 MB", "4 GB", "1.5 TB"]


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3600, "60 min"),
        (11_100, "3 h 05 min"),
        (187_000, "2 d 3 h"),
    ],
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text
