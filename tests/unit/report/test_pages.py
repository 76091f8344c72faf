"""What the pages of the report say."""

import numpy as np
import pandas as pd
from html_tables import cells_of
from ultraseg.evaluate.definitions import DEFINITIONS, SPLITS
from ultraseg.report.pages import accuracy_page, run_page, table_page


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
        assert words.replace("'", "&#39;") in text
    assert "Dice by distance" in text
    assert "No scores" in accuracy_page("v", metrics.iloc[:0])


def test_the_page_of_the_run_has_all_its_parts():
    costs = pd.DataFrame({"rule": ["train"], "jobs": [2], "total_s": [5400.0]})
    programs = pd.DataFrame({"program": ["zarr"], "version": ["3.1"]})
    devices = pd.DataFrame({"network": ["context"], "device": ["AMD"]})
    text = run_page("slab_depth: 16\n", programs, devices, costs, {"folder": "/data/<x>"})
    for words in ("In all 1.50 hours", "zarr", "AMD", "slab_depth: 16", "/data/&lt;x&gt;"):
        assert words in text
