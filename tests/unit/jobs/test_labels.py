"""Which label files are checked, and which labelled slices are compared with the image."""

import nibabel
import numpy as np
import pytest
import tifffile
from asked import files, slabs, spec
from tiny_plan import LABELLED, make_config, make_plan, plan_with_planes
from ultraseg.jobs.labels import MOST_FITTED, CorrectedLabels, LabelFit, LabelPlanes, Labels
from ultraseg.jobs.spec import Wildcards
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


@pytest.fixture
def corrected(tmp_path):
    """Slice 7, which was not labelled, was proofread: cells and the membrane."""
    config = make_config(tmp_path)
    config["volumes"]["a"]["corrections"] = "corrections"
    for structure in ("cells", "membrane"):
        (tmp_path / "corrections" / structure).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "corrections" / structure / "z00007.tif", np.ones((24, 40), np.uint16))
    return Plan(load_config(config))


def test_all_label_files_of_a_structure_are_read(tmp_path):
    plan = make_plan(tmp_path)
    names = [str(tmp_path / "cells" / f"z{z:04d}.tif") for z in LABELLED]
    assert files(plan, "labels", structure="cells") == {"labels": names}
    told = spec(plan, "labels", structure="membrane")
    assert (told.kind, told.ids_consistent, told.shape, told.plane) == ("mask", True, (21, 24, 40), (24, 40))
    assert told.uses == {0: "train", 5: "validation"}


def test_labels_of_a_roi_are_cut_from_slices_of_the_source(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16], "x": [10, 40]}
    plan = Plan(load_config(config))
    told = spec(plan, "labels", structure="cells")
    assert (told.shape, told.plane, told.crop) == ((12, 24, 30), (24, 40), ((0, 24), (10, 40)))
    assert list(told.uses) == [1, 6, 11]
    # Messages tell the number that the first slice of the stack, not of the roi, has in the files of labels.
    assert spec(plan, "labels_fit", structure="cells").first_slice_number == 0


def test_corrections_of_cells_are_checked_apart_from_what_networks_learn_from(corrected, tmp_path):
    first, both = (spec(corrected, rule, structure="cells") for rule in ("labels", "labels_corrected"))
    assert list(first.uses) == first.source.zs == list(LABELLED)
    assert both.source.zs == sorted([*LABELLED, 7]) and both.uses[7] == "corrected"
    found = files(corrected, "labels_corrected", structure="cells")["labels"]
    assert set(found) - set(files(corrected, "labels", structure="cells")["labels"]) == {
        str(tmp_path / "corrections/cells/z00007.tif")
    }
    assert spec(corrected, "labels", structure="membrane").uses[7] == "train"


def test_memory_for_labels_and_truth_in_a_packed_file_is_asked_for(tmp_path):
    config = make_config(tmp_path)
    values = np.zeros((21, 24, 40), np.uint16)
    values[[0, 5, 10, 15, 20], 4:9] = 1
    values[5, 12:15] = 2
    for name in ("packed.nii.gz", "plain.nii"):
        nibabel.save(nibabel.Nifti1Image(values.T, np.eye(4)), tmp_path / name)
    held = {}
    for name in ("plain.nii", "packed.nii.gz"):
        config["volumes"]["a"]["labels"]["cells"] = name
        config["volumes"]["a"]["truth"] = {"cells": name}
        plan = Plan(load_config(config))
        assert spec(plan, "labels", structure="cells").source.zs == list(LABELLED)
        held[name] = [
            spec(plan, rule, structure="cells").cost(plan).mem_mb for rule in ("labels", "evaluate")
        ]
    more = [packed - plain for plain, packed in zip(*held.values(), strict=True)]
    assert more == pytest.approx([2 * values.nbytes / 1e6] * 2)


def test_corrections_are_counted_with_the_first_labels(corrected):
    assert Labels.each(corrected, "a") == LabelFit.each(corrected, "a")
    assert Labels.each(corrected, "a") == [
        Wildcards(volume="a", structure=s) for s in ("cells", "nuclei", "membrane")
    ]
    assert CorrectedLabels.each(corrected, "a") == []


def test_numbering_is_checked_on_some_slices_with_both_neighbours(tmp_path):
    plan = make_plan(tmp_path)
    told = spec(plan, "labels_fit", structure="cells")
    assert (told.zs, told.n_slices, told.first_slice_number) == ([0, 5, 10, 15, 20], 21, 0)
    found = files(plan, "labels_fit", structure="cells")
    assert found["labels"] == "results/a/work/labels/cells.h5"
    assert slabs(found["images"], "image.zarr/0") == [0, 1, 2, 3, 4, 5]
    found = files(plan, "labels_fit", structure="membrane")  # slices 0 and 5: 0, 1 and 4, 5, 6
    assert slabs(found["images"], "image.zarr/0") == [0, 1]


def test_numbering_of_corrected_slices_is_not_doubted(corrected):
    assert spec(corrected, "labels_fit", structure="cells").zs == list(LABELLED)


def test_of_many_labelled_slices_only_a_dozen_is_compared_with_the_image(tmp_path):
    plan = make_plan(tmp_path, n_slices=60, labelled=range(50))
    chosen = spec(plan, "labels_fit", structure="cells").zs
    assert len(chosen) <= MOST_FITTED == 12 and chosen[0] == 0 and chosen[-1] >= 40


def test_the_cost_is_that_of_the_labelled_slices(tmp_path):
    plan = make_plan(tmp_path)
    for rule in ("labels", "labels_fit"):
        assert spec(plan, rule, structure="cells").pixels(plan) == (5 * 24 * 40, 24 * 40)
        assert spec(plan, rule, structure="membrane").pixels(plan) == (2 * 24 * 40, 24 * 40)


def test_both_neighbours_may_lie_in_other_slabs(tmp_path):
    plan = make_plan(tmp_path, labelled=(8, 15))  # the first slice of slab 2, and the last slice of slab 3
    assert slabs(files(plan, "labels_fit", structure="cells")["images"], "image.zarr/0") == [1, 2, 3, 4]


# ---- planes across the slices
def test_planes_that_lie_alike_are_checked_together_and_against_the_slices(tmp_path):
    plan = plan_with_planes(tmp_path)
    found = files(plan, "labels_planes", structure="cells", plane="yz")
    assert found["planes"] == [str(tmp_path / f"yz/x{x:03d}.tif") for x in (11, 33)]
    assert found["labels"] == "results/a/work/labels/cells.h5"
    told = spec(plan, "labels_planes", structure="cells", plane="xz")
    assert (told.kind, told.full_shape, told.source.zs) == ("cells", (21, 24, 40), [7])
    assert told.zs == list(LABELLED)
    each = LabelPlanes.each(plan, "a")
    assert [(wc.structure, wc.plane) for wc in each] == [("cells", "xz"), ("cells", "yz")]
    assert told.pixels(plan) == (21 * 40 + 5 * 24 * 40, 24 * 40)
    assert LabelPlanes.each(make_plan(tmp_path), "a") == []


def test_another_plane_makes_no_slice_be_checked_again(tmp_path):
    plain = spec(make_plan(tmp_path), "labels", structure="cells")
    assert spec(plan_with_planes(tmp_path), "labels", structure="cells") == plain


def test_planes_of_a_roi_count_from_its_first_row_and_column(tmp_path):
    plan = plan_with_planes(tmp_path, roi={"z": [4, 16], "y": [2, 24], "x": [20, 40]})
    assert {p: s.zs for p, s in plan.volumes["a"].planes["cells"].items()} == {"xz": [5], "yz": [13]}
    told = spec(plan, "labels_planes", structure="cells", plane="xz")
    assert told.roi == ((4, 16), (2, 24), (20, 40)) and told.zs == [1, 6, 11]
