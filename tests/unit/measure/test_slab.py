"""Measures of slabs against plain sums over voxels, and how they add up."""

import numpy as np
import pandas as pd
import pytest
from ultraseg.measure.slab import LABEL_TYPES, add_labels, add_partials, measure_slab

Z0 = 5


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(7)
    blocks = rng.integers(0, 4, (2, 6, 5, 7)).repeat(3, 2).repeat(4, 3).astype(np.uint32)
    cell, mito = blocks[0] * 1_000_003, blocks[1]
    return {"cell": cell, "mito": mito}


def test_sums_and_bounds_are_those_of_the_voxels(labels):
    table = measure_slab(labels, Z0)["labels"].set_index(["structure", "id"])
    assert len(table) == sum(np.unique(stack[stack > 0]).size for stack in labels.values())
    for (structure, label), row in table.iterrows():
        places = np.argwhere(labels[structure] == label) + (Z0, 0, 0)
        assert row["voxels"] == len(places) and row["n_slices"] == len(np.unique(places[:, 0]))
        for i, a in enumerate("zyx"):
            assert row[f"sum_{a}"] == places[:, i].sum()
            assert (row[f"{a}_min"], row[f"{a}_max"]) == (places[:, i].min(), places[:, i].max())
            for k, b in enumerate("zyx"):
                if f"sum_{a}{b}" in table:
                    assert row[f"sum_{a}{b}"] == (places[:, i] * places[:, k]).sum()


def test_shared_voxels_are_counted_within_the_structures_asked_for(labels):
    joint = measure_slab(labels, Z0, within=["cell", "absent"])["joint"]
    assert set(joint["structure"]) == {"mito"} and set(joint["within"]) == {"cell"}
    for row in joint.itertuples():
        both = (labels["mito"] == row.id) & (labels["cell"] == row.within_id)
        assert row.voxels == both.sum() > 0
    inside = (labels["mito"] > 0) & (labels["cell"] > 0)
    assert joint["voxels"].sum() == inside.sum()


def test_a_slab_is_the_sum_of_its_slices(labels):
    whole = measure_slab(labels, Z0, touching=["cell"])
    one_by_one = []
    for i in range(6):
        here = {name: stack[i : i + 1] for name, stack in labels.items()}
        after = {name: stack[i + 1] for name, stack in labels.items()} if i < 5 else None
        one_by_one.append(measure_slab(here, Z0 + i, following=after, touching=["cell"]))
    summed = add_partials(one_by_one[::-1])
    assert whole.keys() == summed.keys() == {"labels", "contacts", "joint"}
    for name, table in whole.items():
        pd.testing.assert_frame_equal(summed[name], table)


def test_nothing_has_tables_of_the_same_types(labels):
    nothing = measure_slab({name: np.zeros_like(stack) for name, stack in labels.items()}, Z0)
    full = measure_slab(labels, Z0)
    for name, table in full.items():
        assert len(nothing[name]) == 0
        assert nothing[name].dtypes.to_dict() == table.dtypes.to_dict()
    assert list(add_labels([])) == list(LABEL_TYPES)


def test_labels_on_several_grids_are_refused(labels):
    with pytest.raises(ValueError, match="differ in shape"):
        measure_slab(labels | {"mito": labels["mito"][:, 1:]}, 0)
