"""What scores are made from, and the advice which slices to label next."""

from asked import files, slabs, spec
from tiny_plan import (
    make_config,
    make_plan,
    plan_holding_out,
    plan_in_volume,
    plan_without_cells,
    two_volumes,
)
from ultraseg.evaluate.gain import LOOKED_AT
from ultraseg.grid.gaps import Gap
from ultraseg.jobs.evaluate import ChooseMethod, Evaluate
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan

LABELS = "results/a/work/labels"


def test_all_final_labels_are_scored(tmp_path):
    plan = make_plan(tmp_path)
    found = files(plan, "evaluate")
    assert len(found["final"]) == 3 * 6
    assert slabs(found["final"][:6], "image.zarr/labels/cells/0") == list(range(6))
    assert found["labels"] == [f"{LABELS}/{s}.h5" for s in ("cells", "nuclei", "membrane")]
    assert found["slices"] == "results/a/tables/slices.parquet"
    assert found["advice"] == ["results/a/tables/label_next.parquet"]
    assert found["meetings"] == ["results/a/tables/meetings.parquet"]


def test_truth_is_read_for_what_is_predicted(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["truth"] = {"cells": "cells", "protrusions": "nuclei"}
    plan = Plan(load_config(config))
    numbers = [f"z{z:04d}.tif" for z in (0, 5, 10, 15, 20)]
    both = [str(tmp_path / folder / number) for folder in ("cells", "nuclei") for number in numbers]
    assert files(plan, "evaluate")["truth"] == both
    assert list(spec(plan, "evaluate").truth) == ["cells", "protrusions"]
    only_nuclei = plan_without_cells(tmp_path)
    only_nuclei.volumes["a"].truth = plan.volumes["a"].truth
    assert files(only_nuclei, "evaluate")["truth"] == both[5:]  # of cells, which nothing predicts, none


def test_every_slice_that_is_left_out_is_scored(tmp_path):
    plan = plan_holding_out(tmp_path, 10)
    found = files(plan, "evaluate")["left_out"]
    assert "results/a/work/propagated/00005-00015.h5" in found
    told = spec(plan, "evaluate")
    assert told.left_out == plan.left_out("a") and told.left_out[10] == Gap(5, 15, True, True)
    assert len(found) == len(told.left_out)
    assert told.uses["cells"] == plan.uses("cells", "a") and told.uses["cells"][10] == "test"


def test_validation_slices_are_scored_with_what_the_networks_card_says(tmp_path):
    config = make_config(tmp_path)
    for network in config["networks"].values():
        network["validation"] = 0.3
    plan = Plan(load_config(config))
    told = spec(plan, "evaluate")
    assert told.cards == {s: f"results/models/{plan.network_of(s).name}.json" for s in ("nuclei", "membrane")}
    assert sorted(files(plan, "evaluate")["cards"]) == sorted({*told.cards.values()})
    for network in config["networks"].values():
        network["validation"] = 0
    assert spec(Plan(load_config(config)), "evaluate").cards == {}


def test_organelles_have_a_least_size_of_objects_and_masks_have_none(tmp_path):
    told = spec(make_plan(tmp_path), "evaluate")
    assert told.kinds == {"cells": "cells", "nuclei": "organelle", "membrane": "mask"}
    assert told.min_object_voxels == {"nuclei": 200}


def test_without_cells_nothing_of_them_is_asked_for(tmp_path):
    plan = plan_without_cells(tmp_path)
    found, told = files(plan, "evaluate"), spec(plan, "evaluate")
    assert found["left_out"] == found["advice"] == found["meetings"] == []
    assert (told.cells, told.left_out, told.downsample) == (None, {}, 1)


def test_a_volume_without_labels_is_scored_without(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    found, told = files(plan, "evaluate", volume="b"), spec(plan, "evaluate", volume="b")
    assert found["labels"] == [] and told.labelled == {"cells": [], "nuclei": [], "membrane": []}
    assert len(Evaluate.each(plan, "b")) == 1


def test_slices_are_scored_at_their_place_in_the_stack(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"] |= {"roi": {"z": [4, 16], "x": [10, 40]}, "bad_slices": [7]}
    told = spec(Plan(load_config(config)), "evaluate")
    assert (told.first, told.bad, told.plane, told.crop) == (4, (3,), (24, 40), ((0, 24), (10, 40)))
    assert (told.shape, told.pixel_nm) == ((12, 24, 30), (4, 4))


def test_the_cost_is_that_of_all_scored_slices(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["truth"] = {"cells": "cells"}
    plan = Plan(load_config(config))
    looked_at = LOOKED_AT * len(plan.left_out("a"))
    assert looked_at and spec(plan, "evaluate").pixels(plan) == (
        (5 + 5 + 5 + 2 + looked_at) * 24 * 40,
        24 * 40,
    )


def test_advice_is_taken_from_linking_and_all_gaps(tmp_path):
    plan = make_plan(tmp_path)
    assert files(plan, "label_next") == {
        "nodes": "results/a/work/link/nodes.parquet",
        "propagated": [f"results/a/work/propagated/{gap.name}.h5" for gap in plan.gaps("a")],
        "slices": "results/a/tables/slices.parquet",
    }
    told = spec(plan, "label_next")
    assert (told.labelled, told.downsample) == ([0, 5, 10, 15, 20], 4)
    assert told.cost(plan) == spec(plan, "link").cost(plan)


def test_both_methods_are_compared_on_the_same_slices(tmp_path):
    plan = plan_in_volume(tmp_path)
    told = spec(plan, "choose_method")
    assert [*told.tried] == ["flow", "volume"]
    assert [*told.tried["flow"]] == [*told.tried["volume"]] == [*plan.tries("a")] != []
    assert len(set(files(plan, "choose_method")["tried"])) == 2 * len(plan.tries("a"))
    assert len(ChooseMethod.each(plan, "a")) == 1
    for settled in (make_plan(tmp_path), plan_in_volume(tmp_path, "volume"), plan_without_cells(tmp_path)):
        assert ChooseMethod.each(settled, "a") == []
