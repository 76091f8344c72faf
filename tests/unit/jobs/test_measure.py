"""What measuring reads: slabs with the face of the next one, and all tables."""

import pytest
from asked import files, slabs, spec
from tiny_plan import make_plan, plan_with_bad_slices, plan_without_cells, two_volumes
from ultraseg.jobs.measure import MEASURES, Measure, MeasureSlab
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_a_slab_is_measured_with_the_face_of_the_next_one(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "measure_slab", slab=1) == {
        "labels": [
            f"results/a/image.zarr/labels/{s}/0/{f}"
            for s in ("cells", "nuclei", "membrane")
            for f in ("c/1/0/0", "c/2/0/0")
        ]
    }
    assert not [file for file in files(plan, "measure_slab", slab=5)["labels"] if "c/6/" in file]


def test_overlaps_are_counted_with_cells_and_nuclei_and_contacts_between_cells(tmp_path):
    told = spec(make_plan(tmp_path), "measure_slab", slab=1)
    assert told.structures == ["cells", "nuclei", "membrane"]
    assert (told.containers, told.touching, told.n_slices) == (["cells", "nuclei"], ["cells"], 21)
    told = spec(plan_without_cells(tmp_path), "measure_slab", slab=1)
    assert (told.containers, told.touching) == (["nuclei"], [])


def test_tables_are_made_from_all_slabs_and_from_linking(tmp_path):
    plan, work = make_plan(tmp_path), "results/a/work"
    found = files(plan, "measure")
    for kind in MEASURES:
        assert found[kind] == [f"{work}/measures/{slab}.{kind}.parquet" for slab in range(6)]
    assert found["nodes"] == f"{work}/link/nodes.parquet"
    assert found["protrusions"] == f"{work}/link/protrusions.parquet"
    assert slabs(found["pieces"], "work/pieces") == list(range(6))
    level = plan.volumes["a"].measure_level
    for role, structure in (("cell", "cells"), ("nucleus", "nuclei")):
        assert slabs(found[f"coarse_{role}"], f"image.zarr/labels/{structure}/{level}") == list(range(6))


def test_without_cells_nothing_of_linking_is_read(tmp_path):
    plan = plan_without_cells(tmp_path)
    assert not {"nodes", "protrusions", "pieces", "coarse_cell"} & set(files(plan, "measure"))
    told = spec(plan, "measure")
    assert (told.cells, told.nuclei, told.cell_downsample) == (None, "nuclei", 1)


def test_tables_know_kinds_sizes_and_bad_slices(tmp_path):
    told = spec(plan_with_bad_slices(tmp_path), "measure")
    assert (told.organelles, told.masks, told.cells, told.nuclei) == (
        ["nuclei"],
        ["membrane"],
        "cells",
        "nuclei",
    )
    assert told.replaced == {3: 2, 4: 5, 7: 6, 8: 6, 9: 6, 10: 13, 11: 13, 12: 13}
    assert (told.shape, told.voxel_size_nm, told.cell_downsample) == ((21, 24, 40), (4, 4, 4), 4)
    assert (told.level, told.factor) == (0, (1, 1, 1))


@pytest.mark.parametrize("kind, jobs", [(MeasureSlab, 6), (Measure, 1)])
def test_a_volume_that_only_trains_is_not_measured(tmp_path, kind, jobs):
    plan = Plan(load_config(two_volumes(tmp_path, apply_to=["a"])))
    assert len(kind.each(plan, "a")) == jobs and kind.each(plan, "b") == []


def test_the_cost_of_a_slab_is_that_of_all_structures_and_of_the_face(tmp_path):
    plan = make_plan(tmp_path)
    assert spec(plan, "measure_slab", slab=1).pixels(plan) == (5 * 3 * 24 * 40, 3 * 24 * 40)
