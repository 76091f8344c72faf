"""Segment properties as Neuroglancer reads them: one name, numbers and tags for every object of the tables."""

import json

import numpy as np
import pandas as pd
from ultraseg.viewer.properties import cell_properties, organelle_properties, protrusion_properties


def read(content):
    about = json.loads(content)
    assert about["@type"] == "neuroglancer_segment_properties"
    found = {one["id"]: one for one in about["inline"]["properties"]}
    ids = about["inline"]["ids"]
    assert all(len(one["values"]) == len(ids) for one in found.values())
    return ids, found


CELLS = pd.DataFrame(
    {
        "cell": [5, 70001], "volume_um3": [1.23456789, 2.0], "surface_um2": [3.0, np.nan], "n_slices": [4, 5],
        "n_neighbours": [1, 0], "n_protrusions": [2, 0], "protrusion_length_um": [0.5, 0],
        "cut_by_edge": [True, False], "nucleus_to_cell_ratio": [np.nan, 0.1],
    }
)  # fmt: skip


def test_cells_have_names_sizes_and_classes():
    ids, found = read(cell_properties(CELLS, [5]))
    assert ids == ["5", "70001"] and found["label"]["values"] == ["cell 5", "cell 70001"]
    assert found["volume_um3"]["values"] == [1.23457, 2.0] and found["volume_um3"]["data_type"] == "float32"
    assert found["surface_um2"]["values"] == [3.0, 0.0]  # JSON has no NaN
    tags = found["tags"]
    assert tags["tags"] == ["cut_by_edge", "labelled", "new", "with_nucleus"] and tags["values"] == [
        [0, 1],
        [2, 3],
    ]
    assert all(" " not in tag for tag in tags["tags"])


def test_where_labels_are_not_known_nothing_is_said_of_them():
    assert read(cell_properties(CELLS, None))[1]["tags"]["tags"] == ["cut_by_edge", "with_nucleus"]


def test_organelles_name_their_cell():
    table = pd.DataFrame(
        {
            "structure": ["mito", "nuclei", "mito"], "id": [1, 1, 2], "cell": [5, 5, 0], "cell_share": [1, 1, 0],
            "volume_um3": [0.1, 9, 0.2], "surface_um2": [1, 1, 1], "n_slices": [1, 1, 1],
            "cut_by_edge": [False, False, True],
        }
    )  # fmt: skip
    ids, found = read(organelle_properties("mito", table))
    assert ids == ["1", "2"] and found["label"]["values"] == ["mito 1 in cell 5", "mito 2"]
    assert found["cell"]["values"] == [5, 0] and found["tags"]["values"] == [[], [0]]


def test_protrusions_name_their_cell():
    table = pd.DataFrame({"protrusion": [1.0], "cell": [41.0], "strength": [0.5], "length_um": [1.75]})
    ids, found = read(protrusion_properties(table))
    assert ids == ["1"] and found["label"]["values"] == ["protrusion 1 of cell 41"]
    assert set(found) == {"label", "cell", "strength", "length_um"}
