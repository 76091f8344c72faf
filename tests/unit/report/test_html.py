"""Pages of the report: numbers, colours and shortened tables."""

import re

import numpy as np
import pandas as pd
from ultraseg.base.colours import id_colours, structure_colours
from ultraseg.evaluate.definitions import DEFINITIONS, SPLITS
from ultraseg.report.html import Section, page, shortened
from ultraseg.report.pages import accuracy_page, run_page, table_page


def cells_of(text: str) -> list[list[str]]:
    """What is read in the first table, row by row."""
    body = text.split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    return [[re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]


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


def test_flagged_slices_stay_where_the_table_is_shortened():
    table = pd.DataFrame(
        {"z": range(3000), "flagged": [z in (17, 2900) for z in range(3000)], "file": "/a/b/c.tif"}
    )
    rows = cells_of(table_page("v", "slices", table, "slices.csv"))
    assert len(rows) == 1000
    assert {"17", "2900"} <= {row[0] for row in rows}
    assert rows[0][2] == "c.tif"


def test_an_empty_table_says_so():
    assert "<p>None.</p>" in table_page("v", "links", pd.DataFrame(), "links.csv")


def test_scores_stand_beside_their_definitions():
    rows = [
        ("cells", "dice", "test", 0.91234, 3),
        ("cells", "dice", "truth", np.nan, 9),
        ("cells", "dice_distance_2", "test", 0.8, 3),
        ("nuclei", "precision", "truth", 0.5, 9),
    ]
    metrics = pd.DataFrame(rows, columns=["structure", "metric", "split", "value", "n_slices"])
    text = accuracy_page("v", metrics)
    assert "0.9123 (3)" in text and "0.5 (9)" in text
    assert "nan" not in text
    for words in (SPLITS["test"], SPLITS["truth"], DEFINITIONS["precision"]):
        assert words.replace("'", "&#x27;") in text
    assert "Dice by distance" in text
    assert "No scores" in accuracy_page("v", metrics.iloc[:0])


def test_the_page_of_the_run_has_all_its_parts():
    costs = pd.DataFrame({"rule": ["train"], "jobs": [2], "total_s": [5400.0]})
    programs = pd.DataFrame({"program": ["zarr"], "version": ["3.1"]})
    devices = pd.DataFrame({"network": ["context"], "device": ["AMD"]})
    text = run_page("slab_depth: 16\n", programs, devices, costs, {"folder": "/data/<x>"})
    for words in ("In all 1.50 hours", "zarr", "AMD", "slab_depth: 16", "/data/&lt;x&gt;"):
        assert words in text
