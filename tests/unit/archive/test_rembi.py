"""The sheet for the BioImage Archive."""

from ultraseg.archive.rembi import ASK, COLUMNS, OPEN, scores_of, sheet

FACTS = {
    "name": "ultraseg run: v", "description": "Cells\tin a\ntissue", "licence": "https://spdx.org/licenses/CC0-1.0",
    "authors": [{"name": "A"}, {"name": "B"}], "version": "9.9",
}  # fmt: skip
VOLUME = {
    "shape": (100, 2000, 3000), "voxel_size_nm": (20.0, 5.0, 5.0), "kinds": {"cells": "cells", "tissue": "mask"},
    "labelled": {"cells": 7}, "scores": {"cells": [("Dice (test)", 0.9)]},
}  # fmt: skip


def test_every_line_has_four_fields_and_each_field_stands_once():
    lines = [line.split("\t") for line in sheet(FACTS, {"v": VOLUME}).splitlines()]
    assert tuple(lines[0]) == COLUMNS and all(len(line) == 4 for line in lines)
    keys = [tuple(line[:3]) for line in lines[1:]]
    assert len(keys) == len(set(keys)) and ["REMBI", "Study", "Description", "Cells in a tissue"] in lines
    for (guideline, module), fields in OPEN.items():
        assert all([guideline, module, field, ASK] in lines for field in fields)


def test_what_the_run_knows_is_filled_in():
    found = {
        tuple(line.split("\t")[1:3]): line.split("\t")[3] for line in sheet(FACTS, {"v": VOLUME}).splitlines()
    }
    assert found["Study", "Author(s)"] == "A; B"
    assert found["Image data: v", "Size description"] == "2 x 10 x 15 µm (z, y, x)"
    assert (
        "7 of 100 slices; all other slices by ultraseg 9.9"
        in found["Annotations: cells of v", "Annotation method"]
    )
    assert found["Annotations: cells of v", "Annotation confidence level"] == "Dice (test) 0.900"
    assert found["Annotations: tissue of v", "Annotation type"] == "semantic mask"
    assert "not measured" in found["Annotations: tissue of v", "Annotation confidence level"]


def test_scores_are_sorted_by_structure():
    rows = [
        {"structure": "cells", "metric": "dice", "split": "test", "value": 0.9},
        {"structure": "cells", "metric": "dice_low", "split": "test", "value": 0.8},
        {"structure": "mito", "metric": "dice", "split": "test", "value": float("nan")},
    ]
    assert scores_of(rows) == {"cells": [("Dice (test)", 0.9)]}
