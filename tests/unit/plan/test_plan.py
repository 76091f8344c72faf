"""The plan of a run: structures, networks and volumes, how labelled slices are shared out, gaps."""

import math

import pytest
from tiny_plan import (
    LABELLED,
    make_config,
    make_plan,
    plan_holding_out,
    plan_in_volume,
    plan_with_bad_slices,
    plan_without_cells,
    two_volumes,
    write_stack,
)
from ultraseg.base.errors import UserError
from ultraseg.grid.gaps import Gap
from ultraseg.plan import plan as plan_module
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_training_on_labelled_volumes_and_applying_to_all(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path)))
    for network in plan.networks.values():
        assert (network.train_on, network.apply_to) == (("a",), ("a", "b"))
    assert plan.structures_in("b") == ["cells", "nuclei", "membrane"]
    assert (plan.organelles_in("b"), plan.masks_in("b"), plan.has_cells("b")) == (
        ["nuclei"],
        ["membrane"],
        True,
    )
    assert plan.gaps("b") == [] and plan.holdouts("b") == {} and plan.split("context", "b") == {}


def test_lists_of_volumes_are_obeyed(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path, apply_to=["b"])))
    assert plan.structures_in("a") == [] and not plan.has_cells("a")
    assert (
        plan.applied == ["b"]
        and plan.networks_of("a") == []
        and plan.networks_of("b") == ["context", "detail"]
    )
    with pytest.raises(UserError, match="networks.context: structure 'nuclei' has no labels in b"):
        Plan(load_config(two_volumes(tmp_path, train_on=["b"])))


@pytest.mark.parametrize("wanted, side", [(512, 48), (64, 48)])
def test_prediction_tiles_are_no_larger_than_needed(tmp_path, wanted, side):
    config = make_config(tmp_path)
    config["networks"]["detail"] |= {"predict_tile": wanted, "overlap": 16}
    plan = Plan(load_config(config))
    assert plan.predict_tile("detail") == side  # 40 pixels wide: the next multiple of 16
    assert plan.predict_tile("context") == 16


def test_a_network_that_is_applied_nowhere_is_refused(tmp_path):
    with pytest.raises(UserError, match="apply_to"):
        load_config(two_volumes(tmp_path, apply_to=[]))


def test_splits_of_a_network(tmp_path):
    plan = make_plan(tmp_path)
    split = plan.split("context", "a")
    assert list(split) == list(LABELLED) and split[0] == split[20] == "train"
    assert sorted(split.values()) == ["test", "train", "train", "train", "validation"]
    assert plan.slices_of_split("cells", "a", "test") == [z for z, use in split.items() if use == "test"]
    assert plan.split("detail", "a") == {0: "train", 5: "validation"}


def test_listed_slices_and_several_volumes_do_not_go_together(tmp_path):
    config = two_volumes(tmp_path)
    config["volumes"]["b"]["labels"] = {"cells": {"path": "b", "first_slice_number": 100}}
    config["networks"]["context"]["test"] = [5]
    plan = Plan(load_config(config))
    with pytest.raises(UserError, match="networks.context: validation or test lists slices"):
        plan.split("context", "a")
    config["networks"]["context"]["train_on"] = ["a"]
    plan = Plan(load_config(config))
    assert plan.split("context", "a")[5] == "test"
    assert set(plan.split("context", "b").values()) == {"test"}  # labelled, but nothing is trained on it


def test_the_gap_around_a_held_out_slice_excludes_it(tmp_path):
    config = make_config(tmp_path)
    config["networks"]["context"]["test"] = [5, 15]
    plan = Plan(load_config(config))
    assert plan.holdouts("a") == {5: Gap(0, 10, True, True), 15: Gap(10, 20, True, True)}
    assert [gap.name for gap in plan.gaps("a")] == [
        "00000-00005",
        "00005-00010",
        "00010-00015",
        "00015-00020",
    ]
    assert plan.gap("a", "00000-00010") == Gap(0, 10, True, True)
    assert plan.gap("a", "00005-00010") == Gap(5, 10, True, True)


@pytest.mark.parametrize(
    "most, expected", [(0, [20]), (1, [10, 20]), (2, [5, 15, 20]), (3, [5, 10, 15, 20]), (9, [5, 10, 15, 20])]
)
def test_slices_that_are_left_out_are_spread_evenly_and_have_labels_on_both_sides(tmp_path, most, expected):
    config = make_config(tmp_path)
    config["networks"]["context"]["test"] = [20]  # is always scored
    config["evaluate"] = {"leave_one_out": most}
    plan = Plan(load_config(config))
    found = plan.left_out("a")
    assert list(found) == expected
    for z, gap in found.items():
        assert gap == (Gap(z - 5, z + 5, True, True) if z < 20 else Gap(15, 20, True, False))
        assert plan.gap("a", gap.name) == gap


@pytest.mark.parametrize("held", [0, 20])
def test_a_held_out_end_of_the_stack_is_not_carried_from_itself(tmp_path, held):
    config = make_config(tmp_path)
    config["networks"]["context"]["test"] = [held]
    plan = Plan(load_config(config))
    gap = plan.holdouts("a")[held]
    assert (gap.first if held == 0 else gap.last) == held
    assert not (gap.first_given if held == 0 else gap.last_given)
    assert plan.gap("a", gap.name) == gap
    assert gap.name not in {other.name for other in plan.gaps("a")}


@pytest.mark.parametrize("labelled", [(0, 20), (0, 7, 20), (3, 9), (0, 1, 2, 20)])
def test_every_gap_of_a_volume_that_nothing_is_trained_on_has_its_own_name(tmp_path, labelled):
    config = two_volumes(tmp_path)
    write_stack(tmp_path / "c", range(21))
    write_stack(tmp_path / "c_cells", labelled, dtype="uint16")
    config["volumes"]["c"] = {"image": "c", "voxel_size_nm": [4, 4, 4], "labels": {"cells": "c_cells"}}
    for network in config["networks"].values():
        network["train_on"] = ["a"]
    plan = Plan(load_config(config))
    assert list(plan.holdouts("c")) == list(labelled)
    for z, gap in plan.holdouts("c").items():
        assert plan.gap("c", gap.name) == gap, f"held-out slice {z}"


def test_small_slices_have_small_overlaps(tmp_path):
    plan = Plan(load_config(make_config(tmp_path)))
    assert plan.predict_tile("context") == 16
    assert plan.overlap("context") == 4


def test_a_roi_counts_from_its_corner(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16], "x": [10, 40]}
    config["networks"]["context"] |= {"validation": [10], "test": [15]}
    plan = Plan(load_config(config))
    a = plan.volumes["a"]
    assert (a.shape, a.full_shape, a.plane_crop) == ((12, 24, 30), (21, 24, 40), ((0, 24), (10, 40)))
    assert a.image.slices[0].file.endswith("z0004.tif") and a.image.zs == list(range(12))
    assert a.labelled("cells") == [1, 6, 11] and a.labelled("membrane") == [1]
    # slices in the configuration count in the whole stack
    assert plan.split("context", "a") == {1: "train", 6: "validation", 11: "test"}


def test_a_held_out_slice_outside_the_roi_is_named_by_its_own_number(tmp_path):
    config = make_config(tmp_path)
    config["volumes"]["a"]["roi"] = {"z": [4, 16]}
    config["networks"]["context"]["test"] = [20]
    with pytest.raises(UserError, match=r"test slice 20 has no label") as error:
        plan = Plan(load_config(config))
        plan.split("context", "a")
    assert "[5, 10, 15]" in error.value.cure


def test_a_plan_without_cells_has_no_gaps(tmp_path):
    plan = plan_without_cells(tmp_path)
    assert plan.cells is None and not plan.has_cells("a")
    assert plan.gaps("a") == [] and plan.holdouts("a") == {} and plan.left_out("a") == {}
    assert plan.containers_in("a") == {"cell": None, "nucleus": "nuclei"} and plan.cell_downsample == 1
    for asked in ("cells_name", "cells_network"):
        with pytest.raises(LookupError, match="no structure is of kind cells"):
            getattr(plan, asked)


def test_structures_that_contain_others(tmp_path):
    plan = make_plan(tmp_path)
    assert plan.containers_in("a") == {"cell": "cells", "nucleus": "nuclei"}
    assert plan.kinds_in("a") == {"cells": "cells", "nuclei": "organelle", "membrane": "mask"}
    assert plan.roles_in("a") == {"nuclei": "nuclei"}
    assert plan.cells_name == "cells" and plan.cells_network.name == "context" and plan.cell_downsample == 4


def test_nuclei_of_another_name_have_a_role(tmp_path):
    def renamed(**settings):
        config = make_config(tmp_path)
        volume = config["volumes"]["a"]
        volume["labels"] = {"karyon" if s == "nuclei" else s: path for s, path in volume["labels"].items()}
        config["structures"]["karyon"] = config["structures"].pop("nuclei") | settings
        config["networks"]["context"]["structures"] = ["karyon", "cells"]
        return Plan(load_config(config))

    assert renamed().containers_in("a")["nucleus"] is None
    assert renamed(role="nuclei").containers_in("a") == {"cell": "cells", "nucleus": "karyon"}
    assert renamed(role="none").roles_in("a") == {}


@pytest.mark.parametrize("device, gpus, asked", [("cpu", 1, 0), ("gpu", 1, 1), ("gpu", 4, 4)])
def test_gpus_are_asked_for_where_networks_run_on_them(tmp_path, device, gpus, asked):
    plan = make_plan(tmp_path, device=device, gpus=gpus)
    assert plan.gpus == asked
    # A batch that nobody set has a crop for each GPU, and two at least.
    assert {net.settings["batch"] for net in plan.networks.values()} == {max(2, asked)}


def test_networks_that_come_from_elsewhere_are_not_trained(tmp_path):
    plan = make_plan(tmp_path)
    assert plan.trained == ["context", "detail"]
    plan.networks["detail"].settings["model"] = "other.keras"
    assert plan.trained == ["context"]


def test_the_file_of_a_network_is_that_of_the_device(tmp_path):
    plan = make_plan(tmp_path)
    plan.networks["detail"].settings["int8"] = True
    assert (plan.model_suffix("context"), plan.model_suffix("detail")) == ("tflite", "int8.tflite")
    plan.config["device"] = "gpu"
    assert plan.model_suffix("detail") == "keras"


def test_a_network_sees_good_slices_around_all_labelled_ones_but_those_of_the_test(tmp_path):
    plan = plan_holding_out(tmp_path, 10)
    contexts = plan.contexts("context", "a")
    assert contexts == {0: [0, 0, 1], 5: [4, 5, 6], 15: [14, 15, 16], 20: [19, 20, 20]}
    contexts = plan_with_bad_slices(tmp_path).contexts("context", "a")
    assert 10 not in contexts and contexts[5] == [2, 5, 6]


def test_the_problems_of_all_volumes_are_told_at_once(tmp_path):
    config = two_volumes(tmp_path)
    for name in ("a", "b"):
        config["volumes"][name]["image"] = f"no_{name}"
    with pytest.raises(UserError, match="(?s)no_a.*no_b"):
        Plan(load_config(config))


@pytest.mark.parametrize("method", ["flow", "volume", "auto"])
def test_ids_are_carried_as_the_key_says_where_voxels_are_near_isotropic(tmp_path, method):
    plan = plan_in_volume(tmp_path, method)
    assert plan.method("a") == method and plan.has_cuts("a") == (method != "flow")


def test_thick_slices_are_walked_through_unless_the_key_says_otherwise(tmp_path):
    thick = {"voxel_size_nm": [40, 4, 4]}
    assert plan_in_volume(tmp_path, "auto", **thick).method("a") == "flow"
    assert plan_in_volume(tmp_path, "volume", **thick).method("a") == "volume"


def test_cuts_are_predicted_where_a_step_along_z_is_as_long_as_a_pixel(tmp_path):
    assert (plan_in_volume(tmp_path).depth_step("a"), plan_in_volume(tmp_path).cut_count("a")) == (1, 21)
    fine = plan_in_volume(tmp_path, voxel_size_nm=[4, 4, 4])
    assert (fine.depth_step("a"), fine.cut_count("a"), fine.method("a")) == (4, 6, "auto")


def test_without_a_slice_to_compare_on_near_isotropic_volumes_are_taken_as_such(tmp_path):
    config = make_config(tmp_path, labelled=(0, 20), propagate={"method": "auto"})
    config["volumes"]["a"]["voxel_size_nm"] = [16, 4, 4]
    plan = Plan(load_config(config))
    assert plan.tries("a") == {} and plan.method("a") == "volume"


def test_methods_are_compared_on_slices_that_no_network_saw_where_there_are_any(tmp_path):
    plan = plan_in_volume(tmp_path)
    assert {*plan.tries("a")} <= {*plan.left_out("a")} and plan.tries("a")
    held = plan_holding_out(tmp_path, 10)
    assert held.tries("a") == held.holdouts("a") and [*held.tries("a")] == [10]


@pytest.mark.parametrize(("pixels", "slices"), [(10**9, 4), (3.5, 3), (2.2, 2), (0.5, 1)])
def test_methods_are_compared_on_fewer_slices_where_these_are_large(tmp_path, monkeypatch, pixels, slices):
    labelled = (0, 4, 8, 12, 16, 20)
    config = make_config(tmp_path, labelled=labelled, propagate={"method": "auto"})
    config["volumes"]["a"]["voxel_size_nm"] = [16, 4, 4]
    plan = Plan(load_config(config))
    monkeypatch.setattr(plan, "holdouts", lambda volume: {})
    plane = math.prod(plan.volumes["a"].plane(plan.cell_downsample))
    monkeypatch.setattr(plan_module, "TRIED_PIXELS", int(pixels * plane))
    assert len(plan.tries("a")) == slices and {*plan.tries("a")} <= {*labelled[1:-1]}
    assert plan.tried_pixels("a") == plane
    monkeypatch.setattr(
        plan_module, "TRIED_WINDOW", max(1, plane // 2)
    )  # a window of each slice is half of it
    assert len(plan.tries("a")) == min(4, max(1, int(int(pixels * plane) / plan.tried_pixels("a"))))
    assert plan.tried_pixels("a") == plane // 2


def test_the_labels_are_looked_through_once_however_many_gaps_ask_for_the_method(tmp_path, monkeypatch):
    plan, asked = plan_in_volume(tmp_path), []
    tries = plan.tries
    monkeypatch.setattr(plan, "tries", lambda volume: asked.append(volume) or tries(volume))
    assert {plan.method("a") for _ in range(5)} == {"auto"} and asked == ["a"]
