"""The tables of a volume, with and without what linking found."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.measure.slab import measure_slices
from ultraseg.measure.volume import Linked, measure_tables

VOXEL_NM = (40.0, 10.0, 10.0)


@pytest.fixture
def labels():
    cells, mito = np.zeros((2, 6, 20, 24), np.uint32)
    cells[:, 2:18, 2:20] = 5
    mito[2:4, 5:8, 6:10] = 3
    return {"cells": cells, "mito": mito}


def tables(labels, linked=None, containers=None, coarse=None):
    slabs = [
        measure_slices(
            lambda z: {s: stack[z : z + 1] for s, stack in labels.items()},
            slab,
            6,
            within=["cells"],
            touching=["cells"],
        )
        for slab in ((0, 4), (4, 6))
    ]
    return measure_tables(
        {kind: [slab[kind] for slab in slabs] for kind in ("labels", "contacts", "joint")},
        linked,
        VOXEL_NM,
        (6, 20, 24),
        organelles=["mito"],
        masks=[],
        containers=containers or {"cell": "cells", "nucleus": None},
        replaced={},
        coarse=coarse or {"cell": labels["cells"]},
        factor=(1, 1, 1),
    )


def test_an_organelle_has_its_cell_and_its_distance_to_the_membrane(labels):
    found = tables(labels)
    row = found["organelles"].iloc[0]
    assert (row["structure"], row["id"], row["cell"], row["voxels"]) == ("mito", 3, 5, 2 * 3 * 4)
    assert row["membrane_distance_um"] == pytest.approx(0.04, abs=0.02)  # 3 to 4 pixels of 10 nm
    assert found["cells"]["cell"].tolist() == [5] and len(found["protrusions"]) == 0


def test_protrusions_are_measured_along_the_pieces_of_linking(labels):
    pieces = np.zeros((6, 10, 12), np.int32)
    pieces[:, 4, 4] = 1  # a straight course through all slices, at half the size of the image
    nodes = pd.DataFrame({"z": range(6), "piece": 1, "area": 1, "y": 4.0, "x": 4.0, "protrusion": 1})
    protrusions = pd.DataFrame(
        {"protrusion": [1], "cell": [5], "z_first": [0], "z_last": [5], "pieces": [6], "voxels": [6]}
    ).assign(strength=0.9, probability=0.95, z_root=5, y_root=4.0, x_root=4.0)
    made = tables(labels, Linked(nodes, protrusions, lambda z: pieces[z], 2))
    found, course = made["protrusions"].iloc[0], made["courses"]
    assert found["length_um"] == pytest.approx(6 * 0.04)  # from the first face to the last
    assert found["volume_um3"] == pytest.approx(6 * 0.04 * 0.02 * 0.02)
    assert found[["z_root", "y_root", "x_root", "z_tip", "y_tip", "x_tip"]].tolist() == [5, 9, 9, 0, 9, 9]
    assert course["z"].iloc[[0, -1]].tolist() == [5, 0] and set(course["y"]) == {8.5}


def test_without_cells_an_organelle_of_that_name_is_no_cell(labels):
    """The kind of a structure makes it the cells, not its name."""
    found = tables(labels, containers={"cell": None, "nucleus": None}, coarse={"other": labels["cells"]})
    assert found["cells"].empty
