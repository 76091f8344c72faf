"""docs/tables.md names every column of the tables of a run, and no other."""

import re
from pathlib import Path

import pytest
from ultraseg.link.tables import LINK_TYPES, MEETING_TYPES
from ultraseg.measure.protrusions import COURSE_TYPES, PROTRUSION_TYPES
from ultraseg.measure.tables import GEOMETRY, ORGANELLE_COLUMNS, cell_columns

PAGE = (Path(__file__).parents[3] / "docs/tables.md").read_text()
TABLES = {
    "cells": cell_columns(["X"], []),
    "organelles": [*ORGANELLE_COLUMNS, "nucleus_distance_um", "membrane_distance_um"],
    "protrusions": PROTRUSION_TYPES,
    "courses": COURSE_TYPES,
    "meetings": MEETING_TYPES,
}


def section(name):
    (text,) = re.findall(rf"^## `{name}`:.*?(?=^## )", PAGE, re.M | re.S)
    return text


def named(text):
    """The columns in the first cell of every row of a section's table; names with ... stand for those between."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_described(name):
    columns = set(TABLES[name]) - set(GEOMETRY if name in ("cells", "organelles") else [])
    assert named(section(name)) == columns


def test_columns_of_all_objects_are_described():
    (text,) = re.findall(r"^## Columns that all objects have.*?(?=^## )", PAGE, re.M | re.S)
    assert named(text) | {"y_min", "x_min", "z_max", "y_max"} == set(GEOMETRY)


def test_figures_of_fragments_are_described_in_words():
    text = section("links")
    for name in (
        "pieces",
        "bodies",
        "voxels",
        "outcome",
        "runner-up",
        "margin",
        "nobody",
        "path",
        "`z`, `y`, `x`",
    ):
        assert name in text
    assert {"strength", "nobody", "path", "margin"} <= set(LINK_TYPES)
