"""Pages of the report: numbers, colours and shortened tables."""

import re

import numpy as np
import pandas as pd
import pytest
from html_tables import cells_of
from ultraseg.base.colours import id_colours, structure_colours
from ultraseg.report.html import Section, number, page, shortened


def test_numbers_are_short_and_keep_their_full_value_for_sorting():
    text = page(
        "t", [Section("", table=pd.DataFrame({"n": [1, 2], "x": [0.123456, 123456.7], "y": [np.nan, 1.0]}))]
    )
    assert cells_of(text) == [["1", "0.1235", ""], ["2", "123,457", "1"]]
    assert 'data-value="0.123456"' in text and 'data-value="123456.7"' in text


def test_cells_and_structures_have_the_colours_of_the_figures():
    table = pd.DataFrame(
        {"cell": [70001, 0], "structure": ["nuclei", "nuclei"], "cut_by_edge": [True, False]}
    )
    text = page("t", [Section("", table=table)])
    assert cells_of(text) == [["70001", "nuclei", "yes"], ["", "nuclei", ""]]
    assert "background:rgb({},{},{})".format(*id_colours(np.array(70001))) in text
    assert f"background:{structure_colours(['nuclei'])['nuclei']}" in text


def test_text_cannot_break_the_page():
    table = pd.DataFrame({"name": ["<script>alert(1)</script>"], "structure": ["<b>"]})
    text = page("<x>", [Section("<h>", "a < b", table, "1 < 2 & 3")])
    assert "<script>alert" not in text and "<b>" not in text
    assert "a &lt; b" in text and "1 &lt; 2 &amp; 3" in text


def test_a_page_needs_nothing_but_itself():
    assert not re.search(
        r"(src|href)=|url\(|@import|https?:", page("t", [Section("h", "n", pd.DataFrame({"a": [1]}))])
    )


def test_long_tables_keep_their_largest_rows_in_order():
    table = pd.DataFrame({"cell": range(10), "voxels": [5, 9, 1, 8, 0, 7, 2, 6, 3, 4]})
    short, sentence = shortened(table, "cells.csv", "voxels", most=3)
    assert short["cell"].tolist() == [1, 3, 5]
    assert "cells.csv has all 10 rows" in sentence
    assert shortened(table, "cells.csv", "voxels", most=10)[0] is table
    assert shortened(table, "cells.csv", most=2)[0]["cell"].tolist() == [0, 1]


def test_numbers_have_four_figures_also_among_words():
    table = pd.DataFrame(
        {"value": pd.Series([0.26986086400000003, "a", 3, None, np.nan, True], dtype=object)}
    )
    assert cells_of(page("t", [Section("", table=table)])) == [["0.2699"], ["a"], ["3"], [""], [""], ["True"]]
    assert "00000003" not in page("t", [Section("", table=pd.DataFrame({"x": [0.26986086400000003]}))])


def test_missing_whole_numbers_are_empty():
    assert cells_of(page("t", [Section("", table=pd.DataFrame({"n": pd.array([1, None], "Int64")}))])) == [
        ["1"],
        [""],
    ]


@pytest.mark.parametrize(
    "value, text", [(0.00001234567, "1.235e-05"), (1.5, "1.5"), (9999.4, "9999"), (1234567.8, "1,234,568")]
)
def test_a_number_keeps_all_digits_before_the_point(value, text):
    assert number(value) == text
